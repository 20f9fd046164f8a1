"""Layout of tables on narrow terminals and in files."""

import re

import pytest

from tools.kit import tables
from tools.kit.tables import Column


@pytest.fixture
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "40", "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the printed lines, without styles."""
    return re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()


def test_empty_table_has_only_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show([Column("id"), Column("count", align_right=True)], [])

    assert capsys.readouterr().out.split() == ["id", "count"]


@pytest.mark.usefixtures("_narrow")
def test_optional_column_stays_if_rows_need_further_lines_anyway(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = [
        Column("id"),
        Column("received"),
        Column("device", min_width=9, is_optional=True),
        Column("note", min_width=4),
    ]
    row = ("3f2c5a52-5b1c-4f63-9d0b-1f6f0d7e9a11", "2026-11-23 11:03:07Z", "a gate", "")

    tables.show(columns, [row, (row[0], "", "", "")])

    assert lines(capsys) == [
        "id",
        "  received              device  note",
        row[0],
        "  2026-11-23 11:03:07Z  a gate",
        row[0],
    ]


@pytest.mark.usefixtures("_narrow")
def test_long_table_has_one_heading_and_names_omitted_columns_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = [
        Column("n", align_right=True),
        Column("name", min_width=5, max_width=8),
        Column("device", min_width=30, is_optional=True),
    ]

    tables.show(columns, [(str(n), "Max Albuquerque", "d" * 30) for n in range(1, 1_202)])

    heading, *rows = lines(capsys)
    rows, footer = rows[:1_201], rows[1_201:]
    assert heading.split() == ["n", "name"]
    assert [row.split() for row in rows] == [[str(n), "Max", "Alb…"] for n in range(1, 1_202)]
    assert len({len(row) for row in rows}) == 1
    assert " ".join(" ".join(footer).split()) == "columns left out: device"


def test_columns_variable_sets_the_width_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def max_width(columns: str) -> int:
        monkeypatch.setenv("COLUMNS", columns)
        tables.show([Column("n"), Column("detail", min_width=9)], [("1", "word " * 50)])
        return max(map(len, lines(capsys)))

    assert [max_width(columns) for columns in ("", "0", "40", "120")] == [
        77,
        77,
        37,
        117,
    ]  # whole words of five characters


@pytest.mark.usefixtures("_narrow")
def test_wrapped_headings_and_cells_stay_in_their_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = [Column("detail", min_width=9), Column("count of them", align_right=True), Column("m", min_width=4)]

    tables.show(columns, [("日本 " * 12, "7", "a\x1b[1mb"), ("x" * 40, "12", "")])

    assert lines(capsys) == [
        "                             count",
        "                                of",
        "detail                        them  m",
        "日本 日本 日本 日本 日本         7  a?[1",
        "日本 日本 日本 日本 日本            mb",
        "日本 日本",
        "x" * 27 + "     12",
        "x" * 13,
    ]
