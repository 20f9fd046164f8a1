"""Tables for a terminal, or for whoever reads them from a file.

They are laid out here, for rich takes a minute for a hundred thousand rows. What repeats in a column is laid out once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from tools.kit.output import Console, printable

_GAP = "  "  # between two columns
_AT_ONCE = 500  # rows that are written together


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

    def lines(self, width: int) -> Iterator[list[str]]:
        """Give the lines of each cell, all as wide as the column."""
        shown = {cell: self._lines(cell, width) for cell in set(self.cells)}
        return map(shown.__getitem__, self.cells)

    def heading(self, width: int) -> list[str]:
        """Give the lines of its heading."""
        return [_aligned(line, width, self.column.right) for line in wrapped(self.column.name, width)]

    def _lines(self, cell: str, width: int) -> list[str]:
        if self.column.most and cell_len(cell) > width:
            return [f"{set_cell_size(cell, width - 1)}…"]
        return [_aligned(line, width, self.column.right) for line in wrapped(cell, width)]


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
    sized = list(zip(laid, widths, strict=True))
    upwards = _rows([[each.heading(width)[::-1]] for each, width in sized], widths)  # the last lines side by side
    for line in reversed(list(upwards)):
        console.print(Text(line, "bold"), soft_wrap=True)
    lines = _rows([each.lines(width) for each, width in sized], widths)
    while part := list(islice(lines, _AT_ONCE)):
        console.write("".join(f"{line}\n" for line in part))
    if left_out:
        console.print(Text(f"no room for: {', '.join(left_out)}", "dim italic"))


def narrowest(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """Give how wide a table is at least."""
    return _width(_laid(columns, rows))


def wrapped(text: str, width: int) -> list[str]:
    """Break a text between words; in a word only where that alone is wider. At least one line."""
    if cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width) or [""]
    return [line.rstrip(" ") for line in lines]


def _laid(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[_Laid]:
    made = []
    for at, column in enumerate(columns):
        cells = [printable(row[at]) for row in rows]
        longest = _widest(set(cells))
        whole = max(longest, _widest(column.name.split()))
        least = min(whole, column.least) if column.least else whole
        most = max(longest, cell_len(column.name))
        made.append(_Laid(column, cells, least, min(most, column.most) if column.most else most))
    return made


def _width(laid: Sequence[_Laid]) -> int:
    return sum(each.least + len(_GAP) for each in laid) - len(_GAP)


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _rows(columns: Iterable[Iterable[list[str]]], widths: Sequence[int]) -> Iterator[str]:
    """Give the lines of a table; what has fewer lines than others in its row ends with blanks."""
    blanks = [" " * width for width in widths]
    for row in zip(*columns, strict=True):
        if max(map(len, row)) == 1:
            yield _GAP.join([line for (line,) in row]).rstrip()
        else:
            for lines in zip_longest(*row):
                yield _GAP.join(line or blank for line, blank in zip(lines, blanks, strict=True)).rstrip()


def _aligned(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks
