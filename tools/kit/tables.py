"""Tables for a terminal, or for whoever reads them from a file."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tools.kit.output import Console, printable

_GAP = 2  # between two columns
_AT_ONCE = 500  # rows that are laid out together


class Column(NamedTuple):
    """A column of a table. What a narrow terminal has no room for goes on below, or leaves; only `most` cuts cells."""

    name: str
    right: bool = False  # numbers
    least: int = 0  # columns, of a text that may go on below; 0: its cells stay whole, and only its heading may
    leaves: bool = False  # it is left out where wrapping does not suffice, the last such column first
    most: int = 0  # columns, of a text that is cut where it is longer, for what it names stands in another column too


class _Laid(NamedTuple):
    """A column with its cells, and how wide it is at least and at most."""

    column: Column
    cells: list[str]
    least: int
    most: int


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output."""
    draw(Console(), columns, rows)


def draw(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, no wider than the console unless cells that stay whole need more."""
    laid = _laid(columns, list(rows))
    left_out: list[str] = []
    while _width(laid) > console.width and (leaving := [each for each in laid if each.column.leaves]):
        laid.remove(leaving[-1])
        left_out.insert(0, leaving[-1].column.name)
    room = max(console.width - _width(laid), 0)
    widths = [each.least for each in laid]
    for at in sorted(range(len(laid)), key=lambda at: -laid[at].most):  # the longest takes what is left, then the next
        more = min(room, laid[at].most - laid[at].least)
        widths[at] += more
        room -= more
    shown = list(zip(*(each.cells for each in laid), strict=True))
    for begin in range(0, len(shown) or 1, _AT_ONCE):
        table = Table(
            box=None,
            pad_edge=False,
            show_header=begin == 0,
            caption_justify="left",
            width=sum(widths) + _GAP * (len(widths) - 1),
        )
        for each, width in zip(laid, widths, strict=True):
            heading = "\n".join(textwrap.wrap(each.column.name, max(width, 1), break_on_hyphens=False))
            table.add_column(
                Text(heading),
                justify="right" if each.column.right else "left",
                width=width,
                no_wrap=each.column.most > 0,
                overflow="ellipsis" if each.column.most else "fold",
            )
        for row in shown[begin : begin + _AT_ONCE]:
            table.add_row(*map(Text, row))
        if left_out and begin + _AT_ONCE >= len(shown):
            table.caption = f"no room for: {', '.join(left_out)}"
        console.print(table, crop=False)


def narrowest(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """Give how wide a table is at least."""
    return _width(_laid(columns, rows))


def _laid(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[_Laid]:
    made = []
    for at, column in enumerate(columns):
        cells = [printable(row[at]) for row in rows]
        whole = _widest([*column.name.split(), *cells])
        least = min(whole, column.least) if column.least else whole
        most = _widest([column.name, *cells])
        made.append(_Laid(column, cells, least, min(most, column.most) if column.most else most))
    return made


def _width(laid: Sequence[_Laid]) -> int:
    return sum(each.least + _GAP for each in laid) - _GAP


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)
