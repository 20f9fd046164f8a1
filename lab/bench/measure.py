"""Many runs as one figure: the median, and how far the runs lay apart."""

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """What some runs of the same came to."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:,.0f} ({self.least:,.0f} to {self.most:,.0f})"


def spread(values: Iterable[float]) -> Spread:
    """Summarize runs.

    Raises:
        statistics.StatisticsError: there are none.
    """
    found = sorted(values)
    return Spread(statistics.median(found), found[0], found[-1])


class Aim(NamedTuple):
    """What a figure was to reach."""

    text: str  # of the figure, without a number
    wanted: float
    reached: float
    at_most: bool = False  # rather than at least

    @property
    def met(self) -> bool:
        return self.reached <= self.wanted if self.at_most else self.reached >= self.wanted

    def __str__(self) -> str:
        bound = "at most" if self.at_most else "at least"
        return f"{'met' if self.met else 'MISSED'}: {self.text}: {self.reached:,.2f}, aim {bound} {self.wanted:g}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table.

    Args:
        rows: the first is the head. The first column is set left, the others right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in rows]
    rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:]), ""])
    return "\n".join([lines[0], rule, *lines[1:]])
