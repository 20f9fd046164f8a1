"""Targets of the Makefile, and the instructions that `make run` prints."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from ponto.punch import EVENT
from tools.kit import local_stack
from tools.kit.project import ROOT
from tools.local import __main__ as local


@pytest.mark.parametrize("target", ["check-code", "check-template", "check-advisories"])
def test_checks_quote_the_path_of_a_folder_with_a_space(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)

    commands = subprocess.check_output(["make", "-n", "--no-print-directory", target], cwd=folder, text=True)

    assert [word for word in shlex.split(commands, comments=True) if word.startswith("folder/")] == []


def fake_stack() -> Any:
    empty_fields: dict[str, Any] = dict.fromkeys(local_stack.Address._fields, "") | {"pid": 1}
    address = local_stack.Address(**empty_fields | {"api_url": "http://here/ponto", "api_key": "abc"})
    return SimpleNamespace(address=address, aws=SimpleNamespace(log=""), time_zone="Asia/Tokyo")


@pytest.fixture
def instructions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that prints the instructions, and returns what was printed."""

    def print_and_read(http: Mapping[str, Any]) -> str:
        local.print_instructions(fake_stack(), tmp_path, served_files=tuple, endpoints=http.items)
        return capsys.readouterr().out

    return print_and_read


def test_printed_punch_has_new_uuid7_and_time_of_now(instructions: Callable[..., str]) -> None:
    bodies = []
    for _ in range(2):
        words = shlex.split(instructions({}).partition("\ncurl ")[2].partition("\n\n")[0])
        bodies.append(json.loads(words[words.index("-d") + 1]))

    first, second = (UUID(body["id"]) for body in bodies)
    assert (first.version, first.variant) == (7, RFC_4122)
    assert first != second
    age = datetime.now(UTC) - datetime.fromisoformat(bodies[1][EVENT.fields[EVENT.instant].name])
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_get_that_a_slice_proposes_is_printed_with_id_of_printed_punch(instructions: Callable[..., str]) -> None:
    entry = {"get": "/ponto/{id}", "role": "ponto_one"}

    output = instructions({"one": entry | {"nextStep": "check whether the punch is stored"}})

    (punch_id,) = re.findall('"id": "(.+?)"', output)
    assert (
        f"\nThen check whether the punch is stored:\n\ncurl -sS http://here/ponto/{punch_id} -H 'x-api-key: abc'\n"
        in output
    )
    assert "Then check" not in instructions({"one": entry})


Check = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return a function that runs `make check` or another target with fake programs, which print their arguments."""

    def check(
        status: dict[str, int], *, words: Sequence[str] = ("check",), **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        names = [f".venv/bin/{name}" for name in ("ruff", "mypy", "lint-imports", "python", "cfn-lint")]
        names += [
            f".venv-audit/bin/{name}" for name in ("checkov", "check-jsonschema", "pip-audit", "python", "zizmor")
        ]
        for name in (*names, "node_modules/.bin/npm"):
            program = tmp_path / name
            program.parent.mkdir(parents=True, exist_ok=True)
            exits = status.get(name, status.get(program.name, 0))
            program.write_text(f'#!/bin/sh\necho "{program.name} $*"\nexit {exits}\n')
            program.chmod(0o700)
        shutil.copy(ROOT / "Makefile", tmp_path)
        command = ["make", "-o", "setup-dev", *words]
        path = {"PATH": os.environ["PATH"]}
        return subprocess.run(
            command, cwd=tmp_path, env=path | environment, capture_output=True, text=True, check=False
        )

    return check


@pytest.mark.parametrize(
    "program",
    [
        "ruff",
        "mypy",
        "lint-imports",
        ".venv/bin/python",
        "cfn-lint",
        "checkov",
        ".venv-audit/bin/python",
        "check-jsonschema",
        "zizmor",
    ],
)
def test_each_failed_program_fails_the_check(check: Check, program: str) -> None:
    assert check({program: 1}).returncode == 2


def test_missing_path_is_refused_before_packages_are_installed() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of make test
    run = subprocess.run(
        ["make", "test", "ARGS=tests/unti"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stdout) == (2, "")
    assert "there is no tests/unti" in run.stderr
