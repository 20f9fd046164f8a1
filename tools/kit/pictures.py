"""A peak as a picture: what came and what was stored, and what waited where. And what other pictures share."""

from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tools.kit import files
from tools.kit.errors import CommandError
from tools.plan.simulation import Peak

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMATS = (".png", ".svg")
# Okabe and Ito's colours, which colour-blind people tell apart.
BLUE, GREEN, ORANGE, RED, GREY = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#666666"


def draw(file: Path, peak: Peak, peak_seconds: int, title: str, throttle: int) -> None:
    """Draw a peak into a file.

    Args:
        file: .png or .svg; overwritten if it is there.
        peak: what to draw.
        peak_seconds: how long the employees took.
        title: above it.
        throttle: requests/s that the gateway takes, lasting.

    Raises:
        CommandError: another kind of file, matplotlib is not installed, or the file cannot be written.
    """
    require_format(file)
    seconds = peak.seconds
    minutes = [second / 60 for second in range(1, len(seconds) + 1)]
    stored = _smooth([second.stored for second in seconds])
    figure = new_figure(10, 7)
    rates, depths = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    figure.suptitle(title, fontsize=13, fontweight="bold", x=0.01, ha="left")

    arrived = [second.arrived for second in seconds]
    rates.fill_between(minutes, arrived, color=BLUE, alpha=0.2, linewidth=0, label="employees")
    requests = [second.requests for second in seconds]
    if requests != arrived:
        rates.plot(minutes, _smooth(requests), color=ORANGE, linewidth=1, label="requests, retries included")
    rates.plot(minutes, stored, color=GREEN, linewidth=3, alpha=0.6, label="stored")
    rates.plot(minutes, [second.accepted for second in seconds], color=BLUE, linewidth=1, label="accepted")
    top = max(requests)
    if throttle <= 1.5 * top:
        rates.axhline(throttle, color=RED, linestyle="--", linewidth=1, label="throttle")
    rates.set_ylabel("punches a second")

    depths.fill_between(
        minutes, [second.queued for second in seconds], color=GREEN, alpha=0.5, linewidth=0, label="in the queue"
    )
    retrying = [second.retrying for second in seconds]
    if any(retrying):
        depths.plot(minutes, retrying, color=ORANGE, label="on devices, to be sent again")
    depths.set_ylabel("punches waiting")
    depths.set_xlabel("minutes since the first punch")

    for axes in (rates, depths):
        axes.axvline(peak_seconds / 60, color=GREY, linestyle=":", linewidth=1, label="end of the peak")
        dress(axes)
    depths.set_xlim(0, minutes[-1])
    save(figure, file, file.suffix)


def require_format(file: Path) -> None:
    """Refuse another kind of file than a picture's.

    Raises:
        CommandError: it is none.
    """
    if file.suffix not in _FORMATS:
        raise CommandError(f"{file.name}: a picture is {' or '.join(_FORMATS)}")


def new_figure(width: float, height: float) -> "Figure":
    """Make a figure, inches.

    Raises:
        CommandError: matplotlib is not installed.
    """
    try:
        from matplotlib import figure  # here, for it takes a second and nothing else needs it
    except ImportError:
        raise CommandError("a picture needs matplotlib: pip install -r requirements-tools.txt") from None
    return figure.Figure(figsize=(width, height), layout="constrained")


def dress(axes: "Axes") -> None:
    """Give axes of counts the looks of all pictures; call it when all is drawn, for the legend."""
    from matplotlib.ticker import StrMethodFormatter

    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=6,
        columnspacing=1.2,
        frameon=False,
        fontsize=9,
        borderaxespad=0.2,
    )


def save(figure: "Figure", file: Path | IO[bytes], suffix: str, dpi: int = 150) -> None:
    """Write a figure as .png or .svg; `dpi` is a .png's dots an inch.

    Raises:
        CommandError: it cannot be written, or something else than a regular file is there.
    """
    import matplotlib as mpl

    # Without a date and with fixed ids, the same picture is the same file.
    metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
    whole = files.draft_bytes(file) if isinstance(file, Path) else nullcontext(file)
    with mpl.rc_context({"svg.hashsalt": "ponto"}), whole as out:
        figure.savefig(out, format=suffix[1:], dpi=dpi, metadata=metadata)


def _smooth(numbers: list[int], width: int = 5) -> list[float]:
    """Average over some seconds: whole punches a second make a line that jumps."""
    around = [numbers[max(at - width // 2, 0) : at + width // 2 + 1] for at in range(len(numbers))]
    return [sum(part) / len(part) for part in around]
