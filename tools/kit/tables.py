"""Tables for a terminal, or for whoever reads them from a file.

They are laid out here, for rich takes a minute for a hundred thousand rows. What repeats in a column is laid out once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from tools.kit.console import Console
from tools.kit.output import printable

_GAP = "  "  # between two columns
_INDENT = "  "  # of the further lines of a row
_LINES_PER_WRITE = 500  # lines that are written together


class Column(NamedTuple):
    """A column of a table. What a narrow terminal has no room for goes on below, or leaves; only `most` cuts cells.

    Ids and times have no `least`, so that a cell is never broken.
    """

    name: str
    align_right: bool = False  # numbers
    min_width: int = 0  # columns, of a text that may go on below; 0: its cells stay whole, and only its heading may
    is_optional: bool = False  # it is left out if the others fit then, the last such column first
    max_width: int = (
        0  # columns, of a text that is cut where it is longer, for what it names stands in another column too
    )


class _ColumnLayout(NamedTuple):
    """A column with its cells, and how wide it is at least and at most."""

    column: Column
    cells: list[str]
    min_width: int
    max_width: int

    def lines(self, width: int) -> Iterator[list[str]]:
        """Return the lines of each cell, all as wide as the column."""
        lines = {cell: self._lines(cell, width) for cell in set(self.cells)}
        return map(lines.__getitem__, self.cells)

    def heading(self, width: int) -> list[str]:
        """Return the lines of its heading."""
        return [_align(line, width, self.column.align_right) for line in wrap(self.column.name, width)]

    def _lines(self, cell: str, width: int) -> list[str]:
        if self.column.max_width and cell_len(cell) > width:
            return [f"{set_cell_size(cell, width - 1)}…"]
        return [_align(line, width, self.column.align_right) for line in wrap(cell, width)]


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output."""
    draw(Console(), columns, rows)


def draw(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, no wider than the console unless a cell that stays whole is.

    Columns with `leaves` are left out if the others fit side by side then. If not, none is left out, and columns
    without room go into further lines of their row, which are indented.
    """
    laid = _lay_out(columns, list(rows))
    left_out: list[str] = []
    if _width([each for each in laid if not each.column.is_optional]) <= console.width:
        while _width(laid) > console.width:
            leaving = [each for each in laid if each.column.is_optional][-1]
            laid.remove(leaving)
            left_out.insert(0, leaving.column.name)
    parts = [
        _line_groups(group, number, console.width) for number, group in enumerate(_split_columns(laid, console.width))
    ]
    for line in chain.from_iterable(map(next, parts)):
        console.print(Text(line, "bold"), soft_wrap=True)
    lines = chain.from_iterable(chain.from_iterable(zip(*parts, strict=True)))
    while some := list(islice(lines, _LINES_PER_WRITE)):
        console.write("".join(f"{line}\n" for line in some))
    if left_out:
        console.print(Text(f"no room for: {', '.join(left_out)}", "dim italic"))


def table_min_width(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table is at least."""
    return _width(_lay_out(columns, rows))


def wrap(text: str, width: int) -> list[str]:
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


def _lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[_ColumnLayout]:
    laid = []
    for at, column in enumerate(columns):
        cells = [printable(row[at]) for row in rows]
        longest = _max_cell_width(set(cells))
        unbroken = max(longest, _max_cell_width(column.name.split()))
        least = min(unbroken, column.min_width) if column.min_width else unbroken
        most = max(longest, cell_len(column.name))
        laid.append(_ColumnLayout(column, cells, least, min(most, column.max_width) if column.max_width else most))
    return laid


def _split_columns(laid: Sequence[_ColumnLayout], width: int) -> list[list[_ColumnLayout]]:
    """Distribute columns to as many lines as they need, in their order."""
    groups: list[list[_ColumnLayout]] = [[]]
    for each in laid:
        room = width - (len(_INDENT) if len(groups) > 1 else 0)
        if groups[-1] and _width([*groups[-1], each]) > room:
            groups.append([])
        groups[-1].append(each)
    return groups


def _line_groups(group: list[_ColumnLayout], number: int, width: int) -> Iterator[list[str]]:
    """Yield the lines of the heading of columns side by side, of which the last ones are, then those of each row.

    A row whose cells are empty has none.
    """
    indent = _INDENT if number else ""
    room = max(width - len(indent) - _width(group), 0)
    widths = [each.min_width for each in group]
    # The longest takes what is left, then the next.
    for at in sorted(range(len(group)), key=lambda at: -group[at].max_width):
        more = min(room, group[at].max_width - group[at].min_width)
        widths[at] += more
        room -= more
    upwards = [[each.heading(room)[::-1]] for each, room in zip(group, widths, strict=True)]
    yield [f"{indent}{line}" for lines in _rows(upwards, widths) for line in reversed(lines)]
    for lines in _rows([each.lines(room) for each, room in zip(group, widths, strict=True)], widths):
        yield [f"{indent}{line}" for line in lines] if any(lines) else []


def _width(laid: Sequence[_ColumnLayout]) -> int:
    return sum(each.min_width + len(_GAP) for each in laid) - len(_GAP)


def _max_cell_width(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _rows(columns: Iterable[Iterable[list[str]]], widths: Sequence[int]) -> Iterator[list[str]]:
    """Yield the lines of each row; what has fewer lines than others in its row ends with blanks."""
    blanks = [" " * width for width in widths]
    for row in zip(*columns, strict=True):
        if max(map(len, row)) == 1:
            yield [_GAP.join([line for (line,) in row]).rstrip()]
        else:
            yield [
                _GAP.join(line or blank for line, blank in zip(lines, blanks, strict=True)).rstrip()
                for lines in zip_longest(*row)
            ]


def _align(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks
