"""`ponto report gaps`: numbers of devices that are missing, and those that came twice."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import click

from slices.reports.report import options, queries
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.table import FIGURE, Column, Report, Table
from tools.kit.options import Instead
from tools.kit.reader import Values, Where


class Gap(NamedTuple):
    """Numbers of a device that are missing, or one that came twice."""

    dispositivo: str
    situacao: str  # faltam, repetida
    numero_inicial: int
    numero_final: int
    quantas: int  # numbers that are missing, or rows that have the number
    ponto_antes: datetime | None  # of the number before, or the earliest of the rows, UTC; None: there is none
    ponto_depois: datetime  # of the number after, or the latest of the rows, UTC
    desde: datetime  # since when it shows, UTC


_FOR_PEOPLE = (
    Column("dispositivo", least=12),
    Column("situacao"),
    Column("numeros", FIGURE, least=17),
    Column("ponto_antes", FIGURE),
    Column("desde", FIGURE),
)


@options.command("gaps", "--month 2026-11")
@options.days("Day of receipt")
@click.option(
    "--all",
    "ever",
    cls=Instead,
    instead_of=("--month", "--from", "--to"),
    is_flag=True,
    show_default=False,
    help="Of all that was ever received.",
)
@options.written
def command(where: Where, *, output: Output, days: Days, ever: bool) -> None:
    """Numbers of devices that are missing, or came twice."""
    language = output.language
    with queries.reports(where, output) as reports:
        first, last = (None, None) if ever else days.until(reports.now.date())
        between: Values = {"de": first, "ate": last}
        has_punches, rows = reports.read(received=between, gaps=between)
        queries.require_received(has_punches, first, last)
        found = output.counted(map(Gap._make, rows), "gaps")
        data = Table([Column(name) for name in Gap._fields], found)
        output.write(
            Report(
                language.word("gaps", "title"),
                [*([language.period(first, last)] if first and last else []), language.generated(reports.now)],
                [_for_people(found, reports.zone, language)],
                csv=data,
                head={"de": first, "ate": last, "gerado_em": reports.made},
                listed=("lacunas", data),
            )
        )


def _for_people(found: Iterable[Gap], zone: ZoneInfo, language: Language) -> Table:
    def row(gap: Gap) -> tuple[str | None, ...]:
        one = gap.numero_inicial == gap.numero_final
        return (
            gap.dispositivo,
            language.word("gaps", gap.situacao, gap.quantas),
            str(gap.numero_inicial) if one else f"{gap.numero_inicial}\N{EN DASH}{gap.numero_final}",
            language.date_time(gap.ponto_antes.astimezone(zone)) if gap.ponto_antes else None,
            language.date(gap.desde.astimezone(zone)),
        )

    notes, empty = [language.word("gaps", "note")], language.word("gaps", "none")
    return Table(_FOR_PEOPLE, map(row, found), notes=notes, empty=empty)
