"""`ponto report peak`: the intake minute by minute."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from markupsafe import Markup

from slices.reports.report import chart, options, period, report_context
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output
from slices.reports.report.report_context import ReportContext
from slices.reports.report.table import BAR, NUMBER, SPAN, WORD, Report, ReportColumn, ReportTable
from slices.reports.rows import PEAK, RANDOM_IDS, IdCountRow, MinuteRow
from tools.kit import files, pictures
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.reader import TargetOptions

_MAX_ROWS = 32  # of a table
_STEPS = (1, 5, 15, 60, 1_440)  # minutes


_FIGURES = {"batidas": NUMBER, "recebidas": NUMBER, "gravadas": NUMBER, "fila": NUMBER, "idade": SPAN}
_COLUMNS = (
    ReportColumn("minuto", WORD),
    *(ReportColumn(name, column_format) for name, column_format in _FIGURES.items()),
)
_SUMMED_COLUMNS = ("batidas", "recebidas", "gravadas")
_SUMMARY = (ReportColumn("", WORD), ReportColumn("total", NUMBER), ReportColumn("pico", min_width=18))
_PICTURE = Markup('<div class="picture" role="img" aria-label="{}">\n{}\n</div>')


@options.command("peak", "--day 2026-11-23 --picture peak.png")
@click.option(
    "--day",
    cls=opt.MutuallyExclusiveOption,
    excludes=("--from", "--to"),
    type=opt.DAY,
    help="In the stage's time zone (default today).",
)
@click.option("--from", "start", type=opt.TIME, help="ISO 8601; without an offset, the stage's time.")
@click.option("--to", "end", type=opt.TIME, help="With --from.")
@click.option("--picture", type=opt.FILE, metavar="FILE", help="Draw it too: .png or .svg.")
@options.output_options
def command(
    target_options: TargetOptions,
    *,
    output: Output,
    day: date | None,
    start: datetime | None,
    end: datetime | None,
    picture: Path | None,
) -> None:
    """The intake minute by minute."""
    if picture:
        pictures.require_format(picture)
        files.require_writable(picture, force=output.force)
    language = output.language
    with report_context.open_context(target_options, output) as context:
        zone = context.zone
        start, end = period.peak_bounds(day, start, end, context.now)
        minutes, ids = read_minutes(context, start, min(end, context.now))
        if not any(minute.is_busy for minute in minutes):
            since, until = (instant.astimezone(zone).isoformat(" ", "minutes") for instant in (start, end))
            raise CommandError(f"nothing was punched, received or stored from {since} to {until}", 1)
        instants = (language.date_time(instant.astimezone(zone)) for instant in (start, end))
        between = f"{language.word('report', 'period', *instants)}, {zone.key}"
        if picture:
            chart.draw(picture, minutes, zone, f"{language.word('peak', 'title')}, {between}", language)
            print_status(f"{picture} is drawn")
        table = ReportTable(_COLUMNS, minutes)
        output.write(
            Report(
                language.word("peak", "title"),
                [between, language.generated(context.now)],
                build_tables(minutes, ids, zone, language, has_picture=output.format == "html"),
                csv=table,
                json_fields={
                    "de": start,
                    "ate": end,
                    "fuso": zone.key,
                    "ids_aleatorios": ids.aleatorias,
                    "minutos": list(table.to_records()),
                },
            )
        )


def read_minutes(context: ReportContext, start: datetime, end: datetime) -> tuple[list[MinuteRow], IdCountRow]:
    """Return the minutes between two instants, and the ids of what was received in them."""
    minutes, (ids,) = context.source.read(PEAK.bind(de=start, ate=end), RANDOM_IDS.bind(de=start, ate=end))
    return list(minutes), ids


def build_tables(
    minutes: Sequence[MinuteRow], ids: IdCountRow, zone: ZoneInfo, language: Language, *, has_picture: bool = False
) -> list[ReportTable]:
    """Return for people the sum of a peak and its busiest minutes, then its steps.

    Args:
        minutes: see `in_steps`.
        ids: of the same time.
        zone: the stage's.
        language: what all is written in.
        has_picture: between the tables.
    """
    word = language.word
    minutes = [minute._replace(minuto=minute.minuto.astimezone(zone)) for minute in minutes]
    total, steps = _sum(minutes), sum_steps(minutes)
    has_days = steps[0].minuto.date() != steps[-1].minuto.date()
    most = max(step.batidas for step in steps) or 1
    get_figures = attrgetter(*_FIGURES)

    def format_instant(instant: datetime) -> str:
        return language.date_time(instant) if has_days else f"{instant:%H:%M}"

    def format_busiest(column: ReportColumn) -> str:
        value = attrgetter(column.name)
        found = max(filter(value, minutes), key=value, default=None)
        if not found:
            return word("report", "none")
        figure = column.cell(value(found), language)
        return word("peak", "on" if has_days else "at", figure, format_instant(found.minuto))

    label = word("peak", "picture")
    picture = _PICTURE.format(label, Markup(chart.inline(minutes, zone, language))) if has_picture else ""  # noqa: S704
    summary = [
        (
            column.heading(language),
            getattr(total, column.name) if column.name in _SUMMED_COLUMNS else None,
            format_busiest(column),
        )
        for column in _COLUMNS
        if column.name in _FIGURES
    ]
    return [
        ReportTable(_SUMMARY, summary),
        ReportTable(
            (*_COLUMNS, ReportColumn("", BAR)),
            [(format_instant(step.minuto), *get_figures(step), step.batidas / most) for step in steps],
            notes=[
                f"{word('peak', 'punched_by')} {word('peak', 'stored_only')}",
                *(
                    [word("peak", "random_ids", language.number(ids.aleatorias), language.number(ids.recebidas))]
                    if ids.aleatorias
                    else []
                ),
            ],
            picture=picture,
        ),
    ]


def sum_steps(minutes: Sequence[MinuteRow]) -> list[MinuteRow]:
    """Sum up minutes, in steps that make a table of a page, without those at both ends in which nothing happened.

    Args:
        minutes: in the stage's zone, without gaps; in one of them something happened.
    """
    size = next((step for step in _STEPS if len(minutes) <= step * _MAX_ROWS), _STEPS[-1])
    steps = [_sum(list(part)) for _, part in groupby(minutes, lambda minute: _step_key(minute.minuto, size))]
    busy = [at for at, step in enumerate(steps) if step.is_busy]
    return steps[busy[0] : busy[-1] + 1]


def _sum(minutes: Sequence[MinuteRow]) -> MinuteRow:
    return MinuteRow(
        minuto=minutes[0].minuto,
        batidas=sum(minute.batidas for minute in minutes),
        recebidas=sum(minute.recebidas for minute in minutes),
        gravadas=sum(minute.gravadas for minute in minutes),
        fila=max(minute.fila for minute in minutes),
        idade=max((minute.idade for minute in minutes if minute.idade is not None), default=None),
    )


def _step_key(local: datetime, size: int) -> tuple[datetime, timedelta | None]:
    """Return the key of a minute's step; hours of different offsets are different steps."""
    of_day = 60 * local.hour + local.minute
    begin = of_day - of_day % size
    start = local.replace(hour=begin // 60, minute=begin % 60, tzinfo=None, fold=0)
    return start, None if size == _STEPS[-1] else local.utcoffset()
