"""Tables for a terminal, or for whoever reads them from a file."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.kit.output import printable

_PIPED_WIDTH = 200  # columns, where nobody's terminal says


class Column(NamedTuple):
    """A column of a table."""

    name: str
    right: bool = False  # numbers
    wraps: bool = False  # else it is never shortened


def for_tables() -> Console:
    """Give standard output, as wide as the terminal, or as a reader of a file can do with."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output; whatever stands in a cell is made printable."""
    table = Table(box=None, pad_edge=False)
    for name, right, wraps in columns:
        table.add_column(
            name, justify="right" if right else "left", no_wrap=not wraps, overflow="fold" if wraps else "ellipsis"
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    for_tables().print(table)
