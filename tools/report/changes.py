"""`ponto report changes`: whose month is another now than at a moment, and what came since."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from itertools import chain
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from tools.kit import options as opt
from tools.kit.reader import Rows, Where
from tools.report import options
from tools.report.card import Written, vouched
from tools.report.i18n import Language, at
from tools.report.output import Output
from tools.report.queries import Employees
from tools.report.table import DATE, FIGURE, NUMBER, TEXT, WORD, WORKED, Column, Kind, Report, Table, moment_in


class Change(NamedTuple):
    """An employee's month, then and now."""

    usuario_id: int
    nome: str | None
    cpf: str | None
    dias_trabalhados_antes: int
    dias_trabalhados: int
    minutos_antes: int
    minutos: int
    minutos_noturnos_antes: int
    minutos_noturnos: int
    dias_incompletos_antes: int
    dias_incompletos: int
    chegadas: list[Written]


_FOR_PEOPLE = (
    Column("usuario_id", FIGURE),
    Column("nome", least=9, most=24, leaves=True),
    *(Column(f"{name}{when}", WORKED) for name in ("minutos", "minutos_noturnos") for when in ("_antes", "")),
    *(Column(f"dias_incompletos{when}", NUMBER) for when in ("_antes", "")),
)
_TYPE = Kind("whole", lambda name, language: language.word("arrival", name))


@options.command("changes", "--month 2026-10 --since 2026-11-03T12:00")
@options.employees("Of this one only; several times: of each.")
@options.month
@click.option("--since", type=opt.TIME, required=True, help="Two minutes back or more: the --as-of of what was paid.")
@options.written
def command(where: Where, *, output: Output, employees: Employees, month: date, since: datetime) -> None:
    """Whose month is another now than it was, and what came since."""
    language = output.language
    word = language.word
    with options.opened(where, output, since) as reports:
        found = reports.of_month(month, employees, "changes", "arrivals").each
        changes = list(output.counted(_changes(found), "changed months"))
        moment, zone = reports.moment or reports.now, reports.zone
        output.write(
            Report(
                f"{word('changes', 'title')}, {language.month(month)}",
                [
                    word("changes", "since", language.moment(moment.astimezone(zone)), zone.key),
                    reports.generated(language),
                ],
                [
                    Table(_FOR_PEOPLE, _picked(changes), empty=word("changes", "none")),
                    _arrived(chain.from_iterable(one.chegadas for one in changes), zone, language),
                ],
                csv=Table(
                    [Column(name) for name in Change._fields],
                    ((*one[:-1], "; ".join(map(Written.text, one.chegadas))) for one in changes),
                ),
                head={"mes": f"{month:%Y-%m}", "desde": moment, "gerado_em": reports.made},
                listed=(
                    "mudancas",
                    Table(
                        [Column(name) for name in Change._fields],
                        ((*one[:-1], list(map(Written.fields, one.chegadas))) for one in changes),
                    ),
                ),
            )
        )


def _changes(ranges: Iterable[list[Rows]]) -> Iterable[Change]:
    for changes, arrivals in ranges:
        came = defaultdict(list)
        for each in map(Written._make, arrivals):
            came[each.usuario_id].append(each)
        for row in changes:
            yield Change._make((*row, came[row[0]]))


def _picked(changes: Iterable[Change]) -> Iterable[list[Any]]:
    return ([getattr(one, column.name) for column in _FOR_PEOPLE] for one in changes)


def _arrived(found: Iterable[Written], zone: ZoneInfo, language: Language) -> Table:
    columns = (
        Column("usuario_id", FIGURE),
        Column("dia", DATE),
        Column("local", WORD),
        Column("chegada", _TYPE, least=11),
        Column("escrita_em", moment_in(zone), least=13),
        Column("autor", TEXT, least=9),
        Column("motivo", TEXT, least=9),
    )
    rows = (
        (one.usuario_id, one.dia, at(one.local, one.dia), one.tipo, one.escrita_em, _by(one, language), one.motivo)
        for one in found
    )
    return Table(columns, rows, language.word("changes", "arrivals"))


def _by(one: Written, language: Language) -> str | None:
    """Name who wrote it, a person or the device."""
    return vouched(one.autor, language) if one.autor else one.dispositivo
