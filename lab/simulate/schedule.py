"""When what goes wrong: faults, drawn from the seed."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from lab.faults import Kind
from lab.simulate.clock import DAY, HOUR, length

PROMISED = 30 * HOUR
"""An outage as long as this dead-letters no good punch, unless SQS hands it out needlessly more than once."""

PAUSE = 7 * DAY
"""The mapping may be disabled for so long, and an outage follow: nothing is lost."""


RESTARTS = {Kind.REFUSING, Kind.FAILOVER}
"""Kinds that no connection outlives."""

# How often a week, and for how long: seconds, drawn evenly on a logarithmic scale.
_USUAL: dict[Kind, tuple[float, float, float]] = {
    Kind.REFUSING: (0.5, 20, 2 * HOUR),
    Kind.FROZEN: (0.4, 20, HOUR),
    Kind.FAILOVER: (0.5, 30, 180),
    Kind.READ_ONLY: (0.3, 10, 600),
    Kind.SLOW: (0.4, 30, HOUR),
    Kind.LOCKED: (0.4, 10, HOUR),
    Kind.EXHAUSTED: (0.4, 30, HOUR),
    Kind.CUT: (0.8, 60, HOUR),
    Kind.KILLED: (0.8, 60, 2 * HOUR),
    Kind.STALLED: (0.4, 60, HOUR),
    Kind.THROTTLED: (0.3, 60, HOUR),
    Kind.SQS_SILENT: (0.4, 60, 2 * HOUR),
    Kind.SQS_REFUSES: (0.4, 60, 2 * HOUR),
    Kind.PAUSED: (0.15, 600, 8 * HOUR),
}
_LONG_OUTAGE = 0.02  # a week: hours, up to what is promised
_TOO_LONG = 0.006  # a week: longer than promised
_LONG_PAUSE = 0.03  # a week: up to what is promised; half of them an outage follows
_FORGOTTEN = 0.005  # a week: nobody resumes the drain in time
_ABSENCE = 0.05  # a week: nobody looks at the dead letters for weeks


class Fault(NamedTuple):
    """Something is wrong for a while."""

    begin: float
    end: float
    kind: Kind

    def __str__(self) -> str:
        return f"{self.kind.sentence}, for {length(self.end - self.begin)}"


def draw(seed: int, days: int) -> list[Fault]:
    """Draw all faults, the earliest first."""
    chance = Random(f"faults {seed}")
    weeks, total = days / 7, days * DAY
    faults: list[Fault] = []
    for kind, (often, least, most) in _USUAL.items():
        for _ in range(_number(chance, often * weeks)):
            begin = _at_work(chance, days)
            faults.append(Fault(begin, begin + least * (most / least) ** chance.random(), kind))
    down = (Kind.FROZEN, Kind.FROZEN, Kind.FROZEN, Kind.REFUSING)
    for _ in range(_number(chance, _LONG_OUTAGE * weeks)):
        begin = chance.uniform(0, total)
        faults.append(Fault(begin, begin + chance.uniform(6 * HOUR, PROMISED), chance.choice(down)))
    for _ in range(_number(chance, _TOO_LONG * weeks)):
        begin = chance.uniform(0, total)
        faults.append(Fault(begin, begin + chance.uniform(1, 1.6) * PROMISED, chance.choice(down)))
    for _ in range(_number(chance, _LONG_PAUSE * weeks)):
        begin = chance.uniform(0, total)
        end = begin + chance.uniform(1 * DAY, PAUSE)
        faults.append(Fault(begin, end, Kind.PAUSED))
        if chance.random() < 0.5:
            faults.append(Fault(end, end + chance.uniform(0.5, 1.2) * PROMISED, chance.choice(down)))
    for _ in range(_number(chance, _FORGOTTEN * weeks)):
        begin = chance.uniform(0, total)
        faults.append(Fault(begin, begin + chance.uniform(8, 12) * DAY, Kind.PAUSED))
    for _ in range(_number(chance, _ABSENCE * weeks)):
        begin = chance.uniform(0, total)
        faults.append(Fault(begin, begin + chance.uniform(4, 21) * DAY, Kind.AWAY))
    return sorted(Fault(round(begin, 3), round(end, 3), kind) for begin, end, kind in faults)


def _number(chance: Random, mean: float) -> int:
    """Draw how often something that is rare happens (Poisson, by Knuth)."""
    limit, product, number = math.exp(-mean), chance.random(), 0
    while product > limit:
        number, product = number + 1, product * chance.random()
    return number


def _at_work(chance: Random, days: int) -> float:
    """Draw a time; mostly when people punch, for at night little can be seen."""
    day = chance.randrange(days) * DAY
    if chance.random() < 0.3:
        return day + chance.uniform(0, DAY)
    return day + chance.choice((8, 12, 13, 18)) * HOUR + chance.uniform(-1200, 600)


class Schedule:
    """Which kinds of fault there are at a time."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = faults
        self._restarts = sorted(fault.begin for fault in faults if fault.kind in RESTARTS)
        self._bounds = sorted({bound for fault in faults for bound in fault[:2]})
        self._kinds: list[frozenset[Kind]] = [
            frozenset(),
            *(frozenset(fault.kind for fault in faults if fault.begin <= bound < fault.end) for bound in self._bounds),
        ]

    def at(self, now: float) -> frozenset[Kind]:
        return self._kinds[bisect_right(self._bounds, now)]

    def restarted(self, begin: float, end: float) -> bool:
        """Tell whether the database went away in a span."""
        return bisect_right(self._restarts, begin) != bisect_right(self._restarts, end)

    def fault(self, kind: Kind, now: float) -> Fault:
        """Give the fault of a kind that there is now."""
        return next(fault for fault in self.faults if fault.kind is kind and fault.begin <= now < fault.end)

    def amiss(self, begin: float, end: float) -> float:
        """Tell for how many seconds of a span anything was wrong that makes a batch fail."""
        bounds = [begin, *(bound for bound in self._bounds if begin < bound < end), end]
        harmless = {Kind.PAUSED, Kind.AWAY}
        return sum(after - before for before, after in pairwise(bounds) if self.at(before) - harmless)

    def calm_since(self, now: float) -> float:
        """Tell since when nothing has been wrong, the operators' absence aside; now, if something is."""
        begun = (fault for fault in self.faults if fault.begin <= now and fault.kind is not Kind.AWAY)
        return max((min(fault.end, now) for fault in begun), default=0)
