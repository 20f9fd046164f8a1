"""`ponto report exceptions`: punches and days to review, and punches that could not be stored."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import click

from slices.reports.report import dead_letters, options, report_context
from slices.reports.report.dead_letters import DeadLetterGroup, UnreadQueue
from slices.reports.report.i18n import Language, format_time
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.report_context import EmployeeIds
from slices.reports.report.table import (
    DATE,
    FIGURE,
    NUMBER,
    SPAN,
    TEXT,
    WORD,
    ColumnFormat,
    Report,
    ReportColumn,
    ReportTable,
)
from slices.reports.statements import EXCEPTIONS, ExceptionRow
from tools.kit import shared_options
from tools.kit.dead_letters import reasons
from tools.kit.output import print_status
from tools.kit.target import TargetOptions


def format_reason(name: str, language: Language) -> str:
    """Format the reason of a dead letter: the name used by `ponto dlq`, and its translation."""
    return f"{name}: {language.word('reason', name)}" if name in reasons() else name


_EXCEPTION_TYPE = ColumnFormat("whole", lambda name, language: language.word("kind", name))
_INSTANT = ColumnFormat("whole", lambda instant, language: f"{language.date_time(instant)} UTC")
_CSV_COLUMNS = ("tipo", "usuario_id", "nome", "dia", "id", "local", "dispositivo", "medida", "batidas", "motivo")
_JSON_COLUMNS = ("tipo", "usuario_id", "nome", "dia", "id", "local", "dispositivo", "batidas", "medida")
# Long values wrap, except for names: a long name would make each row of that employee two lines high.
_TEXT_COLUMNS = (
    ReportColumn("dia", DATE),
    ReportColumn("usuario_id", FIGURE, ("exceptions", "several")),
    ReportColumn("local", WORD),
    ReportColumn("medida", FIGURE, min_width=12),
    ReportColumn("tipo", _EXCEPTION_TYPE, min_width=14),
    ReportColumn("nome", min_width=16, max_width=24, is_optional=True),
    ReportColumn("dispositivo", min_width=20, is_optional=True),  # has room from 100 columns on
)
_DEAD_LETTER_COLUMNS = (
    ReportColumn("motivo", ColumnFormat("text", format_reason), min_width=12),
    ReportColumn("usuario_id", FIGURE, ("exceptions", "unknown_employee")),
    ReportColumn("quantidade", NUMBER),
    ReportColumn("primeira", _INSTANT, min_width=12),
    ReportColumn("ultima", _INSTANT, min_width=12),
)

# Names of the limits, in the order of text and json.
_LIMITS = ("jornada_maxima", "proximas", "atraso", "futuro", "dias", "desvio", "redefinicao")
_DURATION_LIMITS = {
    "jornada_maxima": ("--longest-day", "10h", "Days with more time worked than this."),
    "proximas": ("--nearest", "1m", "Punches at most this long after the previous one, both truncated to the minute."),
    "atraso": ("--latest", "1d", "Punches received more than this after they were made."),
    "futuro": ("--earliest", "5m", "Punches with a time more than this after their receipt."),
    "desvio": ("--skew", "5m", "Devices whose clock differs by more than this from the time of receipt."),
    "redefinicao": ("--reset", "60d", "Punches with a time more than this from their receipt, by day of receipt."),
}
_limit_options = options.collect_options(
    "limits",
    dict,
    **{
        field: click.option(name, field, type=shared_options.AGE, default=default, help=text)
        for field, (name, default, text) in _DURATION_LIMITS.items()
    },
    dias=click.option(
        "--final-days",
        "dias",
        type=click.IntRange(0, 100_000),
        default=3,
        metavar="N",
        help="Days changed more than N days after their end.",
    ),
)


@options.command("exceptions", "--month 2026-11 --longest-day 9h")
@options.days(reason=", because today is not over")
@options.employees("Only this employee; repeatable.")
@_limit_options
@click.option("--no-queue", is_flag=True, help="Do not read the dead-letter queue.")
@options.as_of
@options.output_options()
def command(
    target_options: TargetOptions,
    *,
    output: Output,
    days: Days,
    employee_ids: EmployeeIds,
    limits: dict[str, Any],
    no_queue: bool,
    as_of: datetime | None,
) -> int:
    """Print exceptions, and punches that could not be stored.

    T is a duration like 45s, 30m, 2h, 7d or 1w.
    """
    language = output.language
    context = report_context.create_context(target_options, output, as_of)
    first, last = days.bounds(context.now.date())
    groups: list[DeadLetterGroup] | UnreadQueue = UnreadQueue(language.word("exceptions", "no_queue"))
    if not no_queue:
        groups = dead_letters.read_groups(target_options, employee_ids)
    known_groups = [] if isinstance(groups, UnreadQueue) else groups
    punched = context.punched_query(first, last, employee_ids)
    rows, has_punches = context.source.read(
        EXCEPTIONS.bind(**punched.values, somadas=output.format == "text", **limits),
        punched,
    )
    counts = _read_counts(rows)
    if not counts and not known_groups:
        report_context.require_punches(has_punches, first, last, employee_ids)
    exceptions = output.track(rows, "exceptions")
    output.write(
        Report(
            language.word("exceptions", "title"),
            [
                language.period(first, last),
                context.format_as_of(language),
                _format_limits(limits, language),
                language.format_generated(context.now),
            ],
            _build_tables(counts, exceptions, groups, language),
            csv=ReportTable(
                _data_columns(_CSV_COLUMNS),
                _csv_rows(exceptions, known_groups),
            ),
            json_fields={
                "de": first,
                "ate": last,
                "usuarios": employee_ids,
                "limites": {name if name == "dias" else f"{name}_segundos": limits[name] for name in _LIMITS},
                "momento": context.instant,
                "gerado_em": context.generated_at,
                "totais": counts,
                "fila_lida": not isinstance(groups, UnreadQueue),
                "nao_gravadas": None if isinstance(groups, UnreadQueue) else [group._asdict() for group in groups],
            },
            json_list=(
                "excecoes",
                ReportTable(_data_columns(_JSON_COLUMNS), map(attrgetter(*_JSON_COLUMNS), exceptions)),
            ),
        )
    )
    if isinstance(groups, UnreadQueue) and not no_queue:
        print_status(f"ponto: the dead-letter queue was not read: {groups.reason} (--no-queue skips it)")
        return 1
    return 0


def _read_counts(rows: Iterator[ExceptionRow]) -> dict[str, int]:
    """Read the rows with the number of exceptions of each type, which come first; leave the others in `rows`."""
    total = next(rows).vezes
    counts: dict[str, int] = {}
    while sum(counts.values()) < total:
        row = next(rows)
        counts[row.tipo] = row.vezes
    return counts


def _data_columns(names: Iterable[str]) -> list[ReportColumn]:
    return [ReportColumn(name, SPAN if name == "medida" else TEXT) for name in names]


def _format_limits(limits: dict[str, Any], language: Language) -> str:
    """Format the limits from which a punch or day is an exception."""
    values = (limits[name] if name == "dias" else language.span(limits[name]) for name in _LIMITS)
    return language.word("exceptions", "limits", *values)


def _csv_rows(exceptions: Iterable[ExceptionRow], groups: Sequence[DeadLetterGroup]) -> Iterator[Sequence[Any]]:
    """Yield the exceptions, then a row of type `nao_gravada` for each group of dead letters."""
    for exception in exceptions:
        yield (*(getattr(exception, name) for name in _CSV_COLUMNS[:-1]), None)
    for group in groups:
        fields = {"tipo": "nao_gravada", "usuario_id": group.usuario_id, "batidas": group.quantidade}
        yield [(fields | {"motivo": group.motivo}).get(name) for name in _CSV_COLUMNS]


def _build_tables(
    counts: dict[str, int],
    exceptions: Iterable[ExceptionRow],
    groups: Sequence[DeadLetterGroup] | UnreadQueue,
    language: Language,
) -> list[ReportTable]:
    """Return the tables of text: exceptions by type, dead letters, and the exceptions themselves."""
    word = language.word
    return [
        ReportTable(
            (ReportColumn("tipo", _EXCEPTION_TYPE), ReportColumn("quantidade", NUMBER)),
            sorted(counts.items(), key=lambda item: -item[1]),
            word("exceptions", "summary"),
            empty=word("report", "none"),
        ),
        ReportTable(
            _DEAD_LETTER_COLUMNS,
            () if isinstance(groups, UnreadQueue) else groups,
            word("exceptions", "dead_letters"),
            [word("exceptions", "dead_letters_now")],
            empty=word("report", "none"),
            warning=word("exceptions", "unread", groups.reason) if isinstance(groups, UnreadQueue) else "",
        ),
        ReportTable(
            _TEXT_COLUMNS,
            (
                (
                    each.dia,
                    each.usuario_id,
                    _format_time(each, language),
                    _format_measure(each, language),
                    *(each.tipo, each.nome, each.dispositivo),
                )
                for each in exceptions
            ),
            word("exceptions", "each"),
            [word("exceptions", "summed")],
        ),
    ]


def _format_measure(exception: ExceptionRow, language: Language) -> str | None:
    """Format the measure of an exception; for an incomplete day, its punches."""
    if exception.locais:
        return " ".join(format_time(local, exception.dia) for local in exception.locais)
    return None if exception.medida is None else language.span(exception.medida)


def _format_time(exception: ExceptionRow, language: Language) -> str | None:
    """Format the time of an exception; for a row that sums up several exceptions, their number."""
    if exception.vezes > 1:
        return language.word("exceptions", "times", language.number(exception.vezes))
    if exception.local is None:
        return None
    if exception.tipo == "redefinida":
        return language.date(exception.local.date())  # its date is not the day of the row
    return format_time(exception.local, exception.dia)
