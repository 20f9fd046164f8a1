"""`ponto report timecard`: every day of a month with its punches, and the totals, for each employee."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, groupby, starmap
from operator import attrgetter
from typing import Any

import click

from slices.reports.employer import parse_employer
from slices.reports.report import i18n, options, period, report_context, time_card_layout
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output, render_html, to_json, write_csv
from slices.reports.report.report_context import EmployeeIds, ReportContext
from slices.reports.report.table import ReportColumn, ReportTable
from slices.reports.report.time_card_layout import Day, TimeCard
from slices.reports.statements import CORRECTIONS, TIME_CARDS, TOTALS, ArrivalRow, TimeCardRow, TotalsRow
from tools.kit.reader import EmployeeRows
from tools.kit.shared_options import MutuallyExclusiveOption, ParsedType
from tools.kit.target import TargetOptions

_CSV_COLUMNS = [ReportColumn(name) for name in Day._fields]


@options.command("timecard", "--employee 123 --month 2026-11")
@options.employees("Time card of this employee; repeatable. Several cards have the same json format as --all.")
@click.option(
    "--all",
    cls=MutuallyExclusiveOption,
    excludes=("--employee",),
    is_group_required=True,
    expose_value=False,
    is_flag=True,
    help="Time cards of all employees. json: one card per line (JSON Lines); csv: only the days, without totals.",
)
@options.month
@click.option(
    "--employer",
    type=ParsedType(
        "NAME, DOCUMENT",
        "not a name with a CNPJ or CPF, like Padaria Sol Ltda., CNPJ 11.222.333/0001-81",
        parse_employer,
    ),
    help="Employer with CNPJ or CPF (default: the stage's).",
)
@options.as_of
@options.output_options("html")
def command(
    target_options: TargetOptions,
    *,
    output: Output,
    employee_ids: EmployeeIds,
    month: date,
    employer: str | None,
    as_of: datetime | None,
) -> int:
    """Print every day of a month with its punches, and the totals."""
    language = output.language
    context = report_context.create_context(target_options, output, as_of)
    if output.format == "csv" and employee_ids is None:  # without totals
        employee_rows = context.read_month(month, None, TIME_CARDS, CORRECTIONS)
        status = report_context.check_employees(month, None, (), employee_rows.shared[0])
        days = chain.from_iterable(starmap(_build_days, employee_rows.by_range))
        total = employee_rows.employee_count and employee_rows.employee_count * period.last_day_of_month(month).day
        _write_csv(output, output.track(days, "days", total))
        return status
    employee_rows = context.read_month(month, employee_ids, TOTALS, TIME_CARDS, CORRECTIONS)
    time_cards = _build_time_cards(month, employee_rows)
    selected = [] if employee_ids is None else list(time_cards)
    known_ids = (time_card.totais.usuario_id for time_card in selected)
    status = report_context.check_employees(month, employee_ids, known_ids, employee_rows.shared[0])
    time_cards = output.track(selected or time_cards, "time cards", employee_rows.employee_count)
    if output.format == "csv":
        _write_csv(output, (day for time_card in time_cards for day in time_card.dias))
        return status
    employer = employer or context.employer
    with output.open_stream() as out:
        if output.format == "json":
            indent = 2 if employee_ids is not None and len(employee_ids) == 1 else None
            for time_card in time_cards:
                out.write(to_json(time_card_to_json(time_card, context, employer), indent) + "\n")
        elif output.format == "html":
            values = template_values(context, employer, language)
            render_html(
                out, "time_card_page.html", language, time_cards=time_cards, month=language.month(month), **values
            )
        else:
            time_card_layout.print_time_cards(
                out,
                time_cards,
                employer,
                context.format_as_of(language),
                context.format_generated(language),
                language,
            )
    return status


def read_time_cards(context: ReportContext, month: date, employee_ids: EmployeeIds = None) -> Iterator[TimeCard]:
    """Return the time cards of a month.

    Args:
        context: context of the report.
        month: its first day.
        employee_ids: the employees; those who neither punched nor are in `funcionario` have no time card.
    """
    return _build_time_cards(month, context.read_month(month, employee_ids, TOTALS, TIME_CARDS, CORRECTIONS))


def template_values(context: ReportContext, employer: str, language: Language) -> dict[str, Any]:
    """Return the values of the template `time_cards.html`, except for the time cards."""
    return {
        "employer": employer,
        "as_of": context.format_as_of(language),
        "generated": context.format_generated(language),
        "time_card_functions": time_card_layout,
        "format_minutes": i18n.format_minutes,
        "format_cpf": i18n.format_cpf,
    }


def _build_time_cards(month: date, employee_rows: EmployeeRows) -> Iterator[TimeCard]:
    for all_totals, rows, corrections in employee_rows.by_range:
        days_by_employee = groupby(_build_days(rows, corrections), attrgetter("usuario_id"))
        totals: TotalsRow
        for totals in all_totals:
            # An unknown employee of --employee has days but no totals.
            days = next((list(days) for employee_id, days in days_by_employee if employee_id == totals.usuario_id), [])
            if len(days) != period.last_day_of_month(month).day:
                raise AssertionError(f"the days of employee {totals.usuario_id} do not match the totals")
            yield TimeCard(month.replace(day=1), totals, days)


def _build_days(rows: Iterable[TimeCardRow], corrections: Iterable[ArrivalRow]) -> Iterator[Day]:
    """Yield the days of time cards, each with its corrections."""
    corrections_by_day = defaultdict(list)
    for correction in corrections:
        corrections_by_day[correction.usuario_id, correction.dia].append(correction)
    for row in rows:
        yield Day(
            usuario_id=row.usuario_id,
            nome=row.nome,
            dia=row.dia,
            pontos=row.pontos,
            locais=row.locais,
            batidas=len(row.pontos),
            pares=len(row.pontos) // 2,
            minutos=row.minutos,
            minutos_noturnos=row.minutos_noturnos,
            incompleta=len(row.pontos) % 2 == 1,
            repetidas=row.repetidas,
            minutos_descanso=row.minutos_descanso,
            primeira=row.locais[0] if row.locais else None,
            ultima=row.locais[-1] if row.locais else None,
            gravada_em=row.pontos[-1] + row.espera if row.espera is not None else None,
            incluidas=row.incluidas,
            correcoes=corrections_by_day.get((row.usuario_id, row.dia), []),
        )


def _write_csv(output: Output, days: Iterable[Day]) -> None:
    with output.open_stream() as out:
        write_csv(out, ReportTable(_CSV_COLUMNS, map(_csv_row, days)), output.separator)


def _csv_row(day: Day) -> Sequence[Any]:
    *others, corrections = day
    return (*others, "; ".join(correction.to_text() for correction in corrections))


def time_card_to_json(time_card: TimeCard, context: ReportContext, employer: str) -> dict[str, Any]:
    """Return the fields of a time card for json."""
    totals = time_card.totais._asdict()
    employee = {name: totals.pop(name) for name in ("usuario_id", "nome", "cpf", "fuso", "zona_mudou_em")}
    days = [day._asdict() for day in time_card.dias]
    for day in days:
        del day["usuario_id"], day["nome"]
        day["correcoes"] = [correction.to_json() for correction in day["correcoes"]]
    return {
        "mes": f"{time_card.mes:%Y-%m}",
        "momento": context.instant,
        "empregador": employer or None,
        "funcionario": employee,
        "dias": days,
        "totais": totals,
        "gerado_em": context.generated_at,
    }
