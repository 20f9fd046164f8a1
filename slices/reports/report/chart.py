"""Chart of the peak: punches made, received and stored, the length of the queue, and the longest wait."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from slices.reports.report.i18n import Language
from slices.reports.rows import MinuteRow
from tools.kit import pictures
from tools.kit.pictures import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(file: Path, minutes: Sequence[MinuteRow], zone: ZoneInfo, title: str, language: Language) -> None:
    """Draw the chart into a .png or .svg file, which is overwritten if it exists.

    Raises:
        CommandError: the file has another suffix or cannot be written, or matplotlib is not installed.
    """
    pictures.save(_figure(minutes, zone, title, language), file, file.suffix)


def render_svg(minutes: Sequence[MinuteRow], zone: ZoneInfo, language: Language) -> str:
    """Return the chart as an SVG element for a page, without a title.

    Raises:
        CommandError: matplotlib is not installed.
    """
    out = io.BytesIO()
    figure = _figure(minutes, zone, "", language)
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_visible(False)  # so that the page and its scroll shadows are visible behind the chart
    pictures.save(figure, out, ".svg")
    document = out.getvalue().decode()
    svg = document[document.index("<svg") :]  # without the XML declaration and the document type
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(r' (?:width|height)="[0-9.]+pt"', "", svg, count=2)  # the page sets the width


def _figure(minutes: Sequence[MinuteRow], zone: ZoneInfo, title: str, language: Language) -> "Figure":
    figure = pictures.new_figure(10, 7.5, title)
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    rates, depths, ages = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 2])
    label = language.column
    times, queued = [minute.minuto for minute in minutes], [minute.fila for minute in minutes]
    punched = [minute.batidas for minute in minutes]
    rates.fill_between(times, punched, color=BLUE, alpha=0.25, linewidth=0, label=label("batidas"))
    rates.plot(times, [minute.recebidas for minute in minutes], color=ORANGE, linewidth=2, label=label("recebidas"))
    rates.plot(times, [minute.gravadas for minute in minutes], color=GREEN, linewidth=1, label=label("gravadas"))
    rates.set_ylabel(language.word("peak", "a_minute"))
    depths.fill_between(times, queued, color=GREEN, alpha=0.5, linewidth=0, step="post", label=label("fila"))
    depths.set_ylabel(language.word("peak", "waiting"))
    waits = [(minute.minuto, minute.idade.total_seconds()) for minute in minutes if minute.idade is not None]
    ages.vlines(
        [time for time, _ in waits], 0, [age for _, age in waits], color=GREY, linewidth=1, label=label("idade")
    )
    ages.set_ylabel(language.word("peak", "seconds"))

    for axes in (rates, depths, ages):
        pictures.apply_style(axes)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: language.number(round(value, 2))))
        _, top = axes.get_ylim()
        axes.set_ylim(0, max(top, 1))
    for axes in (rates, depths):
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    day, month = language.word("strftime", "day"), language.word("strftime", "month")
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    ages.xaxis.set_major_locator(locator)
    ages.xaxis.set_major_formatter(
        ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator,
            tz=zone,
            formats=["%Y", month, day, "%H:%M", "%H:%M", "%S"],
            zero_formats=["", "%Y", day, day, "%H:%M", "%H:%M"],
            show_offset=False,
        )
    )
    ages.set_xlim(times[0], times[-1])
    return figure
