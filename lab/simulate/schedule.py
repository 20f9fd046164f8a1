"""Schedule of the faults of a run, drawn from its seed."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from lab.faults import FaultKind
from lab.simulate.clock import DAY, HOUR, format_duration

MAX_OUTAGE_SECONDS = 30 * HOUR
"""Longest outage that must not dead-letter a good punch, unless SQS delivers it more often than necessary."""

MAX_PAUSE_SECONDS = 7 * DAY
"""Longest pause of the drain that, followed by an outage of `MAX_OUTAGE_SECONDS`, must not lose a punch."""

RESTARTS = {FaultKind.REFUSING, FaultKind.FAILOVER}
"""Kinds of faults that end all connections."""

# For each kind: faults a week, then shortest and longest duration in seconds, drawn evenly on a logarithmic scale.
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
# Rare faults a week.
_LONG_OUTAGES = 0.02  # of hours, up to `MAX_OUTAGE_SECONDS`
_OVERLONG_OUTAGES = 0.006  # longer than `MAX_OUTAGE_SECONDS`
_LONG_PAUSES = 0.03  # up to `MAX_PAUSE_SECONDS`; an outage follows half of them
_FORGOTTEN_PAUSES = 0.005  # of 8 to 12 days, in which punches may expire
_ABSENCES = 0.05  # no operator handles the dead letters for days or weeks


class ScheduledFault(NamedTuple):
    """Fault with its start and end, in seconds of the simulated clock."""

    begin: float
    end: float
    kind: FaultKind

    def __str__(self) -> str:
        return f"{self.kind.sentence}, for {format_duration(self.end - self.begin)}"


def draw_faults(seed: int, days: int) -> list[ScheduledFault]:
    """Draw the faults of a run, the earliest first."""
    rng = Random(f"faults {seed}")
    weeks, total = days / 7, days * DAY
    faults: list[ScheduledFault] = []
    for kind, (per_week, shortest, longest) in _FREQUENT_FAULTS.items():
        for _ in range(_draw_count(rng, per_week * weeks)):
            begin = _draw_begin(rng, days)
            faults.append(ScheduledFault(begin, begin + shortest * (longest / shortest) ** rng.random(), kind))
    outage_kinds = (FaultKind.FROZEN, FaultKind.FROZEN, FaultKind.FROZEN, FaultKind.REFUSING)
    for _ in range(_draw_count(rng, _LONG_OUTAGES * weeks)):
        begin = rng.uniform(0, total)
        faults.append(
            ScheduledFault(begin, begin + rng.uniform(6 * HOUR, MAX_OUTAGE_SECONDS), rng.choice(outage_kinds))
        )
    for _ in range(_draw_count(rng, _OVERLONG_OUTAGES * weeks)):
        begin = rng.uniform(0, total)
        faults.append(ScheduledFault(begin, begin + rng.uniform(1, 1.6) * MAX_OUTAGE_SECONDS, rng.choice(outage_kinds)))
    for _ in range(_draw_count(rng, _LONG_PAUSES * weeks)):
        begin = rng.uniform(0, total)
        end = begin + rng.uniform(1 * DAY, MAX_PAUSE_SECONDS)
        faults.append(ScheduledFault(begin, end, FaultKind.PAUSED))
        if rng.random() < 0.5:
            faults.append(
                ScheduledFault(end, end + rng.uniform(0.5, 1.2) * MAX_OUTAGE_SECONDS, rng.choice(outage_kinds))
            )
    for _ in range(_draw_count(rng, _FORGOTTEN_PAUSES * weeks)):
        begin = rng.uniform(0, total)
        faults.append(ScheduledFault(begin, begin + rng.uniform(8, 12) * DAY, FaultKind.PAUSED))
    for _ in range(_draw_count(rng, _ABSENCES * weeks)):
        begin = rng.uniform(0, total)
        faults.append(ScheduledFault(begin, begin + rng.uniform(4, 21) * DAY, FaultKind.AWAY))
    return sorted(ScheduledFault(round(begin, 3), round(end, 3), kind) for begin, end, kind in faults)


def _draw_count(rng: Random, mean: float) -> int:
    """Draw from a Poisson distribution, by the algorithm of Knuth."""
    limit, product, number = math.exp(-mean), rng.random(), 0
    while product > limit:
        number, product = number + 1, product * rng.random()
    return number


def _draw_begin(rng: Random, days: int) -> float:
    """Draw the start of a fault, in 70 % of cases near a peak: faults without traffic show little."""
    day = rng.randrange(days) * DAY
    if rng.random() < 0.3:
        return day + rng.uniform(0, DAY)
    return day + rng.choice((8, 12, 13, 18)) * HOUR + rng.uniform(-1200, 600)


class Schedule:
    """Look-up of faults by time."""

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
        """Return whether a restart of the database began in a period."""
        return bisect_right(self._restarts, begin) != bisect_right(self._restarts, end)

    def current_fault(self, kind: FaultKind, now: float) -> ScheduledFault:
        """Return the current fault of a kind; there must be one."""
        return next(fault for fault in self.faults if fault.kind is kind and fault.begin <= now < fault.end)

    def failing_seconds(self, begin: float, end: float) -> float:
        """Return for how many seconds of a period there was a fault that can make a batch fail."""
        bounds = [begin, *(bound for bound in self._bounds if begin < bound < end), end]
        harmless = {FaultKind.PAUSED, FaultKind.AWAY}
        return sum(after - before for before, after in pairwise(bounds) if self.kinds_at(before) - harmless)

    def calm_since(self, now: float) -> float:
        """Return when the last fault other than an absence ended; `now` if there is one at present."""
        started = (fault for fault in self.faults if fault.begin <= now and fault.kind is not FaultKind.AWAY)
        return max((min(fault.end, now) for fault in started), default=0)
