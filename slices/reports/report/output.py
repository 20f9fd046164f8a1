"""Output of a report: a format, a language; a file, a pipe or a terminal.

csv and json are for programs: the database's names (in json in camelCase, as on the wire), ISO 8601, and points as
decimal separators, whatever the language. html is one file that needs nothing else, to be read on a screen and printed
on A4.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from ponto.fields import BLANK
from slices.reports.report.i18n import Language, format_cpf
from slices.reports.report.table import BAR, Report, ReportTable, to_plain_value
from tools.kit import files, tables
from tools.kit.console import Console, progress
from tools.kit.output import camel_case, data_stream

FORMATS = ("text", "csv", "json", "html")
SEPARATORS = (",", ";")

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_BUFFERED_PARTS = 200  # of a template, that are written at once
_MAX_BAR, _MIN_BAR = 20, 5  # columns of the longest bar
_GAP = 2  # between columns

# A spreadsheet runs text that begins with =, +, - or @, so an apostrophe goes before it, as OWASP advises. Also inside
# of a text, where a spreadsheet that expects another separator begins a cell; behind invisible characters; and before
# the full-width characters, which some take for the same.
_FORMULA = re.compile(rf"""(^|[;,\t\n"'])([{BLANK}]*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])""")

T = TypeVar("T")


class Output(NamedTuple):
    """Format and place of a report, as the options name them."""

    format: str  # one of FORMATS
    separator: str  # of csv
    language: Language  # of text and html
    file: Path | None  # None: standard output
    force: bool  # the file may be there

    @contextmanager
    def opened(self) -> Iterator[IO[str]]:
        """Open where the report goes: always UTF-8, as html says of itself and json has to be."""
        if self.file:
            encoding = "utf-8-sig" if self.format == "csv" else "utf-8"
            with files.draft(self.file, encoding) as file:
                yield file
        else:
            yield data_stream()

    def track(self, items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
        """Yield items, and show on a terminal how many there were, unless the report itself appears there.

        Args:
            items: what is passed on.
            what: its name, in the plural.
            total: how many there will be; None: not known.
        """
        is_shown = bool(self.file or not sys.stdout.isatty())
        bar = () if total is None else (BarColumn(),)
        columns = (SpinnerColumn(), *bar, TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
        with progress(*columns, visible=is_shown) as display:
            yield from display.track(items, total=total, description=description)

    def write(self, report: Report) -> None:
        """Write a report in the format."""
        with self.opened() as out:
            if self.format == "csv":
                write_csv(out, report.csv, self.separator)
            elif self.format == "json":
                _write_json(out, report)
            elif self.format == "html":
                render_html(
                    out,
                    "report.html",
                    self.language,
                    report=report,
                    tables=report.visible_tables(self.language),
                    contents=(),
                )
            else:
                write_text(out, report, self.language)


def write_csv(out: IO[str], table: ReportTable, separator: str = SEPARATORS[0]) -> None:
    """Write rows as CSV, as they come; several times in a cell have spaces between."""
    write_row = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    names = table.json_keys()
    write_row(names)
    for row in table.rows:
        write_row([_csv_cell(name, to_plain_value(value)) for name, value in zip(names, row, strict=True)])


def _csv_cell(name: str, value: Any) -> Any:
    match value:
        case str() if name == "cpf":  # of digits alone a spreadsheet makes a number, without the zeros in front
            return format_cpf(value)
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(map(str, value))
        case str():  # csv puts a carriage return in no quotes
            return _FORMULA.sub(r"\1\2'", value.replace("\r", " "))
    return value


def _write_json(out: IO[str], report: Report) -> None:
    """Write a report as one document; a list that may be long in the end, an element a line, as they come."""
    head = to_json(report.json_fields)
    if not report.json_list:
        out.write(f"{head}\n")
        return
    name, table = report.json_list
    out.write(f'{head[:-2]},\n  "{name}": [')
    comma = ""
    for row in table.to_records():
        out.write(f"{comma}\n    {to_json(row, indent=None)}")
        comma = ","
    out.write("\n  ]\n}\n" if comma else "]\n}\n")


def to_json(fields: Mapping[str, Any], indent: int | None = 2) -> str:
    """Return a JSON document; without `indent` on one line."""
    return json.dumps(camel_case(to_plain_value(dict(fields))), indent=indent, ensure_ascii=False)


def render_html(out: IO[str], template: str, language: Language, **values: Any) -> None:
    """Write a page of a template, as its values come."""
    stream = _TEMPLATES.get_template(template).stream(
        language=language, word=language.word, column=language.column, **values
    )
    stream.enable_buffering(_BUFFERED_PARTS)
    for part in stream:
        out.write(part)


def write_text(out: IO[str], report: Report, language: Language) -> None:
    """Print a report for a terminal; text from outside neither moves the cursor nor styles anything."""
    console = Console(out)

    def line(text: str = "", style: str = "") -> None:
        """Print a line, broken between words where it is too long."""
        for part in tables.wrap(text, console.width):
            console.print(Text(part, style))

    line(report.title, "bold")
    for each in filter(None, report.lines):
        line(each)
    for table, rows in report.visible_tables(language):
        line()
        if table.title:
            line(table.title, "bold")
        if table.warning:
            line(table.warning, "yellow")
        elif not rows:
            line(table.empty)
        else:
            _draw_table(console, table, rows, language)
            for note in table.notes:
                line(note, "dim")


def _draw_table(console: Console, table: ReportTable, rows: list[list[str]], language: Language) -> None:
    columns = [
        tables.Column(
            column.heading(language),
            column.format.style == "figure",
            column.min_width,
            column.is_optional,
            column.max_width,
        )
        for column in table.columns
    ]
    if table.columns[-1].format is BAR:
        room = console.width - tables.table_min_width(columns[:-1], rows) - _GAP
        if room < _MIN_BAR:
            columns.pop()
        rows = [
            [*row, "█" * round(min(_MAX_BAR, room) * float(percent) / 100)][: len(columns)] for *row, percent in rows
        ]
    tables.draw(console, columns, rows)
