"""Exit status, errors, help, completion and option types that all commands share."""

import re
import shlex
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from ponto.punch import EVENT
from tests.commands import write_stack
from tools.kit import commands, local_stack, shared_options
from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.local import rows


@commands.command(epilog="examples:\n  try 1\n      as it stands\n")
@click.argument("count", type=shared_options.POSITIVE)
def attempt(count: int) -> int | None:
    """Return or fail, depending on the count."""
    match count:
        case 1:
            return None
        case 2:
            raise CommandError("two is not done", 1)
        case 3:
            raise KeyboardInterrupt
    return 7


@pytest.mark.parametrize(
    ("word", "status", "message"),
    [
        ("1", 0, ""),
        ("2", 1, "try: two is not done\n"),
        ("3", 130, "try: stopped\n"),
        ("5", 7, ""),
        ("0", 2, "0 is not in the range"),
        ("x", 2, "'x' is not a valid integer"),
    ],
)
def test_command_exits_with_its_status_and_one_message(
    capsys: pytest.CaptureFixture[str], word: str, status: int, message: str
) -> None:
    assert commands.run(attempt, "try", [word]) == status
    assert message in capsys.readouterr().err


def test_closed_pipe_is_not_an_error() -> None:
    command = f"{shlex.quote(sys.executable)} -m tools.cli --help | head -1; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[-1] == "0"
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (shared_options.MONTH, "2026-11", date(2026, 11, 1)),
        (shared_options.DAY, "2026-11-23", date(2026, 11, 23)),
        (shared_options.AGE, "90s", timedelta(seconds=90)),
        (shared_options.AGE, "30m", timedelta(minutes=30)),
        (shared_options.AGE, "2h", timedelta(hours=2)),
        (shared_options.AGE, "7d", timedelta(days=7)),
        (shared_options.AGE, "1w", timedelta(weeks=1)),
        (shared_options.RATE, "0.5", 0.5),
        (shared_options.POSITIVE, "1", 1),
        (shared_options.INSTANT_MS, "1970-01-01", 0),
        (shared_options.INSTANT_MS, "1970-01-01T00:00:01", 1_000),
        (shared_options.INSTANT_MS, "1970-01-01T00:00:01.234Z", 1_234),
        (shared_options.INSTANT_MS, "1970-01-01T01:00:01+01:00", 1_000),
    ],
)
def test_option_value_is_parsed(kind: click.ParamType[Any], text: str, value: object) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (shared_options.MONTH, "2026-13", "'2026-13' is not a month, like 2026-11"),
        (shared_options.MONTH, "1999-12", "'1999-12': the years are 2000 to 2099"),
        (shared_options.DAY, "2026-02-30", "'2026-02-30' is not a date, like 2026-11-23"),
        (shared_options.AGE, "3y", "'3y' is not a length of time"),
        (shared_options.AGE, "99999999999999999d", "is not a length of time"),
        (shared_options.COUNT, "1.5", "'1.5' is not a valid integer"),
        (shared_options.EMPLOYEE, "9" * 5_000, re.escape(EVENT.fields[EVENT.subject].kind.error)),
        (shared_options.PORT, "99999", "99999 is not in the range 1<=x<=65535"),
        (shared_options.INSTANT_MS, "yesterday", "'yesterday' is neither"),
        (shared_options.INSTANT_MS, "99999999999d", "is neither"),
    ],
)
def test_invalid_option_value_is_reported_with_the_expected_format(
    kind: click.ParamType[Any], text: str, message: str
) -> None:
    with pytest.raises(click.BadParameter, match=message):
        kind.convert(text, None, None)


@pytest.mark.parametrize("text", ["{}", '{"pid": 1, "colour": "red"}', "[]", "", "{"])
def test_local_stack_of_another_version_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)

    with pytest.raises(CommandError, match="; stop that stack, and start it with make run"):
        local_stack.find(tmp_path)


def test_command_without_a_stage_does_not_suggest_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rows.main(["--state", str(tmp_path)]) == 2

    assert "start it with make run\n" in capsys.readouterr().err


def test_killed_local_stack_is_reported(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    write_stack(tmp_path, pid=process.pid)

    with pytest.raises(CommandError, match="is left over from one that was killed"):
        local_stack.find(tmp_path)
