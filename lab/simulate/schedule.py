"""When what goes wrong: faults, drawn from the seed."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from lab.faults import FaultKind
from lab.simulate.clock import DAY, HOUR, format_duration

MAX_OUTAGE_SECONDS = 30 * HOUR
"""An outage as long as this dead-letters no good punch, unless SQS hands it out needlessly more than once."""

MAX_PAUSE_SECONDS = 7 * DAY
"""The mapping may be disabled for so long, and an outage follow: nothing is lost."""


RESTARTS = {FaultKind.REFUSING, FaultKind.FAILOVER}
"""Kinds that no connection outlives."""

# How often a week, and for how long: seconds, drawn evenly on a logarithmic scale.
_FREQUENT_FAULTS: dict[FaultKind, tuple[float, float, float]] = {
    FaultKind.REFUSING: (0.5, 20, 2 * HOUR),
    FaultKind.FROZEN: (0.4, 20, HOUR),
    FaultKind.FAILOVER: (0.5, 30, 180),
    FaultKind.READ_ONLY: (0.3, 10, 600),
    FaultKind.SLOW: (0.4, 30, HOUR),
    FaultKind.LOCKED: (0.4, 10, HOUR),
    FaultKind.EXHAUSTED: (0.4, 30, HOUR),
    FaultKind.CUT: (0.8, 60, HOUR),
    FaultKind.KILLED: (0.8, 60, 2 * HOUR),
    FaultKind.STALLED: (0.4, 60, HOUR),
    FaultKind.THROTTLED: (0.3, 60, HOUR),
    FaultKind.SQS_SILENT: (0.4, 60, 2 * HOUR),
    FaultKind.SQS_REFUSES: (0.4, 60, 2 * HOUR),
    FaultKind.PAUSED: (0.15, 600, 8 * HOUR),
}
_LONG_OUTAGE = 0.02  # a week: hours, up to what is promised
_OVERLONG_OUTAGE = 0.006  # a week: longer than promised
_LONG_PAUSE = 0.03  # a week: up to what is promised; half of them an outage follows
_FORGOTTEN_PAUSE = 0.005  # a week: nobody resumes the drain in time
_ABSENCE = 0.05  # a week: nobody looks at the dead letters for weeks


class ScheduledFault(NamedTuple):
    """Something is wrong for a while."""

    begin: float
    end: float
    kind: FaultKind

    def __str__(self) -> str:
        return f"{self.kind.sentence}, for {format_duration(self.end - self.begin)}"


def draw_faults(seed: int, days: int) -> list[ScheduledFault]:
    """Draw all faults, the earliest first."""
    rng = Random(f"faults {seed}")
    weeks, total = days / 7, days * DAY
    faults: list[ScheduledFault] = []
    for kind, (often, least, most) in _FREQUENT_FAULTS.items():
        for _ in range(_draw_count(rng, often * weeks)):
            begin = _draw_begin(rng, days)
            faults.append(ScheduledFault(begin, begin + least * (most / least) ** rng.random(), kind))
    down = (FaultKind.FROZEN, FaultKind.FROZEN, FaultKind.FROZEN, FaultKind.REFUSING)
    for _ in range(_draw_count(rng, _LONG_OUTAGE * weeks)):
        begin = rng.uniform(0, total)
        faults.append(ScheduledFault(begin, begin + rng.uniform(6 * HOUR, MAX_OUTAGE_SECONDS), rng.choice(down)))
    for _ in range(_draw_count(rng, _OVERLONG_OUTAGE * weeks)):
        begin = rng.uniform(0, total)
        faults.append(ScheduledFault(begin, begin + rng.uniform(1, 1.6) * MAX_OUTAGE_SECONDS, rng.choice(down)))
    for _ in range(_draw_count(rng, _LONG_PAUSE * weeks)):
        begin = rng.uniform(0, total)
        end = begin + rng.uniform(1 * DAY, MAX_PAUSE_SECONDS)
        faults.append(ScheduledFault(begin, end, FaultKind.PAUSED))
        if rng.random() < 0.5:
            faults.append(ScheduledFault(end, end + rng.uniform(0.5, 1.2) * MAX_OUTAGE_SECONDS, rng.choice(down)))
    for _ in range(_draw_count(rng, _FORGOTTEN_PAUSE * weeks)):
        begin = rng.uniform(0, total)
        faults.append(ScheduledFault(begin, begin + rng.uniform(8, 12) * DAY, FaultKind.PAUSED))
    for _ in range(_draw_count(rng, _ABSENCE * weeks)):
        begin = rng.uniform(0, total)
        faults.append(ScheduledFault(begin, begin + rng.uniform(4, 21) * DAY, FaultKind.AWAY))
    return sorted(ScheduledFault(round(begin, 3), round(end, 3), kind) for begin, end, kind in faults)


def _draw_count(rng: Random, mean: float) -> int:
    """Draw how often something that is rare happens (Poisson, by Knuth)."""
    limit, product, number = math.exp(-mean), rng.random(), 0
    while product > limit:
        number, product = number + 1, product * rng.random()
    return number


def _draw_begin(rng: Random, days: int) -> float:
    """Draw a time; mostly when people punch, for at night little can be seen."""
    day = rng.randrange(days) * DAY
    if rng.random() < 0.3:
        return day + rng.uniform(0, DAY)
    return day + rng.choice((8, 12, 13, 18)) * HOUR + rng.uniform(-1200, 600)


class Schedule:
    """Which kinds of fault there are at a time."""

    def __init__(self, faults: Sequence[ScheduledFault]) -> None:
        self.faults = faults
        self._restarts = sorted(fault.begin for fault in faults if fault.kind in RESTARTS)
        self._bounds = sorted({bound for fault in faults for bound in fault[:2]})
        self._kinds: list[frozenset[FaultKind]] = [
            frozenset(),
            *(frozenset(fault.kind for fault in faults if fault.begin <= bound < fault.end) for bound in self._bounds),
        ]

    def kinds_at(self, now: float) -> frozenset[FaultKind]:
        return self._kinds[bisect_right(self._bounds, now)]

    def has_restart(self, begin: float, end: float) -> bool:
        """Tell whether the database went away in a span."""
        return bisect_right(self._restarts, begin) != bisect_right(self._restarts, end)

    def current_fault(self, kind: FaultKind, now: float) -> ScheduledFault:
        """Give the fault of a kind that there is now."""
        return next(fault for fault in self.faults if fault.kind is kind and fault.begin <= now < fault.end)

    def failing_seconds(self, begin: float, end: float) -> float:
        """Tell for how many seconds of a span anything was wrong that makes a batch fail."""
        bounds = [begin, *(bound for bound in self._bounds if begin < bound < end), end]
        harmless = {FaultKind.PAUSED, FaultKind.AWAY}
        return sum(after - before for before, after in pairwise(bounds) if self.kinds_at(before) - harmless)

    def calm_since(self, now: float) -> float:
        """Tell since when nothing has been wrong, the operators' absence aside; now, if something is."""
        begun = (fault for fault in self.faults if fault.begin <= now and fault.kind is not FaultKind.AWAY)
        return max((min(fault.end, now) for fault in begun), default=0)
