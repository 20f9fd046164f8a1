"""Exit status, errors, help, completion and option types that all commands share."""

import re
import shlex
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from tests.commands import CommandLine, all_commands, write_stack
from tests.waiting import DEADLINE_SECONDS
from tools import cli
from tools.kit import commands, local_stack, options
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which only Linux has")


@commands.command(epilog="examples:\n  try 1\n      as it stands\n")
@click.argument("count", type=options.POSITIVE)
def attempt(count: int) -> int | None:
    """Return, or fail, as the count says."""
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
        ("x", 2, "'x' is not a whole number"),
    ],
)
def test_command_exits_with_its_status_and_one_message(
    capsys: pytest.CaptureFixture[str], word: str, status: int, message: str
) -> None:
    assert commands.run(attempt, "try", [word]) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("name", "help_command"), [("try", "try --help"), ("make try", "make try ARGS=--help")])
def test_usage_error_suggests_a_command_that_works(
    capsys: pytest.CaptureFixture[str], name: str, help_command: str
) -> None:
    assert commands.run(attempt, name, ["--nothing"]) == 2
    assert f"Try '{help_command}' for help." in capsys.readouterr().err
    assert commands.run(attempt, name, ["--help"]) == 0
    words = "[OPTIONS] COUNT"
    usage = f'make try ARGS="{words}"' if name == "make try" else f"try {words}"
    assert capsys.readouterr().out.startswith(f"Usage: {usage}\n")


def test_help_keeps_the_layout_of_the_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run(attempt, "try", ["--help"]) == 0
    assert capsys.readouterr().out.endswith("\nexamples:\n  try 1\n      as it stands\n")


def test_long_example_is_continued_on_the_next_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = " ".join(["--option value"] * 6)

    @commands.command(epilog=f"examples:\n  try {words}\n      {words}\n")
    def long() -> None:
        """Try."""

    assert commands.run(long, "try", ["--help"]) == 0
    first, second, *meaning = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    assert first.endswith(" \\")
    assert f"{first[:-1]}{second.strip()}" == f"  try {words}"
    assert " ".join(map(str.strip, meaning)) == words


@pytest.mark.parametrize("line", all_commands(), ids=str)
@pytest.mark.parametrize("columns", [80, 200])
def test_help_fits_80_columns_without_cutting_texts(
    line: CommandLine, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    assert commands.run(line.root, line.name, [*line.subcommands, "--help"]) == 0
    usage, *printed = capsys.readouterr().out.splitlines()
    assert len(usage) <= 80
    assert [text for text in printed if len(text) > 80 or text.endswith("...")] == []


def test_help_of_a_group_names_the_commands_of_slices() -> None:
    for group, _, name in (each.partition(" ") for each in cli.COMMANDS):
        assert not name or re.search(rf"\b{name}\b", cli.ponto.commands[group].help or "")


def test_closed_pipe_is_not_an_error() -> None:
    command = f"{shlex.quote(sys.executable)} -m tools.cli --help | head -1; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[-1] == "0"
    assert run.stderr == ""


# Prints something several times, then succeeds or fails.
PRINTING_PROGRAM = """
import sys
from tools.kit import commands, console, output, tables
from tools.kit.errors import CommandError

@commands.command(epilog="examples:")
def print_much():
    for _ in range({lines}):
        {statement}
    if {fails}:
        raise CommandError("it is not done", 1)

sys.exit(commands.run(print_much, "try", []))
"""


@pytest.mark.parametrize(
    ("statement", "lines", "fails"),
    [
        ("print('a line')", 1, True),
        ("print('a line')", 10_000, False),  # more than a buffer
        ("output.data_stream().write('a line')", 1, False),
        ("tables.show([tables.Column('a')], [['line']])", 1, False),
    ],
)
@needs_full
def test_output_that_cannot_be_written_is_reported_in_one_line(statement: str, lines: int, fails: bool) -> None:
    code = PRINTING_PROGRAM.format(statement=statement, lines=lines, fails=fails)
    with Path("/dev/full").open("w") as full:
        completed = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert completed.stderr.splitlines()[-1:] == ["try: the output could not be written: No space left on device"]
    assert completed.returncode == commands.OUTPUT_FAILED_STATUS


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ("tools.cli plan 100 >/dev/full", 74, "ponto: the output could not be written: No space left on device\n"),
        ("tools.cli plan 100 >&-", 74, "ponto: the output could not be written: Bad file descriptor\n"),
        ("tools.cli plan 2>/dev/full", 74, ""),
        ("tools.cli plan 2>&-", 2, ""),
        ("tools.cli plan 100 2>&-", 0, ""),
    ],
)
@needs_full
def test_streams_that_are_full_or_closed_show_no_traceback(line: str, status: int, error: str) -> None:
    command = f"exec {shlex.quote(sys.executable)} -m {line}"

    completed = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (completed.returncode, completed.stderr) == (status, error)


