"""`ponto report changes`: months that changed since an earlier time, and the later punches and corrections."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain
from typing import NamedTuple
from zoneinfo import ZoneInfo

import click

from slices.reports.report import options, period, report_context
from slices.reports.report.i18n import Language, format_time
from slices.reports.report.output import Output
from slices.reports.report.report_context import EmployeeIds
from slices.reports.report.table import (
    DATE,
    FIGURE,
    NUMBER,
    TEXT,
    WORD,
    WORKED,
    ColumnFormat,
    Report,
    ReportColumn,
    ReportTable,
    instant_format,
)
from slices.reports.report.time_card_layout import author_label, request_note
from slices.reports.statements import ARRIVALS, CHANGES, ArrivalRow, ChangeRow
from tools.kit import shared_options
from tools.kit.reader import EmployeeRows
from tools.kit.target import TargetOptions


class Change(NamedTuple):
    """An employee's changed month, and the punches and corrections written since the earlier time."""

    month: ChangeRow
    arrivals: list[ArrivalRow]


_DATA_COLUMNS = [*map(ReportColumn, ChangeRow._fields), ReportColumn("chegadas")]
_ARRIVAL_TYPE = ColumnFormat("whole", lambda name, language: language.word("arrival", name))


def _before_and_after(column_format: ColumnFormat) -> ColumnFormat:
    """Return the format of a pair of values: before and now."""
    return ColumnFormat(
        "figure", lambda values, language: " → ".join(column_format.format_value(value, language) for value in values)
    )


_WORKED_CHANGE, _NUMBER_CHANGE = _before_and_after(WORKED), _before_and_after(NUMBER)


@options.command("changes", "--month 2026-10 --since 2026-11-03T12:00")
@options.employees("Only this employee; repeatable.")
@options.month
@click.option(
    "--since",
    type=shared_options.TIME,
    required=True,
    help="Earlier time to compare with, at least two minutes ago; usually the --as-of of the report used for payroll.",
)
@options.as_of
@options.output_options()
def command(
    target_options: TargetOptions,
    *,
    output: Output,
    employee_ids: EmployeeIds,
    month: date,
    since: datetime,
    as_of: datetime | None,
) -> None:
    """Print months that changed since an earlier time, and why."""
    language = output.language
    word = language.word
    context = report_context.create_context(target_options, output, as_of, since)
    employee_rows = context.read_month(month, employee_ids, CHANGES, ARRIVALS, since=context.since)
    changes = list(output.track(_join_arrivals(employee_rows), "changed months"))
    if not changes:
        report_context.require_punches(employee_rows.shared[0], month, period.last_day_of_month(month), employee_ids)
    before, zone = context.since or context.now, context.zone
    output.write(
        Report(
            f"{word('changes', 'title')}, {language.month(month)}",
            [
                word("changes", "since", language.date_time(before.astimezone(zone)), zone.key),
                context.format_as_of(language),
                context.format_generated(language),
            ],
            [
                _build_month_table([change.month for change in changes], zone, language),
                _build_arrival_table(chain.from_iterable(change.arrivals for change in changes), zone, language),
            ],
            csv=ReportTable(
                _DATA_COLUMNS,
                ((*change.month, "; ".join(map(ArrivalRow.to_text, change.arrivals))) for change in changes),
            ),
            json_fields={
                "mes": f"{month:%Y-%m}",
                "desde": before,
                "momento": context.instant,
                "gerado_em": context.generated_at,
            },
            json_list=(
                "mudancas",
                ReportTable(
                    _DATA_COLUMNS,
                    ((*change.month, list(map(ArrivalRow.to_json, change.arrivals))) for change in changes),
                ),
            ),
        )
    )


def _join_arrivals(employee_rows: EmployeeRows) -> Iterator[Change]:
    for changes, arrivals in employee_rows.by_range:
        arrivals_by_employee = defaultdict(list)
        for arrival in arrivals:
            arrivals_by_employee[arrival.usuario_id].append(arrival)
        for month in changes:
            yield Change(month, arrivals_by_employee[month.usuario_id])


def _build_month_table(changes: Sequence[ChangeRow], zone: ZoneInfo, language: Language) -> ReportTable:
    has_zone_changes = any(row.zona_mudou_em for row in changes)
    columns = [
        ReportColumn("usuario_id", FIGURE),
        ReportColumn("nome", min_width=9, max_width=24, is_optional=True),
        ReportColumn("minutos", _WORKED_CHANGE),
        ReportColumn("minutos_diferenca", WORKED),
        ReportColumn("minutos_noturnos", _WORKED_CHANGE),
        ReportColumn("dias_incompletos", _NUMBER_CHANGE),
        ReportColumn("zona_mudou_em", instant_format(zone)),
    ]
    rows = (
        (
            row.usuario_id,
            row.nome,
            (row.minutos_antes, row.minutos),
            row.minutos - row.minutos_antes,
            (row.minutos_noturnos_antes, row.minutos_noturnos),
            (row.dias_incompletos_antes, row.dias_incompletos),
            row.zona_mudou_em,
        )
        for row in changes
    )
    notes = [language.word("changes", "changed")] if has_zone_changes else []
    table = ReportTable(columns, rows, notes=notes, empty=language.word("changes", "none"))
    return table if has_zone_changes else table.drop("zona_mudou_em")


def _build_arrival_table(arrivals: Iterable[ArrivalRow], zone: ZoneInfo, language: Language) -> ReportTable:
    columns = (
        ReportColumn("usuario_id", FIGURE),
        ReportColumn("dia", DATE),
        ReportColumn("local", WORD),
        ReportColumn("chegada", _ARRIVAL_TYPE, min_width=11),
        ReportColumn("escrita_em", instant_format(zone)),
        ReportColumn("autor", TEXT, min_width=16),
        ReportColumn("motivo", TEXT, min_width=8),
    )
    rows = (
        (
            row.usuario_id,
            row.dia,
            format_time(row.local, row.dia),
            row.tipo,
            row.escrita_em,
            _author_or_device(row, language),
            row.motivo,
        )
        for row in arrivals
    )
    return ReportTable(columns, rows, language.word("changes", "arrivals"))


def _author_or_device(row: ArrivalRow, language: Language) -> str | None:
    """Return the author of a correction, or the device of a punch."""
    return author_label(row.autor, language) + request_note(row, language) if row.autor else row.dispositivo
