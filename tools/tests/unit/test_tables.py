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
