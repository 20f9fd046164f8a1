"""The tables of all commands, including those of slices, in a terminal of 80 columns."""

import importlib
import re
from collections.abc import Iterator, Sequence

import pytest

from slices import enabled
from tools.kit import tables
from tools.kit.project import ROOT
from tools.kit.tables import Column

ID = "3f2c5a52-5b1c-4f63-9d0b-1f6f0d7e9a11"
EMPLOYEE = "9007199254740991"
FREE_TEXTS = {"name", "why", "reason", "what", "by", "device"}
"""Columns whose cells may be longer than a line."""


def columns_of_commands() -> Iterator[tuple[str, Sequence[Column]]]:
    """Yield the columns of each table that a module defines, with their name."""
    for folder in ("tools", "loadtest", *(f"slices/{name}" for name in enabled.names())):
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = file.relative_to(ROOT).with_suffix("")
            if {"tests", "lab"} & {*path.parts} or " Column(" not in file.read_text(encoding="utf-8"):
                continue
            for name, value in vars(importlib.import_module(".".join(path.parts))).items():
                if isinstance(value, tuple) and value and all(isinstance(each, Column) for each in value):
                    yield f"{path}:{name}", value


TABLES = dict(columns_of_commands())


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
def test_table_fits_80_columns_and_cuts_no_id_or_number(
    columns: Sequence[Column],
    is_terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        if is_terminal:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    cells = ["a long text " * 9 if each.min_width else EMPLOYEE if each.align_right else ID for each in columns]

    tables.show(columns, [cells])

    printed = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    assert printed.count(EMPLOYEE) == cells.count(EMPLOYEE)
    assert printed.count(ID) >= sum(not (each.min_width or each.align_right or each.is_optional) for each in columns)
    assert [each.name for each in columns if each.name in FREE_TEXTS and not each.min_width] == []
