"""`ponto report gaps`: punch numbers of devices that are missing or were received several times."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import click

from slices.reports.report import options, report_context
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.table import FIGURE, Report, ReportColumn, ReportTable
from slices.reports.rows import GAPS, RECEIVED, GapRow
from tools.kit.options import MutuallyExclusiveOption
from tools.kit.reader import TargetOptions

_TEXT_COLUMNS = (
    ReportColumn("dispositivo", min_width=12),
    ReportColumn("situacao"),
    ReportColumn("numeros", FIGURE, min_width=17),
    ReportColumn("ponto_antes", FIGURE),
    ReportColumn("desde", FIGURE),
)


@options.command("gaps", "--month 2026-11")
@options.days("day of receipt")
@click.option(
    "--all",
    "is_unlimited",
    cls=MutuallyExclusiveOption,
    excludes=("--month", "--from", "--to"),
    is_flag=True,
    show_default=False,
    help="All numbers ever received.",
)
@options.output_options
def command(target_options: TargetOptions, *, output: Output, days: Days, is_unlimited: bool) -> None:
    """Print missing and repeated punch numbers of devices."""
    language = output.language
    with report_context.open_context(target_options, output) as context:
        first, last = (None, None) if is_unlimited else days.bounds(context.now.date())
        received, rows = context.source.read(RECEIVED.bind(de=first, ate=last), GAPS.bind(de=first, ate=last))
        report_context.require_received(received, first, last)
        gaps = output.track(rows, "gaps")
        data = ReportTable([ReportColumn(name) for name in GapRow._fields], gaps)
        output.write(
            Report(
                language.word("gaps", "title"),
                [*([language.period(first, last)] if first and last else []), language.format_generated(context.now)],
                [_build_text_table(gaps, context.zone, language)],
                csv=data,
                json_fields={"de": first, "ate": last, "gerado_em": context.generated_at},
                json_list=("lacunas", data),
            )
        )


def _build_text_table(gaps: Iterable[GapRow], zone: ZoneInfo, language: Language) -> ReportTable:
    def row(gap: GapRow) -> tuple[str | None, ...]:
        is_single = gap.numero_inicial == gap.numero_final
        return (
            gap.dispositivo,
            language.word("gaps", gap.situacao, gap.quantas),
            str(gap.numero_inicial) if is_single else f"{gap.numero_inicial}\N{EN DASH}{gap.numero_final}",
            language.date_time(gap.ponto_antes.astimezone(zone)) if gap.ponto_antes else None,
            language.date(gap.desde.astimezone(zone)),
        )

    notes, empty = [language.word("gaps", "note")], language.word("gaps", "none")
    return ReportTable(_TEXT_COLUMNS, map(row, gaps), notes=notes, empty=empty)
