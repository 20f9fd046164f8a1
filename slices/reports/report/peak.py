"""`ponto report peak`: the intake of punches, minute by minute."""

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

_MAX_ROWS = 32
_STEP_MINUTES = (1, 5, 15, 60, 1_440)

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
    help="Day in the stage's time zone (default: today).",
)
@click.option("--from", "start", type=opt.TIME, help="Start, ISO 8601; without a UTC offset, in the stage's time zone.")
@click.option("--to", "end", type=opt.TIME, help="End; required with --from.")
@click.option("--picture", type=opt.FILE, metavar="FILE", help="Also draw the report into this .png or .svg file.")
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
    """Print the intake of punches, minute by minute."""
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
            raise CommandError(f"no punch was made, received or stored from {since} to {until}", 1)
        instants = (language.date_time(instant.astimezone(zone)) for instant in (start, end))
        time_range = f"{language.word('report', 'period', *instants)}, {zone.key}"
        if picture:
            chart.draw(picture, minutes, zone, f"{language.word('peak', 'title')}, {time_range}", language)
            print_status(f"{picture} written")
        table = ReportTable(_COLUMNS, minutes)
        output.write(
            Report(
                language.word("peak", "title"),
                [time_range, language.format_generated(context.now)],
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
    """Return the minutes between two instants, and the number of random ids among the punches received."""
    minutes, (ids,) = context.source.read(PEAK.bind(de=start, ate=end), RANDOM_IDS.bind(de=start, ate=end))
    return list(minutes), ids


def build_tables(
    minutes: Sequence[MinuteRow], ids: IdCountRow, zone: ZoneInfo, language: Language, *, has_picture: bool = False
) -> list[ReportTable]:
    """Return the tables of text and html: totals and busiest minutes, then the steps.

    Args:
        minutes: consecutive minutes, of which at least one is busy.
        ids: ids of the punches received in these minutes.
        zone: the stage's time zone.
        language: language of the tables.
        has_picture: add the chart above the steps.
    """
    word = language.word
    minutes = [minute._replace(minuto=minute.minuto.astimezone(zone)) for minute in minutes]
    total, steps = _sum(minutes), sum_steps(minutes)
    has_days = steps[0].minuto.date() != steps[-1].minuto.date()
    max_punches = max(step.batidas for step in steps) or 1
    get_figures = attrgetter(*_FIGURES)

    def format_instant(instant: datetime) -> str:
        return language.date_time(instant) if has_days else f"{instant:%H:%M}"

    def format_busiest(column: ReportColumn) -> str:
        get_value = attrgetter(column.name)
        busiest = max(filter(get_value, minutes), key=get_value, default=None)
        if not busiest:
            return word("report", "none")
        figure = column.format_cell(get_value(busiest), language)
        return word("peak", "on" if has_days else "at", figure, format_instant(busiest.minuto))

    label = word("peak", "picture")
    picture = _PICTURE.format(label, Markup(chart.render_svg(minutes, zone, language))) if has_picture else ""  # noqa: S704
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
            [(format_instant(step.minuto), *get_figures(step), step.batidas / max_punches) for step in steps],
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
    """Sum up minutes in steps, about `_MAX_ROWS` or fewer, and drop the idle steps at both ends.

    Args:
        minutes: consecutive minutes in the stage's time zone, of which at least one is busy.
    """
    size = next((step for step in _STEP_MINUTES if len(minutes) <= step * _MAX_ROWS), _STEP_MINUTES[-1])
    steps = [_sum(list(part)) for _, part in groupby(minutes, lambda minute: _step_key(minute.minuto, size))]
    busy = [index for index, step in enumerate(steps) if step.is_busy]
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
    """Return the key of a minute's step; hours with different UTC offsets are separate steps."""
    minute_of_day = 60 * local.hour + local.minute
    start_minute = minute_of_day - minute_of_day % size
    start = local.replace(hour=start_minute // 60, minute=start_minute % 60, tzinfo=None, fold=0)
    return start, None if size == _STEP_MINUTES[-1] else local.utcoffset()
