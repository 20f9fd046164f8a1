"""Reports as pages: one file that needs nothing else, to be read on a screen and printed on A4."""

from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from slices.reports.report.i18n import Language
from slices.reports.report.table import Report

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_PIECES = 200  # of a template, that are written at once


def write(out: IO[str], report: Report, language: Language) -> None:
    """Write a report."""
    render(out, "report.html", language, report=report, tables=report.shown(language), contents=())


def render(out: IO[str], template: str, language: Language, **values: Any) -> None:
    """Write a page of a template, as its values come."""
    stream = _TEMPLATES.get_template(template).stream(
        language=language, word=language.word, column=language.column, **values
    )
    stream.enable_buffering(_PIECES)
    for part in stream:
        out.write(part)
