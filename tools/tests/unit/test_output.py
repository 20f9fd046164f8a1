"""Output of commands, in which control characters from any source are replaced."""

import json
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

import click
import pytest
from botocore.exceptions import ClientError

from tools.kit import commands, tables
from tools.kit.console import Console, progress
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_result, print_status, printable
from tools.kit.tables import Column

HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b31m\x7f\u202egnp\u2066\u2028\r\tb\udcff"
"""A text that clears the screen, sets title and colour, reverses text, starts a line, and cannot be encoded."""

CONTROL_CHARACTERS = (  # C0, C1, bidirectional overrides, isolates and marks, separators, a lone surrogate
    *(*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    *(0x200E, 0x200F, 0x061C, 0x2028, 0x2029, 0xD800),
)


def _client_error() -> ClientError:
    return ClientError({"Error": {"Code": HOSTILE, "Message": HOSTILE}}, HOSTILE)


def is_harmless(text: str) -> bool:
    """Return whether a text has no control characters but newlines and tabs."""
    return text.replace("\n", "").replace("\t", "").isprintable()


@pytest.mark.parametrize(
    "error",
    [lambda: CommandError(HOSTILE), lambda: click.UsageError(HOSTILE), _client_error, lambda: ValueError(HOSTILE)],
    ids=["error of a command", "error of Click", "error of AWS", "defect"],
)
def test_no_way_of_printing_emits_control_characters(
    error: Callable[[], Exception],
    capsys: pytest.CaptureFixture[str],
) -> None:
    @commands.command(epilog="")
    def print_all() -> None:
        print(HOSTILE)  # noqa: T201
        print(HOSTILE, file=sys.stderr)  # noqa: T201
        click.echo(HOSTILE)
        click.echo(HOSTILE, err=True)
        print_result(HOSTILE, HOSTILE)
        print_status(HOSTILE)
        print_json({HOSTILE: HOSTILE})
        tables.show([Column(HOSTILE), Column("b", wraps=True)], [(HOSTILE, HOSTILE * 20)])
        Console(stderr=True).print(HOSTILE)
        with progress(HOSTILE) as shown:
            shown.add_task(HOSTILE)
        raise error()

    with redirect_stdout(sys.stdout), redirect_stderr(sys.stderr):  # restores the streams that the command replaces
        try:
            assert commands.run(print_all, "try", []) == 2
        except ValueError:
            traceback.print_exc()

    printed = capsys.readouterr()
    assert is_harmless(printed.out)
    assert is_harmless(printed.err)
    assert printed.out.count("title") >= 5
    assert printed.err.count("title") >= 4


def test_control_characters_are_replaced() -> None:
    for code in CONTROL_CHARACTERS:
        assert printable(f"a{chr(code)}b") == "a?b"
        assert printable(f"a{chr(code)}b", lines=True) == (f"a{chr(code)}b" if chr(code) in "\n\t" else "a?b")
    text = "".join(map(chr, range(0x3000)))
    shown = printable(text)
    assert shown.isprintable()
    assert [after for before, after in zip(text, shown, strict=True) if before.isprintable() and after != before] == []


def test_line_break_in_a_value_starts_no_new_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_result("a\n0 failed")
    print_status("b\r\n0 failed")
    commands.run(_refusing, "try", [])

    printed = capsys.readouterr()
    assert printed.out == "a?0 failed\n"
    assert printed.err == "b??0 failed\ntry: c\n  0 failed\n"


@commands.command(epilog="")
def _refusing() -> None:
    raise CommandError("c\n0 failed")


def test_json_is_exact_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({HOSTILE: HOSTILE})

    printed = capsys.readouterr().out
    assert is_harmless(printed)
    assert json.loads(printed) == {HOSTILE: HOSTILE}
