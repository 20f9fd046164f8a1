"""Tables on terminals of different widths."""

import csv

import pytest

from tools.kit import tables
from tools.kit.tables import Column

COLUMNS = (Column("id"), Column("n", align_right=True), Column("why", wraps=True))
ID, WHY = "00000000-0000-0000-0000-000000000001", "[b]an event[/b]\n:smile: " + "that is long " * 9


@pytest.mark.parametrize("width", ["200", "80", "40"])
def test_no_id_is_cut_and_nothing_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)

    tables.show(COLUMNS, [(ID, "7", WHY)])

    printed = capsys.readouterr().out.split()
    values = [ID, "7", *WHY.replace("\n", "?").split()]
    assert printed == (["id:", ID, "n:", "7", "why:", *values[2:]] if width == "40" else ["id", "n", "why", *values])


def test_many_rows_are_printed_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[ID, str(n), "a, b"] for n in range(301)]
    tables.show(COLUMNS, rows)
    assert list(csv.reader(capsys.readouterr().out.splitlines())) == [["id", "n", "why"], *rows]
