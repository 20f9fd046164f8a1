"""Reports as pages: one file that needs nothing else, to be read on a screen and printed on A4."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tools.report import figures, i18n
from tools.report.dead_letters import Group, Unread
from tools.report.figures import Peak
from tools.report.i18n import Language
from tools.report.queries import Card, Finding

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_PIECES = 200  # of a template, that are written at once


def cards(out: IO[str], found: Iterable[Card], month: str, generated: str, language: Language) -> None:
    """Write time cards, a page each, as they come."""
    _write(out, "timecard.html", language, cards=found, month=month, generated=generated)


def exceptions(
    out: IO[str],
    lines: Sequence[str],
    counts: Mapping[str, int],
    findings: Iterable[Finding],
    groups: list[Group] | Unread,
    language: Language,
) -> None:
    """Write exceptions as they come, below `lines`."""
    by_count = sorted(counts.items(), key=lambda item: -item[1])
    unread = figures.unread(groups, language) if isinstance(groups, Unread) else None
    _write(
        out, "exceptions.html", language, lines=lines, counts=by_count, findings=findings, groups=groups, unread=unread
    )


def table(
    out: IO[str],
    title: str,
    lines: Sequence[str],
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Sequence[str],
    language: Language,
) -> None:
    """Write rows as they come, below `lines` and above `notes`; columns but those of words stand to the right."""
    _write(out, "table.html", language, title=title, lines=lines, names=names, rows=rows, notes=notes)


def peak(out: IO[str], lines: Sequence[str], found: Peak, svg: str, language: Language) -> None:
    """Write a peak below `lines`, with its picture as an SVG element that matplotlib has made."""
    _write(out, "peak.html", language, lines=lines, peak=found, svg=Markup(svg))  # noqa: S704


def _write(out: IO[str], template: str, language: Language, **values: Any) -> None:
    stream = _TEMPLATES.get_template(template).stream(
        language=language,
        word=language.word,
        column=language.column,
        clock=i18n.clock,
        cpf=i18n.whole,
        figures=figures,
        is_weekend=lambda day: day.weekday() >= figures.WEEKEND,
        **values,
    )
    stream.enable_buffering(_PIECES)
    for part in stream:
        out.write(part)
