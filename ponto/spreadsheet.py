"""Tables that people keep in a spreadsheet and save as CSV: the cells of each line, and all that is wrong."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

MOST_FAULTS = 1_000
"""Lines that have not as many cells as there are columns, after which a file is read no further."""

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
    """Read a table, whole, but no further than its first `MOST_FAULTS` faults.

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
    rows = _rows(text)
    first = next(rows, Row(1, []))
    if isinstance(first, Fault):
        return [], [first]
    known = {name.lower(): name for name in columns}
    names = [known.get(name.lower(), name.lower()) for name in first.cells]
    if faults := _wrong_names(first.line, names, columns):
        return [], faults + [each for each in rows if isinstance(each, Fault)]
    order = [names.index(name) for name in columns]
    whole = []
    for row in rows:
        if isinstance(row, Fault):
            faults.append(row)
        elif len(row.cells) == len(names):
            whole.append(Row(row.line, [row.cells[place] for place in order]))
        else:
            faults.append(Fault(row.line, None, f"has {len(row.cells)} columns instead of {len(names)}"))
        if len(faults) == MOST_FAULTS:
            what = f"is as far as the file was read, which has {MOST_FAULTS:,} faults up to it"
            faults.append(Fault(row.line, None, what))
            break
    return whole, faults


def _rows(text: str) -> Iterator[Row | Fault]:
    """Give the cells of each record that has any, and at the end where it stops being CSV."""
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


def _wrong_names(line: int, names: Sequence[str], columns: Sequence[str]) -> list[Fault]:
    shown = ["of many digits" if _may_be_a_document(name) else repr(name) for name in names]
    what = [f"column {text} is unknown" for name, text in zip(names, shown, strict=True) if name not in columns]
    what += [f"column {name} is missing" for name in columns if name not in names]
    what += [f"column {name} is there twice" for name in columns if names.count(name) > 1]
    return [Fault(line, None, f"{'; '.join(what)} (the first line names {','.join(columns)})")] if what else []
