"""Formats, colours and style of charts."""

from pathlib import Path
from typing import TYPE_CHECKING

from tools.kit import files
from tools.kit.errors import CommandError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of Okabe and Ito, which colour-blind people can distinguish.
BLUE, GREEN, ORANGE = "#0072B2", "#009E73", "#E69F00"


def new_figure(width: float, height: float, title: str = "") -> "Figure":
    """Create a figure. Its width and height are in inches; the title may have several lines.

    Raises:
        CommandError: matplotlib is not installed.
    """
    try:
        from matplotlib import figure  # here, as importing it takes a second
    except ImportError:
        raise CommandError("a picture needs matplotlib; run make setup") from None
    picture = figure.Figure(figsize=(width, height), layout="constrained")
    if title:
        picture.suptitle(title, fontsize=13, fontweight="bold", x=0.01, ha="left")
    return picture


def apply_style(axes: "Axes") -> None:
    """Apply the common style to axes that start at 0; call it after drawing, so that the legend is complete."""
    from matplotlib.ticker import FuncFormatter

    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value == int(value) else f"{value:g}")
    )
    axes.grid(visible=True, alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=6,
            columnspacing=1.2,
            frameon=False,
            fontsize=9,
            borderaxespad=0.2,
        )


def save(figure: "Figure", file: Path, dpi: int = 150) -> None:
    """Write a figure into a .png or .svg file; `dpi` is the resolution of a .png.

    Raises:
        CommandError: the file cannot be written, or exists and is not a regular file.
    """
    import matplotlib as mpl

    # No date, and fixed ids: the same figure gives the same file.
    metadata = {"Date": None} if file.suffix == ".svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "ponto"}), files.write_atomically(file, None) as out:
        figure.savefig(out, format=file.suffix[1:], dpi=dpi, metadata=metadata)
