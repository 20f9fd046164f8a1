"""Choice of the fault that each attempt to send a punch meets, by a seed."""

from collections import Counter, deque
from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import NamedTuple

MAX_OUTAGE_ATTEMPTS = 7
"""An outage ends when one punch has failed this often: a correct client has then waited for at least two minutes."""

MAX_OUTAGE_SECONDS = 600.0
"""An outage also ends after this time, for clients that wait longer or have given up."""

_RETRY_AFTER_SECONDS = (15, 20, 30)  # much longer than a client's own first wait
_REFUSAL_REPEATS = 3  # then the punch is accepted, so that the run ends even if a client repeats refused punches


class Effect(Enum):
    """Effect of a fault on an attempt. The values appear in the command's JSON."""

    ACCEPT = "accepted"
    DUPLICATE = "accepted and forwarded twice"
    DROP = "accepted, response dropped"
    CUT = "accepted, connection reset within the response"
    RESET = "connection reset"
    SILENCE = "silence"
    LATE_SILENCE = "accepted, then silence"
    ANSWER = "answered"


ACCEPTING = frozenset({Effect.ACCEPT, Effect.DUPLICATE, Effect.DROP, Effect.CUT, Effect.LATE_SILENCE})
SILENT = frozenset({Effect.SILENCE, Effect.LATE_SILENCE})


class InjectedFault(NamedTuple):
    """Effect on one attempt, with its details."""

    effect: Effect
    status: int = 0  # HTTP status, with ANSWER
    retry_after: int | None = None  # value of Retry-After in seconds, with ANSWER
    is_held: bool = False  # this attempt and those that arrive while it is held are answered together
    date_offset_seconds: int = 0  # error of the response's Date header

    def describe(self) -> str:
        """Describe the fault in a few words."""
        if self.effect is not Effect.ANSWER:
            return str(self.effect.value)
        return f"{self.status}" if self.retry_after is None else f"{self.status}, Retry-After: {self.retry_after}"


class FaultScript:
    """Chooses the fault of each attempt; the same seed and order of attempts give the same faults.

    Each group of ten punches meets each type of fault once: a dropped response, a truncated one, a reset, a 429 with
    Retry-After, a 429 without it, a 500, a refusal, silence, and a slow response. Once in a run there is an outage, in
    which every attempt fails.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  it has to be reproducible
        self._fault_lists = self._generate_fault_lists()
        self._remaining_faults: dict[int, deque[InjectedFault]] = {}
        self._refusals: dict[int, tuple[InjectedFault, int]] = {}
        self._outage: InjectedFault | None = None
        self._outage_failures = Counter[int]()
        self._outage_end = 0.0
        self._is_first_after_outage = False

    def next_fault(self, punch: int, now: float) -> InjectedFault:
        """Return the fault of the next attempt.

        Args:
            punch: the punch's number, from 0, in order of the first attempts.
            now: scaled seconds since the start of the run.
        """
        fault = self._choose_fault(punch, now)
        offset = self._random.choice((-86_400, -90, 0, 0, 0, 0, 0, 3_600, 40_000_000))
        return fault._replace(date_offset_seconds=offset)

    def _choose_fault(self, punch: int, now: float) -> InjectedFault:
        if punch not in self._remaining_faults:
            faults = next(self._fault_lists)
            self._remaining_faults[punch] = deque(faults or ())
            if faults is None:
                self._outage = self._random.choice(
                    (InjectedFault(Effect.ANSWER, 503), InjectedFault(Effect.ANSWER, 429), InjectedFault(Effect.RESET))
                )
                self._outage_end = now + MAX_OUTAGE_SECONDS
                self._outage_failures[punch] += 1
                return self._outage._replace(is_held=True)
        if self._outage:
            if now < self._outage_end and max(self._outage_failures.values()) < MAX_OUTAGE_ATTEMPTS:
                self._outage_failures[punch] += 1
                return self._outage
            self._outage = None
            self._is_first_after_outage = True
        if punch in self._refusals:
            refusal, times = self._refusals[punch]
            self._refusals[punch] = (refusal, times + 1)
            return refusal if times < _REFUSAL_REPEATS else InjectedFault(Effect.ACCEPT)
        remaining = self._remaining_faults[punch]
        fault = remaining.popleft() if remaining else InjectedFault(Effect.ACCEPT)
        if fault.status in REFUSALS:
            self._refusals[punch] = (fault, 0)
        if self._is_first_after_outage:
            self._is_first_after_outage = False
            fault = fault._replace(is_held=True)
        return fault

    def _generate_fault_lists(self) -> Iterator[list[InjectedFault] | None]:
        """Yield a list for each punch: the faults of its attempts before it is accepted. None starts the outage."""
        random = self._random
        is_first_group = True
        while True:
            fault_lists: list[list[InjectedFault] | None] = [
                [],
                [InjectedFault(Effect.DROP)],
                [InjectedFault(Effect.CUT)],
                [InjectedFault(Effect.RESET)],
                [InjectedFault(Effect.ANSWER, 429, random.choice(_RETRY_AFTER_SECONDS))],
                [InjectedFault(Effect.ANSWER, 429), InjectedFault(Effect.ANSWER, 500)],
                [InjectedFault(Effect.ANSWER, random.choice((400, 413)))],
                [InjectedFault(random.choice((Effect.SILENCE, Effect.LATE_SILENCE)))],
                [InjectedFault(Effect.DUPLICATE, is_held=True)],
                None if is_first_group else [InjectedFault(Effect.ANSWER, status) for status in (502, 504)],
            ]
            for faults in fault_lists:
                if faults and random.random() < 0.3:
                    faults.insert(0, random.choice(_EXTRA_FAULTS))
            random.shuffle(fault_lists)
            yield from fault_lists
            is_first_group = False


REFUSALS = frozenset({400, 413, 415})
"""Statuses with which the API permanently refuses a punch."""

_EXTRA_FAULTS = (
    InjectedFault(Effect.RESET),
    InjectedFault(Effect.ANSWER, 429),
    InjectedFault(Effect.ANSWER, 500),
    InjectedFault(Effect.ANSWER, 503, 15),
)
