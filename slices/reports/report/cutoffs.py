"""`ponto report cutoffs`: cut-offs that split shifts, and suggested cut-offs."""

import click

from slices.reports.report import options, report_context
from slices.reports.report.card import MIN_SPLIT_DAYS
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.report_context import EmployeeIds
from slices.reports.report.table import CLOCK, FIGURE, NUMBER, SPAN, Report, ReportColumn, ReportTable
from slices.reports.rows import CUTOFFS
from tools.kit.options import MutuallyExclusiveOption
from tools.kit.reader import TargetOptions

_COLUMNS = (
    ReportColumn("usuario_id", FIGURE),
    ReportColumn("nome", min_width=9),
    ReportColumn("fuso"),
    ReportColumn("corte", CLOCK),
    ReportColumn("dias", NUMBER),
    ReportColumn("divididos", NUMBER),
    ReportColumn("sugestao", CLOCK, ("cutoffs", "keep")),
    ReportColumn("restantes", NUMBER),
    ReportColumn("folga", SPAN),
    ReportColumn("folga_minutos"),
)
_TEXT_COLUMNS = ("usuario_id", "nome", "dias", "divididos", "corte", "sugestao", "restantes", "folga")


@options.command("cutoffs", "--month 2026-11")
@options.days()
@options.employees("Only this employee, even if no shift is split; repeatable.")
@click.option(
    "--all",
    "all_employees",
    cls=MutuallyExclusiveOption,
    excludes=("--employee",),
    is_flag=True,
    show_default=False,
    help=f"All employees who punched (default: those with at least {MIN_SPLIT_DAYS} split days).",
)
@options.output_options
def command(
    target_options: TargetOptions, *, output: Output, days: Days, employee_ids: EmployeeIds, all_employees: bool
) -> None:
    """Print cut-offs that split shifts, and better cut-offs."""
    word = output.language.word
    with report_context.open_context(target_options, output) as context:
        first, last = days.bounds(context.now.date())
        min_split_days = MIN_SPLIT_DAYS if employee_ids is None and not all_employees else 0
        has_punches, cutoffs = context.source.read(
            context.punched_query(first, last, employee_ids),
            CUTOFFS.bind(de=first, ate=last, employee_ids=employee_ids, divididos=min_split_days),
        )
        report_context.require_punches(has_punches, first, last, employee_ids)
        table = ReportTable(_COLUMNS, list(cutoffs), notes=[word("cutoffs", "note")], empty=word("cutoffs", "none"))
        output.write(
            Report(
                word("cutoffs", "title"),
                [output.language.period(first, last), output.language.format_generated(context.now)],
                [table.select_columns(*_TEXT_COLUMNS)],
                csv=table.drop_column("folga"),
                json_fields={"de": first, "ate": last, "usuarios": employee_ids, "gerado_em": context.generated_at},
                json_list=("cortes", table.drop_column("folga_minutos")),
            )
        )
