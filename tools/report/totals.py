"""`ponto report totals`: the totals of a month, a row for each employee."""

from datetime import date, datetime
from itertools import chain
from typing import NamedTuple

from tools.kit.reader import Where
from tools.report import options, queries
from tools.report.output import Output
from tools.report.queries import Employees
from tools.report.table import FIGURE, NUMBER, TEXT, WORKED, Column, Report, Table


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
    zona_mudou_em: datetime | None = None  # zone or cut-off, after the moment of which it is; None: they did not


_KINDS = {
    "usuario_id": FIGURE,
    "minutos": WORKED,
    "minutos_noturnos": WORKED,
    **dict.fromkeys(("dias_trabalhados", "dias_incompletos", "dias_divididos"), NUMBER),
}
_COLUMNS = [Column(name, _KINDS.get(name, TEXT), least=9 if name == "nome" else 0) for name in Totals._fields]


@options.command("totals", "--month 2026-11 --format csv")
@options.employees("Of this one only; several times: of each.")
@options.month
@options.as_of
@options.written
def command(where: Where, *, output: Output, employees: Employees, month: date, as_of: datetime | None) -> int:
    """The totals of a month, a row for each employee."""
    word = output.language.word
    with options.opened(where, output, as_of) as reports:
        found = reports.of_month(month, employees, "totals")
        read = chain.from_iterable(totals for (totals,) in found.each)
        rows = list(map(Totals._make, output.counted(read, "employees", found.employees)))
        (has_punches,) = found.once
        status = queries.require_known(month, employees, (one.usuario_id for one in rows), has_punches)
        table = Table(_COLUMNS, rows, notes=[word("timecard", "night") + ".", word("timecard", "certified")])
        output.write(
            Report(
                f"{word('totals', 'title')}, {output.language.month(month)}",
                [reports.as_of(output.language), reports.generated(output.language)],
                [table.without("cpf").without("fuso").without("zona_mudou_em")],
                csv=table,
                head={"mes": f"{month:%Y-%m}", "momento": reports.moment, "gerado_em": reports.made},
                listed=("totais", table),
            )
        )
    return status
