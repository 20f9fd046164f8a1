"""Tables that people keep in a spreadsheet and save as CSV: the cells of each line, and all that is wrong.

In ponto, and not in tools/kit, because a deployed function reads such a table, and the zip has nothing of tools.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

MAX_LISTED_FAULTS = 1_000
"""Faults of a file that are listed; those after them are counted."""

_may_be_a_document = re.compile(r"(?:\d\D*){8}").search


class Fault(NamedTuple):
    """Something wrong with a file."""

    line: int  # of the file, from 1
    column: str | None  # None: the line as a whole
    what: str

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.column}' if self.column else ''}: {self.what}"


class Row(NamedTuple):
    """A line that is not empty."""

    line: int  # of the file, from 1: where it begins
    cells: list[str]  # in the order of the columns that were asked for, without spaces at their ends


class Faults(list[Fault]):
    """All that is wrong with a file, in order of the lines."""

    @property
    def listed(self) -> list[Fault]:
        """The first of them."""
        return self[:MAX_LISTED_FAULTS]

    def describe_count(self) -> str:
        """Return how many there are, as text."""
        text = f"{len(self):,} fault{'' if len(self) == 1 else 's'}"
        return f"{text}, the first {MAX_LISTED_FAULTS:,} of which are listed" if len(self) > MAX_LISTED_FAULTS else text


Check = Callable[[Row], Mapping[str, str | None]]
"""Returns what is wrong with the cells of a row, by column; None: nothing."""


def read(content: bytes, columns: Sequence[str], check: Check = lambda _: {}) -> tuple[list[Row], Faults]:
    """Read a table.

    CSV in UTF-8, with or without a byte order mark, with `,` or, as spreadsheets in Brazil write it, `;` between. The
    first line names the columns, in any order and in capitals or not.

    Args:
        content: of the file.
        columns: their names, all of which must be there, and no other.
        check: of each row that has as many cells as there are columns.

    Returns:
        The rows without a fault, and the faults, both in order of the lines.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], Faults([Fault(line, None, "is not UTF-8; let the spreadsheet save it as CSV UTF-8")])
    records, csv_faults = _read_csv(text)
    if csv_faults and not records:
        return [], csv_faults
    header, *lines = records or [Row(1, [])]
    known = {name.lower(): name for name in columns}
    names = [known.get(name.lower(), name.lower()) for name in header.cells]
    if wrong_names := _wrong_names(names, columns):
        return [], Faults([Fault(header.line, None, wrong_names), *csv_faults])

    rows: list[Row] = []
    faults = Faults()
    order = [names.index(name) for name in columns]
    for line, cells in lines:
        if len(cells) != len(names):
            faults.append(Fault(line, None, f"has {len(cells)} columns instead of {len(names)}"))
            continue
        row = Row(line, [cells[index] for index in order])
        wrong_cells = [Fault(line, column, what) for column, what in check(row).items() if what]
        faults += wrong_cells
        if not wrong_cells:
            rows.append(row)
    return rows, Faults([*faults, *csv_faults])


def _read_csv(text: str) -> tuple[list[Row], Faults]:
    """Return the records that are not empty, and where the text stops being CSV, if it does."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        return rows, Faults([Fault(line, None, f"is not CSV: {error}")])
    return rows, Faults()


def _wrong_names(names: Sequence[str], columns: Sequence[str]) -> str:
    """Describe what is wrong with the names of the columns; empty: nothing."""
    expected = f"(the first line names {','.join(columns)})"
    if set(names).isdisjoint(columns):  # it may be personal data: nothing of it is quoted
        return f"names none of the columns {expected}"
    shown = ["of many digits" if _may_be_a_document(name) else repr(name) for name in names]
    what = [f"column {text} is unknown" for name, text in zip(names, shown, strict=True) if name not in columns]
    what += [f"column {name} is missing" for name in columns if name not in names]
    what += [f"column {name} is there twice" for name in columns if names.count(name) > 1]
    return f"{'; '.join(what)} {expected}" if what else ""
