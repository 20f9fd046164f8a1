"""Tables for a terminal or a file.

This module lays tables out itself, because Rich takes a minute for a hundred thousand rows. Equal cells of a column
are laid out once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from tools.kit.console import Console
from tools.kit.output import printable

_GAP = "  "  # between two columns
_INDENT = "  "  # before the second and later lines of a row
_LINES_PER_WRITE = 500  # lines written at once


class Column(NamedTuple):
    """A column of a table. On a narrow terminal, cells are wrapped or optional columns left out.

    Ids and times have no `min_width`, so that they are never broken.
    """

    name: str
    align_right: bool = False  # for numbers
    min_width: int = 0  # characters; cells may be wrapped to it; 0: cells are never wrapped, only the heading
    is_optional: bool = False  # left out if the others then fit; the last optional column is removed first
    max_width: int = 0  # characters; longer cells are cut, as another column identifies the row; 0: no limit


class _ColumnLayout(NamedTuple):
    """A column with its cells and its minimum and maximum width."""

    column: Column
    cells: list[str]
    min_width: int
    max_width: int

    def lines(self, width: int) -> Iterator[list[str]]:
        """Return the lines of each cell, padded to a width."""
        lines = {cell: self._lines(cell, width) for cell in set(self.cells)}
        return map(lines.__getitem__, self.cells)

    def heading(self, width: int) -> list[str]:
        """Return the lines of the heading, padded to a width."""
        return [_align(line, width, self.column.align_right) for line in wrap(self.column.name, width)]

    def _lines(self, cell: str, width: int) -> list[str]:
        if self.column.max_width and cell_len(cell) > width:
            return [f"{set_cell_size(cell, width - 1)}…"]
        return [_align(line, width, self.column.align_right) for line in wrap(cell, width)]


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output."""
    draw(Console(), columns, rows)


def draw(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table that is no wider than the console, except for cells that cannot be wrapped.

    Optional columns are left out if the others then fit side by side. Otherwise all columns are printed, and those
    without room go to further, indented lines of their row.
    """
    layouts = _lay_out(columns, list(rows))
    left_out: list[str] = []
    if _width([layout for layout in layouts if not layout.column.is_optional]) <= console.width:
        while _width(layouts) > console.width:
            removed = [layout for layout in layouts if layout.column.is_optional][-1]
            layouts.remove(removed)
            left_out.insert(0, removed.column.name)
    parts = [
        _line_groups(group, number, console.width)
        for number, group in enumerate(_split_columns(layouts, console.width))
    ]
    for line in chain.from_iterable(map(next, parts)):
        console.print(Text(line, "bold"), soft_wrap=True)
    lines = chain.from_iterable(chain.from_iterable(zip(*parts, strict=True)))
    while batch := list(islice(lines, _LINES_PER_WRITE)):
        console.write("".join(f"{line}\n" for line in batch))
    if left_out:
        console.print(Text(f"columns left out: {', '.join(left_out)}", "dim italic"))


def table_min_width(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """Return the minimum width of a table."""
    return _width(_lay_out(columns, rows))


def wrap(text: str, width: int) -> list[str]:
    """Wrap a text between words, and within a word that is too long. Return at least one line."""
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
    layouts = []
    for index, column in enumerate(columns):
        cells = [printable(row[index]) for row in rows]
        longest = _max_cell_width(set(cells))
        unwrapped = max(longest, _max_cell_width(column.name.split()))
        min_width = min(unwrapped, column.min_width) if column.min_width else unwrapped
        max_width = max(longest, cell_len(column.name))
        layouts.append(
            _ColumnLayout(column, cells, min_width, min(max_width, column.max_width) if column.max_width else max_width)
        )
    return layouts


def _split_columns(layouts: Sequence[_ColumnLayout], width: int) -> list[list[_ColumnLayout]]:
    """Distribute columns over as many lines as necessary, in their order."""
    groups: list[list[_ColumnLayout]] = [[]]
    for layout in layouts:
        room = width - (len(_INDENT) if len(groups) > 1 else 0)
        if groups[-1] and _width([*groups[-1], layout]) > room:
            groups.append([])
        groups[-1].append(layout)
    return groups


def _line_groups(group: list[_ColumnLayout], number: int, width: int) -> Iterator[list[str]]:
    """Yield the lines of the heading of some columns, then the lines of each row; none for a row of empty cells."""
    indent = _INDENT if number else ""
    room = max(width - len(indent) - _width(group), 0)
    widths = [layout.min_width for layout in group]
    # The widest column gets the free space first, then the next.
    for index in sorted(range(len(group)), key=lambda index: -group[index].max_width):
        extra = min(room, group[index].max_width - group[index].min_width)
        widths[index] += extra
        room -= extra
    upwards = [[layout.heading(room)[::-1]] for layout, room in zip(group, widths, strict=True)]
    yield [f"{indent}{line}" for lines in _rows(upwards, widths) for line in reversed(lines)]
    for lines in _rows([layout.lines(room) for layout, room in zip(group, widths, strict=True)], widths):
        yield [f"{indent}{line}" for line in lines] if any(lines) else []


def _width(layouts: Sequence[_ColumnLayout]) -> int:
    return sum(layout.min_width + len(_GAP) for layout in layouts) - len(_GAP)


def _max_cell_width(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _rows(columns: Iterable[Iterable[list[str]]], widths: Sequence[int]) -> Iterator[list[str]]:
    """Yield the lines of each row; cells with fewer lines are filled up with blanks."""
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
