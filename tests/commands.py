"""Runs of commands in tests: their results, and local stacks' folders."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tools import cli
from tools.kit.local_stack import Address
from tools.kit.project import ROOT


class CommandResult(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., CommandResult]


def needs(program: str) -> pytest.MarkDecorator:
    """Skip the test if a program is missing."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program}; apt-get install {program}")


def runner(
    capsys: pytest.CaptureFixture[str],
    *before: object,
    collaborators: object = None,
    main: Callable[[Sequence[str], Any], int] = cli.main,
) -> Run:
    """Return a function that runs `ponto`, or another command, with the words `before` and its own arguments.

    Its argument `typed` is the user's input at the terminal; None: standard input is not a terminal.
    """

    def run(*words: object, typed: str | None = None, collaborators: object = collaborators) -> CommandResult:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO() if typed is None else _Keyboard(_Typed(typed.encode())))
            return CommandResult(main([str(word) for word in (*before, *words)], collaborators), *capsys.readouterr())

    return run


def run_process(*words: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> CommandResult:
    """Run `ponto` in a subprocess, by default with the environment of this process."""
    command = [sys.executable, "-m", "tools.cli", *map(str, words)]
    completed = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return CommandResult(completed.returncode, completed.stdout, completed.stderr)


class _Typed(io.BytesIO):
    name = "<stdin>"


class _Keyboard(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def write_stack(folder: Path, **fields: str | int) -> Path:
    """Write the stack.json of a local stack that appears to run; return its folder.

    Args:
        folder: Folder of the local stack.
        fields: Fields of `Address`; the others are empty, except `pid`, which is the id of this process.
    """
    address = dict.fromkeys(Address._fields, "") | {"pid": os.getpid()}
    (folder / "stack.json").write_text(json.dumps(address | fields), encoding="utf-8")
    return folder


def write_stack_with_database(folder: Path, url: str, dlq_url: str = "", aws: str = "http://127.0.0.1:9") -> Path:
    """Write the stack.json of a local stack with this database; return its folder.

    By default its AWS endpoint is port 9, where no process listens.
    """
    return write_stack(
        folder,
        database_url=url,
        queue_url=dlq_url,
        dlq_url=dlq_url,
        aws_endpoint_url=aws,
        aws_access_key_id="LOCAL",
    )
