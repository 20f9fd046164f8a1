"""Tables of rows for a terminal or a file. Rich's tables take a minute for a hundred thousand rows."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from ponto.shared.fields import INVISIBLE_CHARACTERS
from tools.kit.console import Console
from tools.kit.output import printable

# Spreadsheets run text that begins with =, +, - or @ as a formula, so an apostrophe is inserted before it, as OWASP
# advises. This also applies after a separator inside a text, where a spreadsheet with other settings begins a cell,
# after invisible characters, and to the full-width forms of the four characters.
_FORMULA = re.compile(rf"""(^|[;,\t\n"'])([{INVISIBLE_CHARACTERS}]*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])""")

_GAP = "  "  # between two columns
_INDENT = "  "  # before the further lines of a row
_MAX_WHOLE_WORD = 20  # a column without a maximum width is not narrower than its words up to this length


class Column(NamedTuple):
    """A column of a table as text."""

    name: str
    align_right: bool = False  # for numbers
    wraps: bool = False  # between words, if there is no room; not for ids and times
    min_width: int = 0  # of a column that wraps; 0: that of its longest word, up to a limit
    max_width: int = 0  # longer cells are cut; 0: they are not
    is_optional: bool = False  # may be left out


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a table; see `write`."""
    write(Console(), columns, [*rows])


def write(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table that is no wider than the console, except for cells that cannot be wrapped.

    Optional columns are left out if the others then fit side by side; their names are returned. Otherwise all columns
    are written, and those without room go to further, indented lines of their row.
    """
    laid_out = [_lay_out(column, [printable(row[index]) for row in rows]) for index, column in enumerate(columns)]
    left_out: list[str] = []
    if _width([column for column in laid_out if not column.column.is_optional]) <= console.width:
        while _width(laid_out) > console.width:
            removed = [column for column in laid_out if column.column.is_optional][-1]
            laid_out.remove(removed)
            left_out.insert(0, removed.heading)
    groups: list[list[_TextColumn]] = [[]]
    for column in laid_out:
        room = console.width - (len(_INDENT) if len(groups) > 1 else 0)
        if groups[-1] and _width([*groups[-1], column]) > room:
            groups.append([])
        groups[-1].append(column)
    parts = [_lines(group, _INDENT if number else "", console.width) for number, group in enumerate(groups)]
    heading, *body = zip(*parts, strict=True)
    for line in chain(*heading):
        console.print(Text(line, "bold"), soft_wrap=True)
    console.write("".join(f"{line}\n" for row in body for line in chain(*row)))
    return left_out


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


def csv_text(text: str) -> str:
    """Return a text as a cell of a CSV file that no spreadsheet runs as a formula."""
    return _FORMULA.sub(r"\1\2'", text.replace("\r", " "))  # the module csv does not quote a carriage return


class _TextColumn(NamedTuple):
    """A column as text, with its minimum width, and those at which its cells and its heading need one line."""

    column: Column
    heading: str
    cells: list[str]
    min_width: int
    cells_width: int
    heading_width: int

    def lines(self, width: int) -> Iterator[list[str]]:
        """Yield the lines of the heading, then of each cell, padded to a width. Equal cells are laid out once."""
        yield self._align(wrap(self.heading, width), width)
        lines = {cell: self._align(self._wrap_cell(cell, width), width) for cell in set(self.cells)}
        yield from map(lines.__getitem__, self.cells)

    def _wrap_cell(self, cell: str, width: int) -> list[str]:
        if self.column.max_width and cell_len(cell) > width:
            return [f"{set_cell_size(cell, width - 1)}…"]
        return wrap(cell, width)

    def _align(self, lines: list[str], width: int) -> list[str]:
        blanks = [" " * (width - cell_len(line)) for line in lines]
        if self.column.align_right:
            lines, blanks = blanks, lines
        return list(map(str.__add__, lines, blanks))


def _lay_out(column: Column, cells: list[str]) -> _TextColumn:
    heading, texts = printable(column.name), set(cells)
    longest = max(map(cell_len, texts), default=0)
    unwrapped = max([longest, *map(cell_len, heading.split())])
    min_width = column.min_width if column.wraps else unwrapped
    if not column.max_width:
        longest_word = max((cell_len(word) for text in (heading, *texts) for word in text.split()), default=0)
        min_width = max(min_width, min(longest_word, _MAX_WHOLE_WORD))
    return _TextColumn(
        column,
        heading,
        cells,
        min(unwrapped, min_width),
        min(longest, column.max_width or longest),
        cell_len(heading),
    )


def _width(columns: Sequence[_TextColumn]) -> int:
    return sum(column.min_width + len(_GAP) for column in columns) - len(_GAP)


def _lines(columns: Sequence[_TextColumn], indent: str, width: int) -> Iterator[list[str]]:
    """Yield the lines of the headings of some columns, then of each row; none for a row of empty cells."""
    room = max(width - len(indent) - _width(columns), 0)
    widths = [column.min_width for column in columns]
    # The cells get the free space first, then the headings: each column an equal share, unless it needs less.
    for wanted in ([column.cells_width for column in columns], [column.heading_width for column in columns]):
        missing = [max(least - width, 0) for least, width in zip(wanted, widths, strict=True)]
        for count, index in enumerate(sorted(range(len(columns)), key=missing.__getitem__)):
            extra = min(room // (len(columns) - count), missing[index])
            widths[index] += extra
            room -= extra
    blanks = [" " * width for width in widths]
    rows = zip(*(column.lines(width) for column, width in zip(columns, widths, strict=True)), strict=True)
    for number, cells in enumerate(rows):
        if number == 0:  # short headings stand at the bottom
            height = max(map(len, cells))
            cells = tuple([""] * (height - len(lines)) + lines for lines in cells)
        lines = [
            _GAP.join(line or blank for line, blank in zip(parts, blanks, strict=True)).rstrip()
            for parts in zip_longest(*cells, fillvalue="")
        ]
        yield [f"{indent}{line}" for line in lines] if any(lines) else []
