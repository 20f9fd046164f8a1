"""What goes wrong with each attempt to send a punch, by seed: no network, no clock of its own."""

from collections import Counter, deque
from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import NamedTuple

MAX_OUTAGE_ATTEMPTS = 7
"""An outage is over when a punch has failed this often in it: a right client has then waited two minutes or more."""

MAX_OUTAGE_SECONDS = 600.0
"""Or after so many seconds, for clients that wait longer, or have given up."""

_RETRY_AFTER_SECONDS = (15, 20, 30)  # Retry-After: far beyond a client's own first wait
_REFUSAL_REPEATS = 3  # how often a refused punch is refused again, before it passes so that a wrong client's run ends


class Effect(Enum):
    """What becomes of an attempt."""

    ACCEPT = "accepted"
    DUPLICATE = "accepted and passed on twice"
    DROP = "accepted, the answer dropped"
    CUT = "accepted, the connection reset within the answer"
    RESET = "the connection reset"
    SILENCE = "silence"
    LATE_SILENCE = "accepted, then silence"
    ANSWER = "answered"


ACCEPTING = frozenset({Effect.ACCEPT, Effect.DUPLICATE, Effect.DROP, Effect.CUT, Effect.LATE_SILENCE})
SILENT = frozenset({Effect.SILENCE, Effect.LATE_SILENCE})


class InjectedFault(NamedTuple):
    """What becomes of one attempt."""

    effect: Effect
    status: int = 0  # of ANSWER
    retry_after: int | None = None  # s, of ANSWER
    is_held: bool = False  # this attempt and all that come meanwhile are answered after a while, together
    date_offset_seconds: int = 0  # s that the answer's Date is wrong by

    def describe(self) -> str:
        """Say it in a few words."""
        if self.effect is not Effect.ANSWER:
            return str(self.effect.value)
        return f"{self.status}" if self.retry_after is None else f"{self.status}, Retry-After: {self.retry_after}"


class FaultScript:
    """Tells what becomes of each attempt: the same for the same seed and the same order of attempts.

    In every ten punches each misbehaviour happens once: an answer dropped, one broken off, a reset, 429 with and
    without Retry-After, 500, a refusal, silence, a slow answer; and once in a run an outage, in which all fails.
    """

    def __init__(self, seed: int) -> None:
        """Begins a run."""
        self._random = Random(seed)  # noqa: S311  chance that repeats is the point
        self._fault_lists = self._generate_fault_lists()
        self._remaining_faults: dict[int, deque[InjectedFault]] = {}
        self._refusals: dict[int, tuple[InjectedFault, int]] = {}
        self._outage: InjectedFault | None = None
        self._failures = Counter[int]()
        self._outage_end = 0.0
        self._after_outage = False

    def next_fault(self, punch: int, now: float) -> InjectedFault:
        """Tell what becomes of an attempt.

        Args:
            punch: its number, in order of the first attempts, from 0.
            now: contract seconds since the run began.
        """
        fault = self._choose(punch, now)
        clock = self._random.choice((-86_400, -90, 0, 0, 0, 0, 0, 3_600, 40_000_000))
        return fault._replace(date_offset_seconds=clock)

    def _choose(self, punch: int, now: float) -> InjectedFault:
        if punch not in self._remaining_faults:
            faults = next(self._fault_lists)
            self._remaining_faults[punch] = deque(faults or ())
            if faults is None:
                self._outage = self._random.choice(
                    (InjectedFault(Effect.ANSWER, 503), InjectedFault(Effect.ANSWER, 429), InjectedFault(Effect.RESET))
                )
                self._outage_end = now + MAX_OUTAGE_SECONDS
                self._failures[punch] += 1
                return self._outage._replace(is_held=True)
        if self._outage:
            if now < self._outage_end and max(self._failures.values()) < MAX_OUTAGE_ATTEMPTS:
                self._failures[punch] += 1
                return self._outage
            self._outage = None
            self._after_outage = True
        if punch in self._refusals:
            refusal, times = self._refusals[punch]
            self._refusals[punch] = (refusal, times + 1)
            return refusal if times < _REFUSAL_REPEATS else InjectedFault(Effect.ACCEPT)
        steps = self._remaining_faults[punch]
        fault = steps.popleft() if steps else InjectedFault(Effect.ACCEPT)
        if fault.status in REFUSALS:
            self._refusals[punch] = (fault, 0)
        if self._after_outage:
            self._after_outage = False
            fault = fault._replace(is_held=True)
        return fault

    def _generate_fault_lists(self) -> Iterator[list[InjectedFault] | None]:
        """Give each punch its faults, one for each attempt until it passes; None begins the outage."""
        chance = self._random
        first = True
        while True:
            fault_lists: list[list[InjectedFault] | None] = [
                [],
                [InjectedFault(Effect.DROP)],
                [InjectedFault(Effect.CUT)],
                [InjectedFault(Effect.RESET)],
                [InjectedFault(Effect.ANSWER, 429, chance.choice(_RETRY_AFTER_SECONDS))],
                [InjectedFault(Effect.ANSWER, 429), InjectedFault(Effect.ANSWER, 500)],
                [InjectedFault(Effect.ANSWER, chance.choice((400, 413)))],
                [InjectedFault(chance.choice((Effect.SILENCE, Effect.LATE_SILENCE)))],
                [InjectedFault(Effect.DUPLICATE, is_held=True)],
                None if first else [InjectedFault(Effect.ANSWER, status) for status in (502, 504)],
            ]
            for faults in fault_lists:
                if faults and chance.random() < 0.3:
                    faults.insert(0, chance.choice(_EXTRA_FAULTS))
            chance.shuffle(fault_lists)
            yield from fault_lists
            first = False


REFUSALS = frozenset({400, 413, 415})
"""The answers that are about this punch, and final."""

_EXTRA_FAULTS = (
    InjectedFault(Effect.RESET),
    InjectedFault(Effect.ANSWER, 429),
    InjectedFault(Effect.ANSWER, 500),
    InjectedFault(Effect.ANSWER, 503, 15),
)
