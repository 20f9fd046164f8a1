"""Tables on terminals of different widths."""

import csv

import pytest

from tools.kit import tables
from tools.kit.tables import Column

COLUMNS = (Column("id"), Column("n", align_right=True), Column("why", wraps=True), Column("author"))
ID, WHY = "00000000-0000-0000-0000-000000000001", "[b]an event[/b]\n:smile: " + "that is long " * 9


@pytest.mark.parametrize("width", range(40, 201))
def test_every_word_is_printed_at_each_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    tables.show(COLUMNS, [(ID, "7", WHY, "local")])

    words = ["id", "n", "why", "author", ID, "7", *WHY.replace("\n", "?").split(), "local"]
    printed = [word.strip(":") for word in capsys.readouterr().out.split()]
    assert sorted(printed) == sorted(word.strip(":") for word in words)


def test_many_rows_are_csv_without_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[ID, '=HYPERLINK("x")', "x;+1", "a, b"]] * 301

    tables.show(COLUMNS, rows)

    expected = [ID, """'=HYPERLINK("x")""", "x;'+1", "a, b"]
    assert list(csv.reader(capsys.readouterr().out.splitlines())) == [["id", "n", "why", "author"], *[expected] * 301]
