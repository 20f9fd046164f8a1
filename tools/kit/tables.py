"""Tables for a terminal, or for whoever reads them from a file."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.kit.output import printable

_PIPED_WIDTH = 200  # columns, where nobody's terminal says
_WRAPPED_WIDTH = 18  # that a long text has at least: four go beside each other in 80 columns
_GAP = 2  # between two columns


class Column(NamedTuple):
    """A column of a table."""

    name: str
    right: bool = False  # numbers
    wraps: bool = False  # where the terminal is narrow; the others are shortened only if that does not suffice


def for_tables() -> Console:
    """Give standard output, as wide as the terminal, or as a reader of a file can do with."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Table:
    """Lay out a table; whatever stands in a cell is made printable."""
    made = Table(box=None, pad_edge=False)
    for name, right, wraps in columns:
        made.add_column(
            name, justify="right" if right else "left", no_wrap=not wraps, overflow="fold" if wraps else "ellipsis"
        )
    for row in rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    return made


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output.

    What a narrow terminal has no room for goes on in its next line, so that an id can still be copied.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    needed = _GAP * (len(columns) - 1)
    for place, column in enumerate(columns):
        width = max(map(cell_len, (column.name, *(row[place] for row in cells))))
        needed += min(width, _WRAPPED_WIDTH) if column.wraps else width
    console = for_tables()
    console.width = max(console.width, needed)
    console.print(table(columns, cells))
