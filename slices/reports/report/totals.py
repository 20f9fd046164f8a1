"""`ponto report totals`: the totals of a month, a row for each employee."""

from datetime import date, datetime
from itertools import chain
from zoneinfo import ZoneInfo

from slices.reports.report import options, queries
from slices.reports.report.i18n import clock
from slices.reports.report.output import Output
from slices.reports.report.queries import Employees
from slices.reports.report.table import FIGURE, NUMBER, TEXT, WORKED, Column, Report, Table, instant_in
from slices.reports.rows import TOTALS, TotalsRow
from tools.kit.reader import TargetOptions

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
@options.output_options
def command(
    target_options: TargetOptions, *, output: Output, employees: Employees, month: date, as_of: datetime | None
) -> int:
    """The totals of a month, a row for each employee."""
    word = output.language.word
    with queries.open_reports(target_options, output, as_of) as reports:
        ranges = reports.read_month(month, employees, TOTALS)
        totals = chain.from_iterable(rows for (rows,) in ranges.each)
        rows: list[TotalsRow] = list(output.counted(totals, "employees", ranges.employees))
        status = queries.require_known(month, employees, (row.usuario_id for row in rows), ranges.once[0])
        has_changed_zone = any(row.zona_mudou_em for row in rows)
        worked, night = sum(row.minutos for row in rows), sum(row.minutos_noturnos for row in rows)
        notes = [
            word("totals", "sum", len(rows), clock(worked), clock(night)),
            *([word("totals", "changed")] if has_changed_zone else []),
            word("timecard", "night") + ".",
            word("timecard", "certified"),
        ]
        table = Table(_columns(reports.zone), rows, notes=notes)
        shown = table.without("cpf").without("fuso")
        output.write(
            Report(
                f"{word('totals', 'title')}, {output.language.month(month)}",
                [reports.as_of(output.language), reports.generated(output.language)],
                [shown if has_changed_zone else shown.without("zona_mudou_em")],
                csv=table,
                head={"mes": f"{month:%Y-%m}", "momento": reports.instant, "gerado_em": reports.generated_at},
                listed=("totais", table),
            )
        )
    return status


def _columns(zone: ZoneInfo) -> list[Column]:
    kinds = _KINDS | {"zona_mudou_em": instant_in(zone)}
    return [
        Column(name, kinds.get(name, TEXT), least=_LEAST.get(name, 0), leaves=name in _LEAVE)
        for name in TotalsRow._fields
    ]
