"""Reports as pages: one file that needs nothing else, to be read on a screen and printed on A4."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tools.report.i18n import Language
from tools.report.table import Report, Table

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_PIECES = 200  # of a template, that are written at once


def write(out: IO[str], report: Report, language: Language) -> None:
    """Write a report, its rows as they come."""
    tables = [(table, _begun(table.cells(language))) for table in report.tables]
    render(out, "report.html", language, report=report, tables=[found for found in tables if _is_there(*found)])


def render(out: IO[str], template: str, language: Language, **values: Any) -> None:
    """Write a page of a template."""
    stream = _TEMPLATES.get_template(template).stream(
        language=language, word=language.word, column=language.column, **values
    )
    stream.enable_buffering(_PIECES)
    for part in stream:
        out.write(part)


def _begun(rows: Iterator[list[str]]) -> Iterator[list[str]] | None:
    """Give rows whose first one is there; None: there are none."""
    first = next(rows, None)
    return chain([first], rows) if first else None


def _is_there(table: Table, rows: Iterator[list[str]] | None) -> bool:
    return bool(rows or table.empty or table.warning)
