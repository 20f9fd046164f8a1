"""`ponto report exceptions`: what somebody should look at, and punches that were not stored."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import click

from slices.reports.report import dead_letters, options, report_context
from slices.reports.report.dead_letters import DeadLetterGroup, UnreadQueue
from slices.reports.report.i18n import Language, at
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.report_context import Employees
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
from slices.reports.rows import EXCEPTIONS, ExceptionRow
from tools.kit import options as opt
from tools.kit.dead_letters import reasons
from tools.kit.output import print_status
from tools.kit.reader import TargetOptions


def format_reason(name: str, language: Language) -> str:
    """Format why a message was dead-lettered, with the word that `dlq` uses too."""
    return f"{name}: {language.word('reason', name)}" if name in reasons() else name


_EXCEPTION_TYPE = ColumnFormat("whole", lambda name, language: language.word("kind", name))
_INSTANT = ColumnFormat("whole", lambda instant, language: f"{language.date_time(instant)} UTC")
_CSV_COLUMNS = ("tipo", "usuario_id", "nome", "dia", "id", "local", "dispositivo", "medida", "batidas")
_JSON_COLUMNS = ("tipo", "usuario_id", "nome", "dia", "id", "local", "dispositivo", "batidas", "medida")
_TEXT_COLUMNS = (  # what is long goes on below; the name does not, or all of somebody with a long one would
    ReportColumn("dia", DATE),
    ReportColumn("usuario_id", FIGURE, ("exceptions", "several")),
    ReportColumn("local", WORD),
    ReportColumn("medida", SPAN, min_width=11),
    ReportColumn("tipo", _EXCEPTION_TYPE, min_width=14),
    ReportColumn("nome", min_width=7, max_width=24, is_optional=True),
    ReportColumn("dispositivo", min_width=7, is_optional=True),
)
_DEAD_LETTERS = (  # of each Group
    ReportColumn("motivo", ColumnFormat("text", format_reason), min_width=12),
    ReportColumn("usuario_id", FIGURE, ("exceptions", "unknown_employee")),
    ReportColumn("quantidade", NUMBER),
    ReportColumn("primeira", _INSTANT),
    ReportColumn("ultima", _INSTANT),
)

# As people and json have them.
_LIMITS = ("jornada_maxima", "proximas", "atraso", "futuro", "dias", "desvio", "redefinicao")
_DURATION_LIMITS = {
    "jornada_maxima": ("--longest-day", "10h", "Worked longer in a day."),
    "proximas": ("--nearest", "1m", "At most so long after the punch before, of the times cut to the minute."),
    "atraso": ("--latest", "1d", "Received so long after it was punched."),
    "futuro": ("--earliest", "5m", "Received so long before it was punched."),
    "desvio": ("--skew", "5m", "Between the device's clock, when it sent, and the time of receipt."),
    "redefinicao": ("--reset", "60d", "So far from its receipt, a punch is found on the day of its receipt."),
}
_limit_options = options.collect_options(
    "limits",
    dict,
    **{
        field: click.option(name, field, type=opt.AGE, default=default, help=text)
        for field, (name, default, text) in _DURATION_LIMITS.items()
    },
    dias=click.option(
        "--final-days",
        "dias",
        type=opt.IntegerRange(0, 100_000),
        default=3,
        metavar="N",
        help="A day changed more than so many days after its end.",
    ),
)


@options.command("exceptions", "--month 2026-11 --longest-day 9h")
@options.days(why=": today's punches have no end yet")
@options.employees("Of this one only; several times: of each.")
@_limit_options
@dead_letters.no_queue_option
@options.as_of
@options.output_options
def command(
    target_options: TargetOptions,
    *,
    output: Output,
    days: Days,
    employees: Employees,
    limits: dict[str, Any],
    no_queue: bool,
    as_of: datetime | None,
) -> int:
    """What somebody should look at, and punches not stored.

    T is a length of time, like 45s, 30m, 2h, 7d or 1w.
    """
    language = output.language
    with report_context.open_context(target_options, output, as_of) as context:
        first, last = days.bounds(context.now.date())
        groups = dead_letters.NO_QUEUE if no_queue else dead_letters.read_groups(target_options, employees)
        somadas = output.format in ("text", "html")
        punched = context.punched_query(first, last, employees)
        rows, has_punches = context.source.read(
            EXCEPTIONS.bind(**punched.values, somadas=somadas, **limits),
            punched,
        )
        counts = _read_counts(rows)
        if not counts and (isinstance(groups, UnreadQueue) or not groups):
            report_context.require_punches(has_punches, first, last, employees)
        exceptions = output.track(rows, "exceptions")
        output.write(
            Report(
                language.word("exceptions", "title"),
                [
                    language.period(first, last),
                    context.as_of(language),
                    _format_limits(limits, language),
                    language.generated(context.now),
                ],
                build_tables(counts, exceptions, groups, language),
                csv=_build_csv_table(exceptions, groups),
                json_fields={
                    "de": first,
                    "ate": last,
                    "usuarios": employees,
                    "limites": {name if name == "dias" else f"{name}_segundos": limits[name] for name in _LIMITS},
                    "momento": context.instant,
                    "gerado_em": context.generated_at,
                    "totais": counts,
                    "fila_lida": not isinstance(groups, UnreadQueue),
                    "nao_gravadas": None if isinstance(groups, UnreadQueue) else [group._asdict() for group in groups],
                },
                json_list=(
                    "excecoes",
                    ReportTable(_build_columns(_JSON_COLUMNS), map(attrgetter(*_JSON_COLUMNS), exceptions)),
                ),
            )
        )
    if isinstance(groups, UnreadQueue) and groups != dead_letters.NO_QUEUE:
        error = groups.text(Language("en"))
        print_status(f"ponto: the dead-letter queue was not read: {error} (--no-queue leaves it alone)")
        return 1
    return 0


def _read_counts(rows: Iterator[ExceptionRow]) -> dict[str, int]:
    """Read how many exceptions there are of each kind, which stands before them; `rows` goes on with each."""
    total = next(rows).vezes
    counts: dict[str, int] = {}
    while sum(counts.values()) < total:
        row = next(rows)
        counts[row.tipo] = row.vezes
    return counts


def _build_columns(names: Iterable[str]) -> list[ReportColumn]:
    return [ReportColumn(name, SPAN if name == "medida" else TEXT) for name in names]


def _format_limits(limits: dict[str, Any], language: Language) -> str:
    """Format the limits of exceptions."""
    values = (limits[name] if name == "dias" else language.span(limits[name]) for name in _LIMITS)
    return language.word("exceptions", "limits", *values)


def _build_csv_table(
    exceptions: Iterable[ExceptionRow], groups: Sequence[DeadLetterGroup] | UnreadQueue
) -> ReportTable:
    """Return the exceptions, then the dead letters as rows of the kind `nao_gravada`: a reason and how many."""
    dead = [] if isinstance(groups, UnreadQueue) else groups
    names = (*_CSV_COLUMNS, "motivo")
    get_values = attrgetter(*_CSV_COLUMNS)
    dead_letter_fields = (
        {
            "tipo": "nao_gravada",
            "usuario_id": exception.usuario_id,
            "batidas": exception.quantidade,
            "motivo": exception.motivo,
        }
        for exception in dead
    )
    return ReportTable(
        _build_columns(names),
        chain(
            ((*get_values(row), None) for row in exceptions),
            ([fields.get(name) for name in names] for fields in dead_letter_fields),
        ),
    )


def build_tables(
    counts: dict[str, int],
    exceptions: Iterable[ExceptionRow],
    groups: Sequence[DeadLetterGroup] | UnreadQueue,
    language: Language,
) -> list[ReportTable]:
    """Return for people how many exceptions there are of each kind, the dead letters, and each exception."""
    word = language.word
    dead_letters = ReportTable(
        _DEAD_LETTERS,
        () if isinstance(groups, UnreadQueue) else groups,
        word("exceptions", "dead_letters"),
        [word("exceptions", "dead_letters_now")],
        empty=word("report", "none"),
        warning=word("exceptions", "unread", groups.text(language)) if isinstance(groups, UnreadQueue) else "",
    )
    rows = (
        (
            exception.dia,
            exception.usuario_id,
            _format_time(exception, language),
            exception.medida,
            exception.tipo,
            exception.nome,
            exception.dispositivo,
        )
        for exception in exceptions
    )
    return [
        ReportTable(
            (ReportColumn("tipo", _EXCEPTION_TYPE), ReportColumn("quantidade", NUMBER)),
            sorted(counts.items(), key=lambda item: -item[1]),
            word("exceptions", "summary"),
            empty=word("report", "none"),
        ),
        dead_letters,
        ReportTable(_TEXT_COLUMNS, rows, word("exceptions", "each"), [word("exceptions", "summed")]),
    ]


def _format_time(exception: ExceptionRow, language: Language) -> str | None:
    """Format the time of an exception, or the number of exceptions."""
    if exception.vezes > 1:
        return language.word("exceptions", "times", language.number(exception.vezes))
    if exception.local is None:
        return None
    if exception.tipo == "redefinida":
        return language.date(exception.local.date())  # nobody expects it there
    return at(exception.local, exception.dia)
