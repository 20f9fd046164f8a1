"""`ponto report changes`: whose month is another now than at an instant, and what came since."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain
from typing import NamedTuple
from zoneinfo import ZoneInfo

import click

from slices.reports.report import options, period, queries
from slices.reports.report.card import author_label
from slices.reports.report.i18n import Language, at
from slices.reports.report.output import Output
from slices.reports.report.queries import Employees
from slices.reports.report.table import (
    DATE,
    FIGURE,
    NUMBER,
    TEXT,
    WORD,
    WORKED,
    Column,
    Kind,
    Report,
    Table,
    instant_in,
)
from slices.reports.rows import ARRIVALS, CHANGES, ArrivalRow, ChangeRow
from tools.kit import options as opt
from tools.kit.reader import Ranges, TargetOptions


class Change(NamedTuple):
    """An employee's changed month, and what came since."""

    month: ChangeRow
    arrivals: list[ArrivalRow]


_COLUMNS = [*map(Column, ChangeRow._fields), Column("chegadas")]
_TYPE = Kind("whole", lambda name, language: language.word("arrival", name))


def _both(kind: Kind) -> Kind:
    """Return the kind of two figures, then and now."""
    return Kind("figure", lambda values, language: " → ".join(kind.shown(value, language) for value in values))


_BOTH_WORKED, _BOTH = _both(WORKED), _both(NUMBER)


@options.command("changes", "--month 2026-10 --since 2026-11-03T12:00")
@options.employees("Of this one only; several times: of each.")
@options.month
@click.option("--since", type=opt.TIME, required=True, help="Two minutes back or more: the --as-of of what was paid.")
@options.as_of
@options.output_options
def command(
    target_options: TargetOptions,
    *,
    output: Output,
    employees: Employees,
    month: date,
    since: datetime,
    as_of: datetime | None,
) -> None:
    """Whose month is another now than it was, and what came since."""
    language = output.language
    word = language.word
    with queries.open_reports(target_options, output, as_of, since) as reports:
        ranges = reports.read_month(month, employees, CHANGES, ARRIVALS, since=reports.since)
        changes = list(output.counted(_changes(ranges), "changed months"))
        if not changes:
            queries.require_punches(ranges.once[0], month, period.last_of(month), employees)
        then, zone = reports.since or reports.now, reports.zone
        output.write(
            Report(
                f"{word('changes', 'title')}, {language.month(month)}",
                [
                    word("changes", "since", language.date_time(then.astimezone(zone)), zone.key),
                    reports.as_of(language),
                    reports.generated(language),
                ],
                [
                    _compared([change.month for change in changes], zone, language),
                    _arrived(chain.from_iterable(change.arrivals for change in changes), zone, language),
                ],
                csv=Table(
                    _COLUMNS,
                    ((*change.month, "; ".join(map(ArrivalRow.to_text, change.arrivals))) for change in changes),
                ),
                head={
                    "mes": f"{month:%Y-%m}",
                    "desde": then,
                    "momento": reports.instant,
                    "gerado_em": reports.generated_at,
                },
                listed=(
                    "mudancas",
                    Table(
                        _COLUMNS,
                        ((*change.month, list(map(ArrivalRow.to_json, change.arrivals))) for change in changes),
                    ),
                ),
            )
        )


def _changes(ranges: Ranges) -> Iterator[Change]:
    for changes, arrivals in ranges.each:
        arrivals_of = defaultdict(list)
        for arrival in arrivals:
            arrivals_of[arrival.usuario_id].append(arrival)
        for month in changes:
            yield Change(month, arrivals_of[month.usuario_id])


def _compared(changes: Sequence[ChangeRow], zone: ZoneInfo, language: Language) -> Table:
    moved = any(one.zona_mudou_em for one in changes)
    columns = [
        Column("usuario_id", FIGURE),
        Column("nome", least=9, most=24, leaves=True),
        Column("minutos", _BOTH_WORKED),
        Column("minutos_diferenca", WORKED),
        Column("minutos_noturnos", _BOTH_WORKED),
        Column("dias_incompletos", _BOTH),
        Column("zona_mudou_em", instant_in(zone)),
    ]
    rows = (
        (
            one.usuario_id,
            one.nome,
            (one.minutos_antes, one.minutos),
            one.minutos - one.minutos_antes,
            (one.minutos_noturnos_antes, one.minutos_noturnos),
            (one.dias_incompletos_antes, one.dias_incompletos),
            one.zona_mudou_em,
        )
        for one in changes
    )
    notes = [language.word("changes", "changed")] if moved else []
    table = Table(columns, rows, notes=notes, empty=language.word("changes", "none"))
    return table if moved else table.without("zona_mudou_em")


def _arrived(arrivals: Iterable[ArrivalRow], zone: ZoneInfo, language: Language) -> Table:
    columns = (
        Column("usuario_id", FIGURE),
        Column("dia", DATE),
        Column("local", WORD),
        Column("chegada", _TYPE, least=11),
        Column("escrita_em", instant_in(zone)),
        Column("autor", TEXT, least=16),
        Column("motivo", TEXT, least=8),
    )
    rows = (
        (one.usuario_id, one.dia, at(one.local, one.dia), one.tipo, one.escrita_em, _by(one, language), one.motivo)
        for one in arrivals
    )
    return Table(columns, rows, language.word("changes", "arrivals"))


def _by(one: ArrivalRow, language: Language) -> str | None:
    """Return the author, a person or the device."""
    return author_label(one.autor, language) if one.autor else one.dispositivo
