"""Clocks whose waits return at once."""

from datetime import UTC, datetime, timedelta

from tools.kit.clock import Clock


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
