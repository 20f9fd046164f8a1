"""Tables of rows for a terminal or a file."""

import csv
import re
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ponto.shared.fields import INVISIBLE_CHARACTERS
from tools.kit.output import print_result, printable

_MAX_TABLE_ROWS = 300  # Rich takes half a second for them

# Spreadsheets run text that begins with =, +, - or @ as a formula, so an apostrophe is inserted before it, as OWASP
# advises. This also applies after a separator inside a text, where a spreadsheet with other settings begins a cell,
# after invisible characters, and to the full-width forms of the four characters.
_FORMULA = re.compile(rf"""(^|[;,\t\n"'])([{INVISIBLE_CHARACTERS}]*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])""")


class Column(NamedTuple):
    """A column of a table."""

    name: str
    align_right: bool = False  # for numbers
    wraps: bool = False  # between words, on a narrow terminal; not for ids and times


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a table; many rows as CSV, and rows that are wider than the terminal as lines `name: value`."""
    names = [column.name for column in columns]
    cells = [[printable(cell) for cell in row] for row in rows]
    if len(cells) > _MAX_TABLE_ROWS:
        csv.writer(sys.stdout, lineterminator="\n").writerows([names, *(map(csv_text, row) for row in cells)])
    elif not _print_table(columns, cells):
        for row in cells:
            print_result(*(f"{name}: {cell}" for name, cell in zip(names, row, strict=True)), "")


def csv_text(text: str) -> str:
    """Return a text as a cell of a CSV file that no spreadsheet runs as a formula."""
    return _FORMULA.sub(r"\1\2'", text.replace("\r", " "))  # the module csv does not quote a carriage return


def _print_table(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> bool:
    """Print a table, or return False if it is wider than the terminal."""
    from rich.cells import cell_len  # here, as importing Rich takes longer than `ponto --help`
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    from tools.kit.console import Console

    console = Console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for index, column in enumerate(columns):
        width = max(map(cell_len, [column.name, *(row[index] for row in cells)]))
        table.add_column(
            Text(column.name),
            justify="right" if column.align_right else "left",
            min_width=None if column.wraps else width,
            no_wrap=not column.wraps,  # or Rich narrows the column, and cuts the table off at the terminal's edge
        )
    for row in cells:
        table.add_row(*map(Text, row))  # Text, as a text of others may look like Rich's markup
    if Measurement.get(console, console.options.update_width(sys.maxsize), table).minimum > console.width:
        return False
    console.print(table)
    return True
