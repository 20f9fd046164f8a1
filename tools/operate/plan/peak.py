"""Comparison of a peak of punches with the limits of a deployment."""

import math
from typing import NamedTuple

from tools.operate.plan.settings import RESUME_SECONDS, StageSettings

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS = 5  # number of pollers at the start, and number that Lambda adds each second
_MAX_DRAIN_MINUTES = 15  # after which the alarm `oldest-waiting` fires


class Peak(NamedTuple):
    """A number of punches in a period, at a rate that rises linearly to twice the mean, and then falls."""

    punches: int
    seconds: float

    @property
    def highest(self) -> float:
        """Punches/s in the middle of the peak."""
        return 2 * self.punches / self.seconds

    def drain_seconds(self, rate: float) -> float:
        """Return how many seconds after the peak the last punch is processed, at `rate` punches per second."""
        # Processing runs at the full rate, except at the start of the peak, when fewer punches arrive.
        start = self.seconds * rate / self.highest / 4
        return max(self.punches / rate + start - self.seconds, 0) if rate < self.highest else 0


class Forecast(NamedTuple):
    """Outcome of a peak."""

    rows_per_second: float  # that the drain stores at most
    formula: str  # of the rows per second
    drain_minutes: float  # from the end of the peak to the last row, at most
    advice: list[str]  # what to change; empty if the peak fits


def forecast(peak: Peak, settings: StageSettings) -> Forecast:
    """Compare a peak with the gateway's throttle, and with the speed of the drain and of the database."""
    seconds = settings.batch_milliseconds / 1000
    limits = {
        settings.concurrency * settings.batch / seconds: (
            f"{settings.concurrency:,} batches at once x {settings.batch:,} punches / {seconds:.4g} s",
            "drainConcurrency and drainMaximumConcurrency",
        ),
        settings.database_rows: ("the database, at maximumAcu", "maximumAcu"),
    }
    rows = min(limits)
    formula, parameters = limits[rows]
    start_seconds = RESUME_SECONDS + max(settings.concurrency - POLLERS, 0) / POLLERS
    minutes = (start_seconds + peak.drain_seconds(rows)) / 60
    advice = []
    if peak.highest > settings.stage_rate:
        advice.append(
            "punches are answered 429 and sent again: raise stageRateLimit and keyRateLimit to "
            f"{math.ceil(peak.highest):,}, and the burst limits with them"
        )
    if minutes > _MAX_DRAIN_MINUTES:
        advice.append(f"punches wait for more than {_MAX_DRAIN_MINUTES} minutes: raise {parameters}")
    return Forecast(rows, formula, minutes, advice)
