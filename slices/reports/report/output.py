"""Writing reports as text, csv or json, and pages as html, to a file or standard output.

csv and json do not depend on the language: they have the database's names (in json in camelCase), ISO 8601 times and
decimal points. html is one self-contained file for the screen and for printing on A4.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from slices.reports.report.i18n import Language, format_cpf
from slices.reports.report.table import Report, ReportTable, to_plain_value
from tools.kit import files, tables
from tools.kit.console import Console, progress
from tools.kit.output import camel_case, data_stream

FORMATS = ("text", "csv", "json")
SEPARATORS = (",", ";")

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_BUFFERED_PARTS = 200  # parts of a rendered template that are written together

T = TypeVar("T")


class Output(NamedTuple):
    """Values of the output options of a report."""

    format: str  # one of FORMATS, or html
    separator: str  # of csv
    language: Language  # of text and html
    file: Path | None  # None: standard output
    force: bool  # overwrite an existing file

    @contextmanager
    def open_stream(self) -> Iterator[IO[str]]:
        """Open the file or standard output for writing, in UTF-8."""
        if self.file:
            encoding = "utf-8-sig" if self.format == "csv" else "utf-8"
            with files.write_atomically(self.file, encoding) as file:
                yield file
        else:
            yield data_stream()

    def track(self, items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
        """Yield items, and show their number on a terminal, unless the report is written to that terminal.

        Args:
            items: the items to yield.
            description: what the items are, in the plural.
            total: the number of items; None: unknown.
        """
        is_shown = bool(self.file or not sys.stdout.isatty())
        bar = () if total is None else (BarColumn(),)
        columns = (SpinnerColumn(), *bar, TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
        with progress(*columns, visible=is_shown) as display:
            yield from display.track(items, total=total, description=description)

    def write(self, report: Report) -> None:
        """Write a report in the format of the options."""
        with self.open_stream() as out:
            if self.format == "csv":
                write_csv(out, report.csv, self.separator)
            elif self.format == "json":
                _write_json(out, report)
            else:
                write_text(out, report, self.language)


def write_csv(out: IO[str], table: ReportTable, separator: str = SEPARATORS[0]) -> None:
    """Write a table as CSV, row by row; lists in a cell are separated by spaces."""
    write_row = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    names = table.data_keys()
    write_row(names)
    for row in table.rows:
        write_row([_csv_cell(name, to_plain_value(value)) for name, value in zip(names, row, strict=True)])


def _csv_cell(name: str, value: Any) -> Any:
    match value:
        case str() if name == "cpf":  # a spreadsheet would read digits as a number and drop leading zeros
            return format_cpf(value)
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(map(str, value))
        case str():
            return tables.csv_text(value)
    return value


def _write_json(out: IO[str], report: Report) -> None:
    """Write a report as one JSON document, with a line for each element of `json_list`, which may be long."""
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
    """Return a JSON document with camelCase names; on one line if `indent` is None."""
    return json.dumps(camel_case(to_plain_value(dict(fields))), indent=indent, ensure_ascii=False)


def render_html(out: IO[str], template: str, language: Language, **values: Any) -> None:
    """Render a template into a file, part by part."""
    stream = _TEMPLATES.get_template(template).stream(
        language=language, word=language.word, column=language.column, **values
    )
    stream.enable_buffering(_BUFFERED_PARTS)
    for part in stream:
        out.write(part)


def write_text(out: IO[str], report: Report, language: Language) -> None:
    """Write a report as text for a terminal; values cannot move the cursor or set styles."""
    console = Console(out)

    def line(text: str = "", style: str = "") -> None:
        """Print a text, wrapped between words."""
        for part in tables.wrap(text, console.width):
            console.print(Text(part, style))

    line(report.title, "bold")
    for text in filter(None, report.lines):
        line(text)
    for table, rows in report.visible_tables(language):
        line()
        if table.title:
            line(table.title, "bold")
        if table.warning:
            line(table.warning, "yellow")
        elif not rows:
            line(table.empty)
        else:
            columns = [column.text_column(language) for column in table.columns]
            if left_out := tables.write(console, columns, rows):
                line(language.word("report", "left_out", ", ".join(left_out)), "dim italic")
            for note in table.notes:
                line(note, "dim")
