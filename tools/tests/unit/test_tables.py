"""Tables on terminals of different widths."""

import io

import pytest

from tools.kit import tables
from tools.kit.console import Console
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


def test_optional_column_without_room_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    columns = [Column("name", wraps=True, min_width=4, max_width=5), Column("device", is_optional=True)]
    out = io.StringIO()

    assert tables.write(Console(out), columns, [["Maria Souza", "d" * 30]]) == ["device"]

    assert out.getvalue() == "name\nMari…\n"
