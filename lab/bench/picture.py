"""The figures as one picture: the drain against its peers, and below it what else was measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from lab.bench.cold import STARTERS, Cold
from lab.bench.drain import PEERS, Drain
from lab.bench.duplicates import Duplicates
from lab.bench.growth import Growth
from lab.bench.workers import Workload
from tools.kit.pictures import BLUE, GREEN, GREY, ORANGE, RED, SKY, YELLOW, dress, new_figure, save

_OURS = BLUE  # everywhere
_COLOURS = {
    "original": RED,
    "powertools": ORANGE,
    "powertools_1": YELLOW,
    "execute_values": GREEN,
    "ours": _OURS,
    "copy": GREY,
}
_ROOM = 1.12  # above the highest bar, for its figure


def draw(file: Path, measured: Mapping[str, Any]) -> None:
    """Draw what was measured.

    Args:
        file: a PNG or SVG, by its name; overwritten if it is there.
        measured: the results of each part, by its name.
    """
    panels: dict[str, Callable[[Axes, Any], None]] = {
        "growth": _growth,
        "workers": _workers,
        "cold": _cold,
        "duplicates": _duplicates,
    }
    below = [name for name in panels if name in measured]
    halves = ("drain" in measured) + bool(below)
    figure = new_figure(13, 4.5 * halves, "The drain: from the SQS event to the answer, and what surrounds it")
    grid = figure.add_gridspec(halves, 1)
    if "drain" in measured:
        _drain(figure.add_subfigure(grid[0]).subplots(), measured["drain"])
    if below:
        half = figure.add_subfigure(grid[halves - 1])
        columns = half.add_gridspec(1, len(below), width_ratios=[1.6 if name == "growth" else 1 for name in below])
        for column, name in enumerate(below):
            panels[name](half.add_subplot(columns[column]), measured[name])
    save(figure, file, file.suffix, dpi=120)


def _drain(axes: Axes, found: Sequence[Drain]) -> None:
    batches = sorted({drain.batch for drain in found})
    width = 0.8 / len(PEERS)
    for place, (name, peer) in enumerate(PEERS.items()):
        mine = sorted((drain for drain in found if drain.peer == name), key=lambda drain: drain.batch)
        at = [number + (place - (len(PEERS) - 1) / 2) * width for number in range(len(mine))]
        _bars(axes, at, [drain.rows_per_second for drain in mine], _COLOURS[name], width, peer.label)
    axes.set_xticks(range(len(batches)), [f"batches of {batch:,}" for batch in batches])
    axes.set_ylabel("rows a second (median, least to most)")
    _dress(axes, "One connection, against other ways to do it", columns=2)


def _growth(axes: Axes, found: Sequence[Growth]) -> None:
    sizes = sorted({growth.rows for growth in found})
    for place, (ids, colour) in enumerate((("UUIDv4", SKY), ("UUIDv7", _OURS))):
        mine = [growth.rows_per_second for growth in found if growth.ids == ids]
        at = [number + (place - 0.5) * 0.4 for number in range(len(mine))]
        _bars(axes, at, mine, colour, 0.4, f"{ids}, {'random' if ids == 'UUIDv4' else 'in order of time'}")
    axes.set_xticks(range(len(sizes)), [f"{rows / 1e6:g} million" if rows else "empty" for rows in sizes])
    axes.set_xlabel("rows in the table before")
    axes.set_ylabel("rows a second")
    _dress(axes, "A growing table")


def _workers(axes: Axes, found: Sequence[Workload]) -> None:
    _bars(axes, range(len(found)), [workload.rows_per_second for workload in found], _OURS, 0.6)
    axes.set_xticks(range(len(found)), [f"{each.workload}\n{each.deadlocks} deadlocks" for each in found])
    axes.set_xlabel("whose punches")
    axes.set_ylabel("punches a second, all together")
    _dress(axes, f"{found[0].workers} processes at once")


def _cold(axes: Axes, found: Sequence[Cold]) -> None:
    starters = [cold for cold in found if cold.starter != "bare"]
    for place, cold in enumerate(starters):
        colour = _COLOURS.get(cold.starter, GREY)
        _bars(axes, [place], [cold.import_ms], colour, 0.6, digits=0)
    axes.set_xticks(range(len(starters)), [STARTERS[cold.starter].label.replace(" ", "\n") for cold in starters])
    axes.set_ylabel("milliseconds to import")
    _dress(axes, "Cold start")


def _duplicates(axes: Axes, found: Duplicates) -> None:
    _bars(axes, range(2), list(found), _OURS, 0.6, digits=2)
    axes.set_xticks(range(2), ["fresh", "all duplicates"])
    axes.set_ylabel("milliseconds a batch of 100")
    _dress(axes, "Duplicates")


def _bars(
    axes: Axes, at: Sequence[float], values: Sequence[Any], colour: str, width: float, label: str = "", digits: int = 0
) -> None:
    """Draw medians as bars with their figure, and a line from the least to the most."""
    medians = [value.median for value in values]
    errors = [[value.median - value.least for value in values], [value.most - value.median for value in values]]
    axes.bar(at, medians, width * 0.95, color=colour, label=label or None)
    axes.errorbar(at, medians, errors, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    for place, value in zip(at, values, strict=True):
        axes.annotate(
            f"{value.median:,.{digits}f}",
            (place, value.most),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )


def _dress(axes: Axes, title: str, columns: int = 6) -> None:
    axes.set_ylim(top=_ROOM * max(bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)))
    dress(axes, title, columns)
    axes.grid(visible=False, axis="x")  # bars stand side by side
