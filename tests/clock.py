"""Clocks whose waits return at once."""

import itertools
from datetime import UTC, datetime, timedelta

from tools.kit.clock import Clock


class TickingClock(Clock):
    """A clock that advances by a number of seconds at each reading."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._readings = itertools.count()

    def monotonic(self) -> float:
        return next(self._readings) * self._seconds


class FakeClock(Clock):
    """A clock that advances only during waits; it returns from them at once and records their durations."""

    def __init__(self, start: datetime | None = None) -> None:
        self.waits: list[float] = []
        self._start = start or datetime.now(UTC)

    def monotonic(self) -> float:
        return sum(self.waits)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
