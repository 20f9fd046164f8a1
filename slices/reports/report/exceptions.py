"""`ponto report exceptions`: what somebody should look at, and punches that were not stored."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import click

from slices.reports.report import dead_letters, options, queries
from slices.reports.report.dead_letters import Group, Unread
from slices.reports.report.i18n import Language, at
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.queries import Employees
from slices.reports.report.table import DATE, FIGURE, NUMBER, SPAN, TEXT, WORD, Column, Kind, Report, Table
from slices.reports.rows import EXCEPTIONS, ExceptionRow
from tools.kit import options as opt
from tools.kit.dead_letters import reasons
from tools.kit.output import print_status
from tools.kit.reader import TargetOptions


def reason(name: str, language: Language) -> str:
    """Format why a message was dead-lettered, with the word that `dlq` uses too."""
    return f"{name}: {language.word('reason', name)}" if name in reasons() else name


_KIND = Kind("whole", lambda name, language: language.word("kind", name))
_INSTANT = Kind("whole", lambda instant, language: f"{language.date_time(instant)} UTC")
_FOR_CSV = ("tipo", "usuario_id", "nome", "dia", "id", "local", "dispositivo", "medida", "batidas")
_FOR_JSON = ("tipo", "usuario_id", "nome", "dia", "id", "local", "dispositivo", "batidas", "medida")
_FOR_PEOPLE = (  # what is long goes on below; the name does not, or all of somebody with a long one would
    Column("dia", DATE),
    Column("usuario_id", FIGURE, ("exceptions", "several")),
    Column("local", WORD),
    Column("medida", SPAN, least=11),
    Column("tipo", _KIND, least=14),
    Column("nome", least=7, most=24, leaves=True),
    Column("dispositivo", least=7, leaves=True),
)
_DEAD_LETTERS = (  # of each Group
    Column("motivo", Kind("text", reason), least=12),
    Column("usuario_id", FIGURE, ("exceptions", "unknown_employee")),
    Column("quantidade", NUMBER),
    Column("primeira", _INSTANT),
    Column("ultima", _INSTANT),
)

# As people and json have them.
_LIMITS = ("jornada_maxima", "proximas", "atraso", "futuro", "dias", "desvio", "redefinicao")
_SPANS = {
    "jornada_maxima": ("--longest-day", "10h", "Worked longer in a day."),
    "proximas": ("--nearest", "1m", "At most so long after the punch before, of the times cut to the minute."),
    "atraso": ("--latest", "1d", "Received so long after it was punched."),
    "futuro": ("--earliest", "5m", "Received so long before it was punched."),
    "desvio": ("--skew", "5m", "Between the device's clock, when it sent, and the time of receipt."),
    "redefinicao": ("--reset", "60d", "So far from its receipt, a punch is found on the day of its receipt."),
}
_limits = options.collect_options(
    "limits",
    dict,
    **{
        field: click.option(name, field, type=opt.AGE, default=default, help=text)
        for field, (name, default, text) in _SPANS.items()
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
@_limits
@dead_letters.option
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
    with queries.open_reports(target_options, output, as_of) as reports:
        first, last = days.until(reports.now.date())
        groups = dead_letters.NO_QUEUE if no_queue else dead_letters.read(target_options, employees)
        somadas = output.format in ("text", "html")
        punched = reports.punched(first, last, employees)
        rows, has_punches = reports.source.read(
            EXCEPTIONS.bind(**punched.values, somadas=somadas, **limits),
            punched,
        )
        counts = _counts(rows)
        if not counts and (isinstance(groups, Unread) or not groups):
            queries.require_punches(has_punches, first, last, employees)
        found = output.counted(rows, "exceptions")
        output.write(
            Report(
                language.word("exceptions", "title"),
                [
                    language.period(first, last),
                    reports.as_of(language),
                    _format_limits(limits, language),
                    language.generated(reports.now),
                ],
                tables(counts, found, groups, language),
                csv=_for_csv(found, groups),
                head={
                    "de": first,
                    "ate": last,
                    "usuarios": employees,
                    "limites": {name if name == "dias" else f"{name}_segundos": limits[name] for name in _LIMITS},
                    "momento": reports.instant,
                    "gerado_em": reports.generated_at,
                    "totais": counts,
                    "fila_lida": not isinstance(groups, Unread),
                    "nao_gravadas": None if isinstance(groups, Unread) else [group._asdict() for group in groups],
                },
                listed=("excecoes", Table(_columns(_FOR_JSON), map(attrgetter(*_FOR_JSON), found))),
            )
        )
    if isinstance(groups, Unread) and groups != dead_letters.NO_QUEUE:
        why = groups.text(Language("en"))
        print_status(f"ponto: the dead-letter queue was not read: {why} (--no-queue leaves it alone)")
        return 1
    return 0


def _counts(rows: Iterator[ExceptionRow]) -> dict[str, int]:
    """Read how many exceptions there are of each kind, which stands before them; `rows` goes on with each."""
    total = next(rows).vezes
    counts: dict[str, int] = {}
    while sum(counts.values()) < total:
        row = next(rows)
        counts[row.tipo] = row.vezes
    return counts


def _columns(names: Iterable[str]) -> list[Column]:
    return [Column(name, SPAN if name == "medida" else TEXT) for name in names]


def _format_limits(limits: dict[str, Any], language: Language) -> str:
    """Format the limits of exceptions."""
    values = (limits[name] if name == "dias" else language.span(limits[name]) for name in _LIMITS)
    return language.word("exceptions", "limits", *values)


def _for_csv(found: Iterable[ExceptionRow], groups: Sequence[Group] | Unread) -> Table:
    """Return the exceptions, then the dead letters as rows of the kind `nao_gravada`: a reason and how many."""
    dead = [] if isinstance(groups, Unread) else groups
    names = (*_FOR_CSV, "motivo")
    values_of = attrgetter(*_FOR_CSV)
    fields_of_dead = (
        {"tipo": "nao_gravada", "usuario_id": one.usuario_id, "batidas": one.quantidade, "motivo": one.motivo}
        for one in dead
    )
    return Table(
        _columns(names),
        chain(
            ((*values_of(row), None) for row in found),
            ([fields.get(name) for name in names] for fields in fields_of_dead),
        ),
    )


def tables(
    counts: dict[str, int], found: Iterable[ExceptionRow], groups: Sequence[Group] | Unread, language: Language
) -> list[Table]:
    """Return for people how many exceptions there are of each kind, the dead letters, and each exception."""
    word = language.word
    dead_letters = Table(
        _DEAD_LETTERS,
        () if isinstance(groups, Unread) else groups,
        word("exceptions", "dead_letters"),
        [word("exceptions", "dead_letters_now")],
        empty=word("report", "none"),
        warning=word("exceptions", "unread", groups.text(language)) if isinstance(groups, Unread) else "",
    )
    rows = (
        (one.dia, one.usuario_id, _when(one, language), one.medida, one.tipo, one.nome, one.dispositivo)
        for one in found
    )
    return [
        Table(
            (Column("tipo", _KIND), Column("quantidade", NUMBER)),
            sorted(counts.items(), key=lambda item: -item[1]),
            word("exceptions", "summary"),
            empty=word("report", "none"),
        ),
        dead_letters,
        Table(_FOR_PEOPLE, rows, word("exceptions", "each"), [word("exceptions", "summed")]),
    ]


def _when(found: ExceptionRow, language: Language) -> str | None:
    """Format the time of an exception, or the number of exceptions."""
    if found.vezes > 1:
        return language.word("exceptions", "times", language.number(found.vezes))
    if found.local is None:
        return None
    if found.tipo == "redefinida":
        return language.date(found.local.date())  # nobody expects it there
    return at(found.local, found.dia)
