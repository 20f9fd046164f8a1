"""Parser of tables that people edit in a spreadsheet and save as CSV. It reports all faults of a file at once."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

MAX_LISTED_FAULTS = 1_000
"""Maximum number of faults of a file that are listed. The others are only counted."""

_may_be_personal = re.compile(r"(?:\d\D*){8}").search  # matches texts that may contain a CPF, PIS or telephone number


class Fault(NamedTuple):
    """A fault in a file."""

    line: int  # line number, from 1
    column: str | None  # None if the fault concerns the whole line
    what: str  # the name that --json prints

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.column}' if self.column else ''}: {self.what}"


class Row(NamedTuple):
    """A row of the table that is not empty."""

    line: int  # number of the line on which the row begins, from 1
    cells: list[str]  # in the order of `columns` of `read`, without leading and trailing spaces


class Faults(list[Fault]):
    """All faults of a file, ordered by line."""

    @property
    def first_faults(self) -> list[Fault]:
        """The first MAX_LISTED_FAULTS faults."""
        return self[:MAX_LISTED_FAULTS]

    def describe_count(self) -> str:
        """Return the number of faults as text, such as "3 faults"."""
        text = f"{len(self):,} fault{'' if len(self) == 1 else 's'}"
        return f"{text}, the first {MAX_LISTED_FAULTS:,} of which are listed" if len(self) > MAX_LISTED_FAULTS else text


Check = Callable[[Row], Mapping[str, str | None]]
"""Returns a description of the fault, or None, for columns of a row."""


def read(content: bytes, columns: Sequence[str], check: Check = lambda _: {}) -> tuple[list[Row], Faults]:
    """Parse a table.

    The format is CSV in UTF-8, with or without a byte order mark. The delimiter is `,` or `;`, which spreadsheets use
    in Brazil. The first line contains the column names, in any order, and is not case-sensitive.

    Args:
        content: content of the file.
        columns: names of the columns. The file must have exactly these columns.
        check: checks each row that has the right number of cells.

    Returns:
        The rows without faults, and the faults, both ordered by line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], Faults([Fault(line, None, "is not UTF-8; save the spreadsheet as CSV UTF-8")])
    records, csv_faults = _read_csv(text)
    if csv_faults and not records:
        return [], csv_faults
    header, *lines = records or [Row(1, [])]
    columns_by_lower_case = {name.lower(): name for name in columns}
    names = [columns_by_lower_case.get(name.lower(), name.lower()) for name in header.cells]
    if header_fault := _describe_header_fault(names, columns):
        return [], Faults([Fault(header.line, None, header_fault), *csv_faults])

    rows: list[Row] = []
    faults = Faults()
    order = [names.index(name) for name in columns]
    for line, cells in lines:
        if len(cells) != len(names):
            faults.append(Fault(line, None, f"has {len(cells)} columns instead of {len(names)}"))
            continue
        row = Row(line, [cells[index] for index in order])
        cell_faults = [Fault(line, column, text) for column, text in check(row).items() if text]
        faults += cell_faults
        if not cell_faults:
            rows.append(row)
    return rows, Faults([*faults, *csv_faults])


def _read_csv(text: str) -> tuple[list[Row], Faults]:
    """Return the rows that are not empty and, if the text is not CSV up to its end, the fault."""
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


def _describe_header_fault(names: Sequence[str], columns: Sequence[str]) -> str:
    """Return what is wrong with the column names, or an empty string."""
    expected = f"(expected columns: {','.join(columns)})"
    if set(names).isdisjoint(columns):  # the line may be personal data, so it is not quoted
        return f"names none of the columns {expected}"
    labels = ["with many digits" if _may_be_personal(name) else repr(name) for name in names]
    faults = [f"column {label} is unknown" for name, label in zip(names, labels, strict=True) if name not in columns]
    faults += [f"column {name} is missing" for name in columns if name not in names]
    faults += [f"column {name} is repeated" for name in columns if names.count(name) > 1]
    return f"{'; '.join(faults)} {expected}" if faults else ""
