"""Running commands in tests, and their results."""

import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from tools import cli
from tools.kit import jmeter
from tools.kit.commands import LazyCommand
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
    """Skip what needs a program that is not there; tools/develop/missing.py names it first."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program}; apt-get install {program}")


def needs_jmeter() -> pytest.MarkDecorator:
    """Skip what needs JMeter where no Java can run it; tools/develop/missing.py names it first."""
    reason = f"no Java {jmeter.MIN_JAVA_VERSION} with JMeter or Maven; apt-get install maven"
    return pytest.mark.skipif(not jmeter.is_available(), reason=reason)


def runner(
    capsys: pytest.CaptureFixture[str],
    *before: object,
    collaborators: object = None,
    main: Callable[[Sequence[str], Any], int] = cli.main,
) -> Run:
    """Return a function that runs `ponto`, or another command, with these words, and those that it is given.

    Its argument `typed` is what somebody at a terminal answers; None: nobody is there.
    """

    def run(*words: object, typed: str | None = None, collaborators: object = collaborators) -> CommandResult:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO() if typed is None else _Keyboard(_Typed(typed.encode())))
            return CommandResult(main([str(word) for word in (*before, *words)], collaborators), *capsys.readouterr())

    return run


def run_process(*words: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> CommandResult:
    """Run `ponto` as a process of its own, with this process' environment by default."""
    command = [sys.executable, "-m", "tools.cli", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return CommandResult(done.returncode, done.stdout, done.stderr)


class _Typed(io.BytesIO):
    name = "<stdin>"


class _Keyboard(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


class CommandLine(NamedTuple):
    """A command as a command line reaches it."""

    root: click.Command
    name: str  # of the root, as a user calls it: `ponto`, `make chaos`
    subcommands: tuple[str, ...]  # names of the groups and the command below `root`
    command: click.Command

    def __str__(self) -> str:
        return " ".join((self.name, *self.subcommands))


def all_commands() -> list[CommandLine]:
    """Find each command and group that some `main` gives to `commands.run`."""
    found = [CommandLine(cli.ponto, "ponto", (), cli.ponto)]
    for folder in ("tools", "lab", "loadtest"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            for command, name in re.findall(r'return commands\.run\((\w+), "([^"]+)"', text):
                module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
                root = getattr(module, command)
                found += [] if root is cli.ponto else [CommandLine(root, name, (), root)]
    return [line for root in found for line in _within(root)]


def _within(line: CommandLine) -> Iterator[CommandLine]:
    yield line
    if isinstance(line.command, click.Group):
        for name, each in line.command.commands.items():
            command = each.load() if isinstance(each, LazyCommand) else each
            yield from _within(line._replace(subcommands=(*line.subcommands, name), command=command))


def write_stack(folder: Path, **fields: str | int) -> Path:
    """Write the stack.json of a stack that seems to run in a folder; return the folder."""
    nowhere = dict.fromkeys(Address._fields, "") | {"pid": os.getpid()}
    (folder / "stack.json").write_text(json.dumps(nowhere | fields), encoding="utf-8")
    return folder


def write_stack_with_database(folder: Path, url: str, dlq_url: str = "", aws: str = "http://127.0.0.1:9") -> Path:
    """Make the folder of a local stack with that database; without a queue, nobody listens on port 9."""
    return write_stack(
        folder,
        database_url=url,
        queue_url=dlq_url,
        dlq_url=dlq_url,
        aws_endpoint_url=aws,
        aws_access_key_id="LOCAL",
    )


class FakeSls:
    """osls that deploys nothing, and packages what it is told to."""

    def __init__(self) -> None:
        self.status = 0  # with which all but packaging ends
        self.while_running: Callable[[], object] = lambda: None  # what happens meanwhile
        self.invocations: list[tuple[str, Sequence[str]]] = []  # commands, and their options
        self.is_protected = False  # the stage
        self.template: dict[str, Any] = {
            "Resources": {
                "PostPunch": {"Type": "AWS::ApiGateway::Method", "Properties": {"AuthorizationType": "NONE"}},
                "SchemaLambdaFunction": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {"Environment": {"Variables": {"TIME_ZONE": "America/Sao_Paulo"}}},
                },
            }
        }

    def __call__(self, command: str, options: Sequence[str], environment: Mapping[str, str]) -> int:
        assert environment["AWS_SECRET_ACCESS_KEY"]
        self.invocations.append((command, options))
        if command == "package":
            self._package(Path(options[options.index("--package") + 1]))
            return 0
        self.while_running()
        return self.status

    @property
    def commands(self) -> list[str]:
        """The commands that were run."""
        return [command for command, _ in self.invocations]

    def add(self, logical_id: str, kind: str, **properties: Any) -> None:
        """Add a resource to the template."""
        self.template["Resources"][logical_id] = {"Type": kind, "Properties": properties}

    def add_cluster(self, *, is_protected: bool = False) -> None:
        self.add(
            "DatabaseCluster",
            "AWS::RDS::DBCluster",
            DeletionProtection=is_protected,
            ServerlessV2ScalingConfiguration={"MaxCapacity": 0},
            BackupRetentionPeriod=0,
        )

    def _package(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        state = {"service": {"provider": {"deletionProtection": self.is_protected}}}
        (folder / "serverless-state.json").write_text(json.dumps(state), encoding="utf-8")
        text = json.dumps(self.template)
        (folder / "cloudformation-template-update-stack.json").write_text(text, encoding="utf-8")


def write_sls(project: Path, script: str) -> None:
    """Write a project's `sls`: what it does is a script of sh."""
    file = project / "node_modules" / ".bin" / "sls"
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
