"""`ponto report totals`: the totals of a month, one row per employee."""

from datetime import date, datetime
from itertools import chain
from zoneinfo import ZoneInfo

from slices.reports.report import options, report_context
from slices.reports.report.i18n import format_minutes
from slices.reports.report.output import Output
from slices.reports.report.report_context import EmployeeIds
from slices.reports.report.table import FIGURE, NUMBER, TEXT, WORKED, Report, ReportColumn, ReportTable, instant_format
from slices.reports.rows import TOTALS, TotalsRow
from tools.kit.reader import TargetOptions

_FORMATS = {
    "usuario_id": FIGURE,
    "minutos": WORKED,
    "minutos_noturnos": WORKED,
    **dict.fromkeys(("dias_trabalhados", "dias_incompletos", "dias_divididos"), NUMBER),
}
_MIN_WIDTHS = {"nome": 12}  # longer than most words of names
_OPTIONAL_COLUMNS = ("nome", "dias_divididos")


@options.command("totals", "--month 2026-11 --format csv")
@options.employees("Only this employee; repeatable.")
@options.month
@options.as_of
@options.output_options
def command(
    target_options: TargetOptions, *, output: Output, employee_ids: EmployeeIds, month: date, as_of: datetime | None
) -> int:
    """Print the totals of a month, one row per employee."""
    word = output.language.word
    with report_context.open_context(target_options, output, as_of) as context:
        ranges = context.read_month(month, employee_ids, TOTALS)
        totals = chain.from_iterable(rows for (rows,) in ranges.by_range)
        rows: list[TotalsRow] = list(output.track(totals, "employees", ranges.employee_count))
        status = report_context.require_known_employees(
            month, employee_ids, (row.usuario_id for row in rows), ranges.shared[0]
        )
        has_changed_zone = any(row.zona_mudou_em for row in rows)
        worked, night = sum(row.minutos for row in rows), sum(row.minutos_noturnos for row in rows)
        notes = [
            word("totals", "sum", len(rows), format_minutes(worked), format_minutes(night)),
            *([word("totals", "changed")] if has_changed_zone else []),
            word("timecard", "night") + ".",
            word("timecard", "certified"),
        ]
        table = ReportTable(_build_columns(context.zone), rows, notes=notes)
        text_table = table.drop_column("cpf").drop_column("fuso")
        output.write(
            Report(
                f"{word('totals', 'title')}, {output.language.month(month)}",
                [context.format_as_of(output.language), context.format_generated(output.language)],
                [text_table if has_changed_zone else text_table.drop_column("zona_mudou_em")],
                csv=table,
                json_fields={"mes": f"{month:%Y-%m}", "momento": context.instant, "gerado_em": context.generated_at},
                json_list=("totais", table),
            )
        )
    return status


def _build_columns(zone: ZoneInfo) -> list[ReportColumn]:
    formats = _FORMATS | {"zona_mudou_em": instant_format(zone)}
    return [
        ReportColumn(
            name, formats.get(name, TEXT), min_width=_MIN_WIDTHS.get(name, 0), is_optional=name in _OPTIONAL_COLUMNS
        )
        for name in TotalsRow._fields
    ]
