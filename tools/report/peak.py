"""`ponto report peak`: the intake minute by minute."""

from datetime import UTC, date, datetime
from pathlib import Path

from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.report import as_csv, as_html, as_json, as_text, chart, figures, period
from tools.report.output import Output
from tools.report.queries import Reports


def write(
    reports: Reports,
    output: Output,
    day: date | None,
    start: datetime | None,
    end: datetime | None,
    picture: Path | None,
) -> None:
    """Write the minutes of a peak.

    Args:
        reports: where they come from.
        output: how and where they are written.
        day: of the stage's zone; see `period.stretch`.
        start: from which on, instead of a day.
        end: until when.
        picture: .png or .svg that is drawn too.

    Raises:
        CommandError: nothing happened, or the picture cannot be drawn.
    """
    language = output.language
    zone = reports.zone()
    now = period.now(zone)
    start, end = period.stretch(day, start, end, now)
    minutes = reports.peak(start, min(end, now))
    if not any(minute.batidas or minute.recebidas or minute.gravadas or minute.fila for minute in minutes):
        raise CommandError(f"nothing was punched, received or stored from {start} to {end}", 1)
    start, end = start.astimezone(zone), end.astimezone(zone)
    between = language.word("report", "period", language.moment(start), language.moment(end))
    lines = [f"{between}, {zone.key}", figures.generated(now, language)]
    if picture:
        title = f"{language.word('peak', 'title')}, {lines[0]}"
        chart.draw(picture, minutes, zone, title, language)
        print_status(f"{picture} is drawn")
    with output.opened() as out:
        if output.format == "csv":
            as_csv.peak(out, minutes, output.separator)
        elif output.format == "json":
            head = {
                "de": as_csv.instant(start.astimezone(UTC)),
                "ate": as_csv.instant(end.astimezone(UTC)),
                "fuso": zone.key,
            }
            as_json.peak(out, head, minutes)
        elif output.format == "html":
            svg = chart.inline(minutes, zone, language)
            as_html.peak(out, lines, figures.summarize(minutes, zone), svg, language)
        else:
            printer = as_text.Printer(out, language)
            printer.heading(language.word("peak", "title"), *lines)
            printer.peak(figures.summarize(minutes, zone))
