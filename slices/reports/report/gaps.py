"""`ponto report gaps`: numbers of devices that are missing, and those that came twice."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import click

from slices.reports.report import options, queries
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.table import FIGURE, Column, Report, Table
from slices.reports.rows import GAPS, RECEIVED, GapRow
from tools.kit.options import MutuallyExclusiveOption
from tools.kit.reader import TargetOptions

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
    cls=MutuallyExclusiveOption,
    excludes=("--month", "--from", "--to"),
    is_flag=True,
    show_default=False,
    help="Of all that was ever received.",
)
@options.output_options
def command(target_options: TargetOptions, *, output: Output, days: Days, ever: bool) -> None:
    """Numbers of devices that are missing, or came twice."""
    language = output.language
    with queries.open_reports(target_options, output) as reports:
        first, last = (None, None) if ever else days.until(reports.now.date())
        received, rows = reports.source.read(RECEIVED.bind(de=first, ate=last), GAPS.bind(de=first, ate=last))
        queries.require_received(received, first, last)
        gaps = output.counted(rows, "gaps")
        data = Table([Column(name) for name in GapRow._fields], gaps)
        output.write(
            Report(
                language.word("gaps", "title"),
                [*([language.period(first, last)] if first and last else []), language.generated(reports.now)],
                [_for_people(gaps, reports.zone, language)],
                csv=data,
                head={"de": first, "ate": last, "gerado_em": reports.generated_at},
                listed=("lacunas", data),
            )
        )


def _for_people(gaps: Iterable[GapRow], zone: ZoneInfo, language: Language) -> Table:
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
    return Table(_FOR_PEOPLE, map(row, gaps), notes=notes, empty=empty)
