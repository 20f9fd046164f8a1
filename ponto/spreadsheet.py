"""Tables that people keep in a spreadsheet and save as CSV: the cells of each line, and all that is wrong."""

import csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

_may_be_a_document = re.compile(r"(?:\d\D*){8}").search


class Fault(NamedTuple):
    """Something wrong with a file."""

    line: int  # of the file, from 1
    column: str | None  # None: the line as a whole
    what: str

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.column}' if self.column else ''}: {self.what}"


class Row(NamedTuple):
    """A line that has anything in it."""

    line: int  # of the file, from 1: where it begins
    cells: list[str]  # in the order of the columns that were asked for, without spaces at their ends


def read(content: bytes, columns: Sequence[str]) -> tuple[list[Row], list[Fault]]:
    """Read a table, whole.

    CSV in UTF-8, with or without a byte order mark, with `,` or, as spreadsheets in Brazil write it, `;` between. The
    first line names the columns, in any order and in capitals or not.

    Args:
        content: of the file.
        columns: their names, all of which must be there, and no other.

    Returns:
        The rows that have as many cells as there are columns, and the faults, both in order of the lines.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [Fault(line, None, "is not UTF-8; let the spreadsheet save it as CSV UTF-8")]
    rows, broken = _rows(text)
    line, first = rows.pop(0) if rows else Row(1, [])
    known = {name.lower(): name for name in columns}
    names = [known.get(name.lower(), name.lower()) for name in first]
    if faults := _wrong_names(line, names, columns):
        return [], faults + broken
    order = [names.index(name) for name in columns]
    faults = [
        Fault(line, None, f"has {len(cells)} columns instead of {len(names)}")
        for line, cells in rows
        if len(cells) != len(names)
    ]
    whole = [Row(line, [cells[place] for place in order]) for line, cells in rows if len(cells) == len(names)]
    return whole, faults + broken


def _rows(text: str) -> tuple[list[Row], list[Fault]]:
    """Return the cells of each record that has any, and where it stops being CSV."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        return rows, [Fault(line, None, f"is not CSV: {error}")]
    return rows, []


def _wrong_names(line: int, names: Sequence[str], columns: Sequence[str]) -> list[Fault]:
    shown = ["of many digits" if _may_be_a_document(name) else repr(name) for name in names]
    what = [f"column {text} is unknown" for name, text in zip(names, shown, strict=True) if name not in columns]
    what += [f"column {name} is missing" for name in columns if name not in names]
    what += [f"column {name} is there twice" for name in columns if names.count(name) > 1]
    return [Fault(line, None, f"{'; '.join(what)} (the first line names {','.join(columns)})")] if what else []