@pytest.mark.parametrize(
    ("line", "word", "completed"),
    [("ponto dl", 1, "plain,dlq\n"), ("ponto remove --prof", 2, "plain,--profile\n")],
    ids=["command", "option of an incomplete line"],
)
def test_a_shell_completes(
    line: str, word: int, completed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_PONTO_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(word))

    assert cli.main() == 0
    assert capsys.readouterr().out == completed


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (options.MONTH, "2026-11", date(2026, 11, 1)),
        (options.DAY, "2026-11-23", date(2026, 11, 23)),
        (options.AGE, "90s", timedelta(seconds=90)),
        (options.AGE, "30m", timedelta(minutes=30)),
        (options.AGE, "2h", timedelta(hours=2)),
        (options.AGE, "7d", timedelta(days=7)),
        (options.AGE, "1w", timedelta(weeks=1)),
        (options.RATE, "0.5", 0.5),
        (options.POSITIVE, "1", 1),
        (options.INTEGER, "-1", -1),
        (options.INSTANT_MS, "1970-01-01", 0),
        (options.INSTANT_MS, "1970-01-01T00:00:01", 1_000),
        (options.INSTANT_MS, "1970-01-01T00:00:01.234Z", 1_234),
        (options.INSTANT_MS, "1970-01-01T01:00:01+01:00", 1_000),
    ],
)
def test_option_value_is_parsed(kind: options.ParsedType | options.IntegerRange, text: str, value: object) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (options.MONTH, "2026-13", "'2026-13' is not a month, like 2026-11"),
        (options.MONTH, "1999-12", "'1999-12': the years are 2000 to 2099"),
        (options.DAY, "2026-02-30", "'2026-02-30' is not a date, like 2026-11-23"),
        (options.AGE, "3y", "'3y' is not a length of time"),
        (options.AGE, "99999999999999999d", "is not a length of time"),
        (options.RATE, "inf", "'inf' is not a number"),
        (options.INTEGER, "\u0661", "'\u0661' is not a whole number"),
        (options.INTEGER, "1_000", "'1_000' is not a whole number"),
        (options.COUNT, "1.5", "'1.5' is not a whole number"),
        (options.EMPLOYEE, "9007199254740992", "9007199254740992 is not in the range"),
        (options.EMPLOYEE, "9" * 5_000, "is not a whole number"),
        (options.PORT, "99999", "99999 is not in the range 1<=x<=65535"),
        (options.INSTANT_MS, "yesterday", "'yesterday' is neither"),
        (options.INSTANT_MS, "99999999999d", "is neither"),
    ],
)
def test_invalid_option_value_is_reported_with_the_expected_format(
    kind: click.ParamType[Any], text: str, message: str
) -> None:
    with pytest.raises(click.BadParameter, match=message):
        kind.convert(text, None, None)


def test_instant_may_be_given_as_an_age() -> None:
    before = round(1_000 * time.time())

    assert 0 <= options.INSTANT_MS.convert("30m", None, None) + 1_800_000 - before < 1_000 * DEADLINE_SECONDS


@pytest.mark.parametrize("text", ["{}", '{"pid": 1, "colour": "red"}', "[]", "", "{"])
def test_local_stack_of_another_version_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)

    with pytest.raises(CommandError, match="; stop that stack, and start it with make run"):
        local_stack.find(tmp_path)


def test_killed_local_stack_is_reported(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    write_stack(tmp_path, pid=process.pid)

    with pytest.raises(CommandError, match="is left over from one that was killed"):
        local_stack.find(tmp_path)
