"""Simulated clock. Its times are seconds since `START`; it stands still until `advance` or `sleep` is called."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

DAY = 86_400
HOUR = 3_600
START = datetime(2026, 1, 1, 3, tzinfo=UTC)
"""The instant of time 0: midnight in São Paulo."""

EPOCH_SECONDS = int(START.timestamp())
"""Unix time of time 0."""


class ProcessKilledError(BaseException):
    """The simulated process of the function was killed. A BaseException, so that no code of the function catches it."""


class SimulatedClock:
    """Replacement for the module `time` in the modules of the function."""

    def __init__(self) -> None:
        self.now = 0.0
        self.deadline = math.inf  # when Lambda ends the current invocation

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return EPOCH_SECONDS + self.now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Advance the clock.

        Raises:
            ProcessKilledError: the invocation timed out.
        """
        self.now += seconds
        if self.now >= self.deadline:
            self.now = self.deadline
            raise ProcessKilledError("timed out")

    @contextmanager
    def install(self) -> Iterator[None]:
        """Replace the module `time` by this clock in all loaded modules of the function, for the context."""
        modules = [
            module
            for name, module in sorted(sys.modules.items())
            if name.partition(".")[0] in ("handler", "ponto") and getattr(module, "time", None) is time
        ]
        for module in modules:
            vars(module)["time"] = self
        try:
            yield
        finally:
            for module in modules:
                vars(module)["time"] = time


def format_time(now: float) -> str:
    """Format a time as day, from 1, and local time of the simulated company."""
    milliseconds = round(1000 * now)
    hours, remainder = divmod(milliseconds % (1000 * DAY), 1000 * HOUR)
    minutes, remainder = divmod(remainder, 60_000)
    return (
        f"day {milliseconds // (1000 * DAY) + 1} {hours:02}:{minutes:02}:{remainder // 1000:02}.{remainder % 1000:03}"
    )


def format_duration(seconds: float) -> str:
    """Format a duration with its two largest units."""
    rounded_seconds = round(seconds)
    days = rounded_seconds // DAY if rounded_seconds >= 3 * DAY else 0  # less than three days are given in hours
    parts = [
        (days, "d"),
        ((rounded_seconds - days * DAY) // HOUR, "h"),
        (rounded_seconds // 60 % 60, "min"),
        (rounded_seconds % 60, "s"),
    ]
    units = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(units[:2]) or f"{seconds:.3f} s"


def to_datetime(now: float) -> datetime:
    """Convert a time of the clock to a UTC datetime, rounded to milliseconds."""
    return START + timedelta(milliseconds=round(1000 * now))
