"""Chart of a run: punches accepted and stored per second, and punches waiting."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from loadtest.ledger import Ledger, StoredPunch
from loadtest.results import Figures
from tools.kit.pictures import BLUE, GREEN, ORANGE, apply_style, new_figure, save

_MAX_BARS = 60


def draw(file: Path, figures: Figures, rows: Sequence[StoredPunch], ledger: Ledger, lag: float | None) -> None:
    """Draw the chart of a run.

    Args:
        file: file to write, a .png or .svg.
        figures: accepted punches with their times.
        rows: stored punches with their times.
        ledger: ledger of the run, for the title.
        lag: seconds from the last 202 to the last row, for the title.
    """
    from matplotlib.ticker import MaxNLocator  # imported late, because it is slow

    start = figures.began_ms / 1000
    accepted = sorted(at / 1000 - start for at in figures.accepted_ms)
    stored = sorted(
        max(row.stored_at.timestamp() - start, 0)  # the clock of the database may be behind
        for row in rows
        if row.stored_at and row.key in figures.accepted
    )
    end = max(accepted[-1:] + stored[-1:] + [1.0])
    step = max(1, round(end / _MAX_BARS))  # seconds
    edges = [float(step * number) for number in range(int(end // step) + 2)]

    instants = [end * number / 1000 for number in range(1001)]
    # A row may exist before its 202 has reached the client.
    waiting = [max(0, bisect_right(accepted, instant) - bisect_right(stored, instant)) for instant in instants]

    figure = new_figure(10, 6, _title(figures, ledger, lag, max(waiting)))
    rate_axes, queue_axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))

    accepted_rates, stored_rates = (
        [counts[bar] / step for bar in range(len(edges) - 1)]
        for counts in (Counter(int(time // step) for time in times) for times in (accepted, stored))
    )
    rate_axes.stairs(accepted_rates, edges, fill=True, color=BLUE, alpha=0.3, label="accepted: answered with 202")
    rate_axes.stairs(stored_rates, edges, color=GREEN, linewidth=2, label="stored: a row in PostgreSQL")
    rate_axes.set_ylabel("punches a second")

    queue_axes.fill_between(
        instants, waiting, color=ORANGE, alpha=0.6, linewidth=0, label="accepted and not stored yet"
    )
    queue_axes.set_ylabel("punches waiting")
    queue_axes.set_xlabel("seconds since the first request")
    queue_axes.set_xlim(0, edges[-1])
    queue_axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    for axes in (rate_axes, queue_axes):
        axes.set_ylim(top=max(axes.get_ylim()[1], 1))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        apply_style(axes)
    save(figure, file, dpi=120)


def _title(figures: Figures, ledger: Ledger, lag: float | None, max_waiting: int) -> str:
    first = f"{len(figures.accepted):,} punches accepted in {figures.seconds:,.1f} s"
    if not ledger.is_complete:
        return f"{first}\n{len(ledger.lost):,} missing, {len(ledger.stored_twice):,} stored twice"
    ends = "each is one row" if not ledger.dead_letters else f"{ledger.stored:,} rows, the rest dead letters"
    last = "" if lag is None else f"the last row {max(lag, 0):.1f} s after the last answer, "
    return f"{first}, {ends}\n{last}at most {max_waiting:,} waited"
