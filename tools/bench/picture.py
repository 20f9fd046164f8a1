"""The figures as one picture: the drain against its peers, and below it what else was measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import StrMethodFormatter

from tools.bench.cold import STARTERS, Cold
from tools.bench.drain import PEERS, Drain
from tools.bench.duplicates import Duplicates
from tools.bench.growth import Growth
from tools.bench.workers import Load
from tools.kit.pictures import save

# Okabe and Ito's colours, which colour-blind people tell apart. Ours is the same everywhere.
_OURS, _GREY = "#0072B2", "#999999"
_COLOURS = {
    "original": "#D55E00",
    "powertools": "#E69F00",
    "powertools_1": "#F0C96B",
    "execute_values": "#009E73",
    "ours": _OURS,
    "copy": _GREY,
}


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
    figure = Figure(figsize=(13, 4.5 * halves), layout="constrained")
    figure.suptitle(
        "The drain: from the SQS event to the answer, and what surrounds it",
        fontsize=14,
        fontweight="bold",
        x=0.01,
        ha="left",
    )
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
    axes.set_title("One connection, against other ways to do it", loc="left", fontsize=11)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    _tidy(axes)


def _growth(axes: Axes, found: Sequence[Growth]) -> None:
    sizes = sorted({growth.rows for growth in found})
    for place, (ids, colour) in enumerate((("UUIDv4", "#56B4E9"), ("UUIDv7", _OURS))):
        mine = [growth.rows_per_second for growth in found if growth.ids == ids]
        at = [number + (place - 0.5) * 0.4 for number in range(len(mine))]
        _bars(axes, at, mine, colour, 0.4, f"{ids}, {'random' if ids == 'UUIDv4' else 'in order of time'}")
    axes.set_xticks(range(len(sizes)), [f"{rows / 1e6:g} million" if rows else "empty" for rows in sizes])
    axes.set_xlabel("rows in the table before")
    axes.set_ylabel("rows a second")
    axes.set_title("A growing table", loc="left", fontsize=11)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    _tidy(axes, room=1.4)


def _workers(axes: Axes, found: Sequence[Load]) -> None:
    _bars(axes, range(len(found)), [load.rows_per_second for load in found], _OURS, 0.6)
    axes.set_xticks(range(len(found)), [f"{load.load}\n{load.deadlocks} deadlocks" for load in found])
    axes.set_xlabel("whose punches")
    axes.set_ylabel("punches a second, all together")
    axes.set_title(f"{found[0].workers} processes at once", loc="left", fontsize=11)
    _tidy(axes)


def _cold(axes: Axes, found: Sequence[Cold]) -> None:
    starters = [cold for cold in found if cold.starter != "bare"]
    for place, cold in enumerate(starters):
        colour = _COLOURS.get(cold.starter, _GREY)
        _bars(axes, [place], [cold.import_ms], colour, 0.6, digits=0)
    axes.set_xticks(range(len(starters)), [STARTERS[cold.starter].label.replace(" ", "\n") for cold in starters])
    axes.set_ylabel("milliseconds to import")
    axes.set_title("Cold start", loc="left", fontsize=11)
    _tidy(axes)


def _duplicates(axes: Axes, found: Duplicates) -> None:
    _bars(axes, range(2), list(found), _OURS, 0.6, digits=2)
    axes.set_xticks(range(2), ["fresh", "all duplicates"])
    axes.set_ylabel("milliseconds a batch of 100")
    axes.set_title("Duplicates", loc="left", fontsize=11)
    _tidy(axes)


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


def _tidy(axes: Axes, room: float = 1.15) -> None:
    axes.set_ylim(0, room * max(bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
