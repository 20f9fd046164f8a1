"""Clocks on which waits take no time."""

import itertools
import threading
from datetime import UTC, datetime, timedelta

from tools.kit.clock import Clock


class TickingClock(Clock):
    """A clock on which each look takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._looks = itertools.count()

    def monotonic(self) -> float:
        return next(self._looks) * self._seconds


class FakeClock(Clock):
    """Stands still but for what is waited, which it notes."""

    def __init__(self, start: datetime | None = None) -> None:
        self.waits: list[float] = []
        self._start = start or datetime.now(UTC)

    def monotonic(self) -> float:
        return sum(self.waits)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def wait(self, event: threading.Event, seconds: float) -> None:  # noqa: ARG002  nobody sets it
        self.waits.append(seconds)
