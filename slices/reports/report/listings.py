"""The reports that list rows of one query: `ponto report totals`, `cutoffs` and `gaps`."""

from datetime import date, datetime
from itertools import chain
from zoneinfo import ZoneInfo

import click

from slices.reports.report import options, report_context
from slices.reports.report.i18n import Language, format_minutes
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.report_context import EmployeeIds
from slices.reports.report.table import (
    CLOCK,
    FIGURE,
    NUMBER,
    SPAN,
    WORKED,
    Report,
    ReportColumn,
    ReportTable,
    instant_format,
)
from slices.reports.report.time_card_layout import MIN_SPLIT_DAYS
from slices.reports.statements import CUTOFFS, GAPS, RECEIVED, TOTALS, GapRow, TotalsRow
from tools.kit.shared_options import MutuallyExclusiveOption
from tools.kit.target import TargetOptions

_TOTALS = (
    ReportColumn("usuario_id", FIGURE),
    ReportColumn("nome", min_width=12, is_optional=True),  # longer than most words of names
    ReportColumn("cpf"),
    ReportColumn("fuso"),
    ReportColumn("dias_trabalhados", NUMBER),
    ReportColumn("minutos", WORKED),
    ReportColumn("minutos_noturnos", WORKED),
    ReportColumn("dias_incompletos", NUMBER),
    ReportColumn("dias_divididos", NUMBER, is_optional=True),
)
_CUTOFFS = (
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
_CUTOFF_TEXT = ("usuario_id", "nome", "dias", "divididos", "corte", "sugestao", "restantes", "folga")
_GAPS = [ReportColumn(name) for name in GapRow._fields]
_GAP_TEXT = (
    ReportColumn("dispositivo", min_width=12),
    ReportColumn("situacao"),
    ReportColumn("numeros", FIGURE, min_width=17),
    ReportColumn("ponto_antes", FIGURE),
    ReportColumn("desde", FIGURE),
)


@options.command("totals", "--month 2026-11 --format csv")
@options.employees("Only this employee; repeatable.")
@options.month
@options.as_of
@options.output_options()
def totals(
    target_options: TargetOptions, *, output: Output, employee_ids: EmployeeIds, month: date, as_of: datetime | None
) -> int:
    """Print the totals of a month, one row per employee."""
    language, word = output.language, output.language.word
    context = report_context.create_context(target_options, output, as_of)
    ranges = context.read_month(month, employee_ids, TOTALS)
    employees = chain.from_iterable(rows for (rows,) in ranges.by_range)
    rows: list[TotalsRow] = list(output.track(employees, "employees", ranges.employee_count))
    known_ids = (row.usuario_id for row in rows)
    status = report_context.check_employees(month, employee_ids, known_ids, ranges.shared[0])
    has_changed_zone = any(row.zona_mudou_em for row in rows)
    worked, night = sum(row.minutos for row in rows), sum(row.minutos_noturnos for row in rows)
    notes = [
        word("totals", "sum", len(rows), format_minutes(worked), format_minutes(night)),
        *([word("totals", "changed")] if has_changed_zone else []),
        word("time_card", "night") + ".",
        word("time_card", "certified"),
    ]
    table = ReportTable([*_TOTALS, ReportColumn("zona_mudou_em", instant_format(context.zone))], rows, notes=notes)
    output.write(
        Report(
            f"{word('totals', 'title')}, {language.month(month)}",
            [context.format_as_of(language), context.format_generated(language)],
            [table.drop("cpf", "fuso", *(() if has_changed_zone else ("zona_mudou_em",)))],
            csv=table,
            json_fields={"mes": f"{month:%Y-%m}", "momento": context.instant, "gerado_em": context.generated_at},
            json_list=("totais", table),
        )
    )
    return status


@options.command("cutoffs", "--month 2026-11")
@options.days()
@options.employees("Only this employee, even if no shift is split; repeatable.")
@click.option(
    "--all",
    "all_employees",
    cls=MutuallyExclusiveOption,
    excludes=("--employee",),
    is_flag=True,
    help=f"All employees who punched (default: those with at least {MIN_SPLIT_DAYS} split days).",
)
@options.output_options()
def cutoffs(
    target_options: TargetOptions, *, output: Output, days: Days, employee_ids: EmployeeIds, all_employees: bool
) -> None:
    """Print cut-offs that split shifts, and better cut-offs."""
    language, word = output.language, output.language.word
    context = report_context.create_context(target_options, output)
    first, last = days.bounds(context.now.date())
    min_split_days = MIN_SPLIT_DAYS if employee_ids is None and not all_employees else 0
    has_punches, rows = context.source.read(
        context.punched_query(first, last, employee_ids),
        CUTOFFS.bind(de=first, ate=last, employee_ids=employee_ids, divididos=min_split_days),
    )
    report_context.require_punches(has_punches, first, last, employee_ids)
    table = ReportTable(_CUTOFFS, list(rows), notes=[word("cutoffs", "note")], empty=word("cutoffs", "none"))
    output.write(
        Report(
            word("cutoffs", "title"),
            [language.period(first, last), language.format_generated(context.now)],
            [table.select(*_CUTOFF_TEXT)],
            csv=table.drop("folga"),
            json_fields={"de": first, "ate": last, "usuarios": employee_ids, "gerado_em": context.generated_at},
            json_list=("cortes", table.drop("folga_minutos")),
        )
    )


@options.command("gaps", "--month 2026-11")
@options.days("day of receipt")
@options.output_options()
def gaps(target_options: TargetOptions, *, output: Output, days: Days) -> None:
    """Print missing and repeated punch numbers of devices."""
    language, word = output.language, output.language.word
    context = report_context.create_context(target_options, output)
    first, last = days.bounds(context.now.date())
    received, rows = context.source.read(RECEIVED.bind(de=first, ate=last), GAPS.bind(de=first, ate=last))
    report_context.require_received(received, first, last)
    tracked = output.track(rows, "gaps")
    data = ReportTable(_GAPS, tracked)
    text_rows = (_format_gap(gap, context.zone, language) for gap in tracked)
    output.write(
        Report(
            word("gaps", "title"),
            [language.period(first, last), language.format_generated(context.now)],
            [ReportTable(_GAP_TEXT, text_rows, notes=[word("gaps", "note")], empty=word("gaps", "none"))],
            csv=data,
            json_fields={"de": first, "ate": last, "gerado_em": context.generated_at},
            json_list=("lacunas", data),
        )
    )


def _format_gap(gap: GapRow, zone: ZoneInfo, language: Language) -> tuple[str | None, ...]:
    is_single = gap.numero_inicial == gap.numero_final
    return (
        gap.dispositivo,
        language.word("gaps", gap.situacao, gap.quantas),
        str(gap.numero_inicial) if is_single else f"{gap.numero_inicial}\N{EN DASH}{gap.numero_final}",
        language.date_time(gap.ponto_antes.astimezone(zone)) if gap.ponto_antes else None,
        language.date(gap.desde.astimezone(zone)),
    )
