"""`ponto report totals`: the totals of a month, a row for each employee."""

from datetime import date, datetime
from itertools import chain
from typing import NamedTuple
from zoneinfo import ZoneInfo

from slices.reports.report import options, queries
from slices.reports.report.i18n import clock
from slices.reports.report.output import Output
from slices.reports.report.queries import Employees
from slices.reports.report.table import FIGURE, NUMBER, TEXT, WORKED, Column, Report, Table, instant_in
from tools.kit.reader import Where


class Totals(NamedTuple):
    """An employee, and the totals of a month."""

    usuario_id: int
    nome: str | None
    cpf: str | None
    fuso: str
    dias_trabalhados: int
    minutos: int
    minutos_noturnos: int
    dias_incompletos: int
    dias_divididos: int  # days after which the cut-off may split a shift
    zona_mudou_em: datetime | None = None  # zone or cut-off, after the instant of which it is; None: they did not


_KINDS = {
    "usuario_id": FIGURE,
    "minutos": WORKED,
    "minutos_noturnos": WORKED,
    **dict.fromkeys(("dias_trabalhados", "dias_incompletos", "dias_divididos"), NUMBER),
}
_LEAST = {"nome": 9}
_LEAVE = ("nome", "dias_divididos")


@options.command("totals", "--month 2026-11 --format csv")
@options.employees("Of this one only; several times: of each.")
@options.month
@options.as_of
@options.written
def command(where: Where, *, output: Output, employees: Employees, month: date, as_of: datetime | None) -> int:
    """The totals of a month, a row for each employee."""
    word = output.language.word
    with queries.reports(where, output, as_of) as reports:
        found = reports.of_month(month, employees, "totals")
        read = chain.from_iterable(totals for (totals,) in found.each)
        rows = list(map(Totals._make, output.counted(read, "employees", found.employees)))
        (has_punches,) = found.once
        status = queries.require_known(month, employees, (one.usuario_id for one in rows), has_punches)
        moved = any(one.zona_mudou_em for one in rows)
        worked, night = sum(one.minutos for one in rows), sum(one.minutos_noturnos for one in rows)
        notes = [
            word("totals", "sum", len(rows), clock(worked), clock(night)),
            *([word("totals", "changed")] if moved else []),
            word("timecard", "night") + ".",
            word("timecard", "certified"),
        ]
        table = Table(_columns(reports.zone), rows, notes=notes)
        shown = table.without("cpf").without("fuso")
        output.write(
            Report(
                f"{word('totals', 'title')}, {output.language.month(month)}",
                [reports.as_of(output.language), reports.generated(output.language)],
                [shown if moved else shown.without("zona_mudou_em")],
                csv=table,
                head={"mes": f"{month:%Y-%m}", "momento": reports.instant, "gerado_em": reports.made},
                listed=("totais", table),
            )
        )
    return status


def _columns(zone: ZoneInfo) -> list[Column]:
    kinds = _KINDS | {"zona_mudou_em": instant_in(zone)}
    return [
        Column(name, kinds.get(name, TEXT), least=_LEAST.get(name, 0), leaves=name in _LEAVE) for name in Totals._fields
    ]
