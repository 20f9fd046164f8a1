"""The simulated clock: all times are seconds since its epoch, and it moves only when somebody advances it."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

DAY = 86_400
HOUR = 3_600
BEGIN = datetime(2026, 1, 1, 3, tzinfo=UTC)
"""When the clock says 0: midnight in São Paulo."""

EPOCH_SECONDS = int(BEGIN.timestamp())


class ProcessKilledError(BaseException):
    """The function's process is gone: nothing of the function's may catch it. The message says why."""


class SimulatedClock:
    """What the function takes for the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.deadline = math.inf  # at which Lambda ends the invocation that runs

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return EPOCH_SECONDS + self.now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ProcessEnded: the invocation's time is over.
        """
        self.now += seconds
        if self.now >= self.deadline:
            self.now = self.deadline
            raise ProcessKilledError("timed out")

    @contextmanager
    def install(self) -> Iterator[None]:
        """Let every module of the function that is loaded see this clock, and no other one, meanwhile."""
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
    """Write a time as people of the simulated company would: the day, from 1, and their local time."""
    milliseconds = round(1000 * now)
    hours, rest = divmod(milliseconds % (1000 * DAY), 1000 * HOUR)
    minutes, rest = divmod(rest, 60_000)
    return f"day {milliseconds // (1000 * DAY) + 1} {hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


def format_duration(seconds: float) -> str:
    """Write a length of time for people: its two largest units."""
    whole = round(seconds)
    days = whole // DAY if whole >= 3 * DAY else 0  # up to three days people count hours
    parts = [(days, "d"), ((whole - days * DAY) // HOUR, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    found = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(found[:2]) or f"{seconds:.3f} s"


def to_datetime(now: float) -> datetime:
    """Give a time of the clock as an instant, to the millisecond."""
    return BEGIN + timedelta(milliseconds=round(1000 * now))
