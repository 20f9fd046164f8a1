"""Tables that people keep in a spreadsheet and save as CSV: the cells of each line, and all that is wrong.

In ponto, and not in tools/kit, because a deployed function reads such a table, and the zip has nothing of tools.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

MAX_FAULTS = 1_000
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


class Faults(NamedTuple):
    """What is wrong with a file."""

    listed: list[Fault]  # the first of them, in order of the lines
    total: int

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return self.total > 0

    def counted(self) -> str:
        """Return how many there are, for people."""
        text = f"{self.total:,} fault{'' if self.total == 1 else 's'}"
        return text if self.total == len(self.listed) else f"{text}, the first {len(self.listed):,} of which are listed"


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
    rows: list[Row] = []
    listed: list[Fault] = []
    total = 0
    for each in _read(content, columns, check):
        if isinstance(each, Row):
            rows.append(each)
            continue
        total += 1
        if total <= MAX_FAULTS:
            listed.append(each)
    return rows, Faults(listed, total)


def _read(content: bytes, columns: Sequence[str], check: Check) -> Iterator[Row | Fault]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield Fault(line, None, "is not UTF-8; let the spreadsheet save it as CSV UTF-8")
        return
    records = _records(text)
    first = next(records, Row(1, []))
    if isinstance(first, Fault):
        yield first
        return
    known = {name.lower(): name for name in columns}
    names = [known.get(name.lower(), name.lower()) for name in first.cells]
    if wrong_names := _wrong_names(names, columns):
        yield Fault(first.line, None, wrong_names)
        yield from (each for each in records if isinstance(each, Fault))
        return
    order = [names.index(name) for name in columns]
    for each in records:
        if isinstance(each, Fault):
            yield each
        elif len(each.cells) != len(names):
            yield Fault(each.line, None, f"has {len(each.cells)} columns instead of {len(names)}")
        else:
            row = Row(each.line, [each.cells[index] for index in order])
            faults = [Fault(row.line, column, what) for column, what in check(row).items() if what]
            yield from faults or (row,)


def _records(text: str) -> Iterator[Row | Fault]:
    """Yield the cells of each record that has any, and at the end where it stops being CSV."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(line, [cell.strip() for cell in cells])
            line = reader.line_num + 1
    except csv.Error as error:
        yield Fault(line, None, f"is not CSV: {error}")


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
