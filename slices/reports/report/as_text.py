"""Reports for the terminal; text from outside neither moves the cursor nor styles anything."""

from typing import IO

from rich.text import Text

from slices.reports.report.i18n import Language
from slices.reports.report.table import BAR, Report, Table
from tools.kit import tables
from tools.kit.output import Console

_BAR, _SHORTEST_BAR = 20, 5  # columns of the longest
_GAP = 2  # between columns


def write(out: IO[str], report: Report, language: Language) -> None:
    """Print a report."""
    console = Console(out)

    def line(text: str = "", style: str = "") -> None:
        """Print a line, broken between words where it is too long."""
        for part in tables.wrapped(text, console.width):
            console.print(Text(part, style))

    line(report.title, "bold")
    for each in filter(None, report.lines):
        line(each)
    for table, rows in report.shown(language):
        line()
        if table.title:
            line(table.title, "bold")
        if table.warning:
            line(table.warning, "yellow")
        elif not rows:
            line(table.empty)
        else:
            _draw(console, table, rows, language)
            for note in table.notes:
                line(note, "dim")


def _draw(console: Console, table: Table, rows: list[list[str]], language: Language) -> None:
    columns = [
        tables.Column(column.heading(language), column.kind.look == "figure", column.least, column.leaves, column.most)
        for column in table.columns
    ]
    if table.columns[-1].kind is BAR:
        room = console.width - tables.narrowest(columns[:-1], rows) - _GAP
        if room < _SHORTEST_BAR:
            columns.pop()
        rows = [[*row, "█" * round(min(_BAR, room) * float(percent) / 100)][: len(columns)] for *row, percent in rows]
    tables.draw(console, columns, rows)
