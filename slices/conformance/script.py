"""What goes wrong with each attempt to send a punch, by seed: no network, no clock of its own."""

from collections import Counter, deque
from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import NamedTuple

OUTAGE_FAILURES = 7
"""An outage is over when a punch has failed this often in it: a right client has then waited two minutes or more."""

OUTAGE_S = 600.0
"""Or after so many seconds, for clients that wait longer, or have given up."""

_ASKED_S = (15, 20, 30)  # Retry-After: far beyond a client's own first wait
_REPEATS = 3  # how often a refused punch is refused again, before it passes so that a wrong client's run ends


class Effect(Enum):
    """What becomes of an attempt."""

    ACCEPT = "accepted"
    TWICE = "accepted and passed on twice"
    DROP = "accepted, the answer dropped"
    CUT = "accepted, the connection reset within the answer"
    RESET = "the connection reset"
    SILENCE = "silence"
    LATE_SILENCE = "accepted, then silence"
    ANSWER = "answered"


ACCEPTING = frozenset({Effect.ACCEPT, Effect.TWICE, Effect.DROP, Effect.CUT, Effect.LATE_SILENCE})
SILENT = frozenset({Effect.SILENCE, Effect.LATE_SILENCE})


class Fault(NamedTuple):
    """What becomes of one attempt."""

    effect: Effect
    status: int = 0  # of ANSWER
    retry_after: int | None = None  # s, of ANSWER
    held: bool = False  # this attempt and all that come meanwhile are answered after a while, together
    clock: int = 0  # s that the answer's Date is wrong by

    def text(self) -> str:
        """Say it in a few words."""
        if self.effect is not Effect.ANSWER:
            return str(self.effect.value)
        return f"{self.status}" if self.retry_after is None else f"{self.status}, Retry-After: {self.retry_after}"


class Script:
    """Tells what becomes of each attempt: the same for the same seed and the same order of attempts.

    In every ten punches each misbehaviour happens once: an answer dropped, one broken off, a reset, 429 with and
    without Retry-After, 500, a refusal, silence, a slow answer; and once in a run an outage, in which all fails.
    """

    def __init__(self, seed: int) -> None:
        """Begins a run."""
        self._random = Random(seed)  # noqa: S311  chance that repeats is the point
        self._fates = self._deal()
        self._steps: dict[int, deque[Fault]] = {}
        self._refused: dict[int, tuple[Fault, int]] = {}
        self._outage: Fault | None = None
        self._failures = Counter[int]()
        self._ends = 0.0
        self._after_outage = False

    def next(self, punch: int, now: float) -> Fault:
        """Tell what becomes of an attempt.

        Args:
            punch: its number, in order of the first attempts, from 0.
            now: contract seconds since the run began.
        """
        fault = self._choose(punch, now)
        clock = self._random.choice((-86_400, -90, 0, 0, 0, 0, 0, 3_600, 40_000_000))
        return fault._replace(clock=clock)

    def _choose(self, punch: int, now: float) -> Fault:
        if punch not in self._steps:
            fate = next(self._fates)
            self._steps[punch] = deque(fate or ())
            if fate is None:
                self._outage = self._random.choice(
                    (Fault(Effect.ANSWER, 503), Fault(Effect.ANSWER, 429), Fault(Effect.RESET))
                )
                self._ends = now + OUTAGE_S
                self._failures[punch] += 1
                return self._outage._replace(held=True)
        if self._outage:
            if now < self._ends and max(self._failures.values()) < OUTAGE_FAILURES:
                self._failures[punch] += 1
                return self._outage
            self._outage = None
            self._after_outage = True
        if punch in self._refused:
            refusal, times = self._refused[punch]
            self._refused[punch] = (refusal, times + 1)
            return refusal if times < _REPEATS else Fault(Effect.ACCEPT)
        steps = self._steps[punch]
        fault = steps.popleft() if steps else Fault(Effect.ACCEPT)
        if fault.status in REFUSALS:
            self._refused[punch] = (fault, 0)
        if self._after_outage:
            self._after_outage = False
            fault = fault._replace(held=True)
        return fault

    def _deal(self) -> Iterator[list[Fault] | None]:
        """Give each punch its faults, one for each attempt until it passes; None begins the outage."""
        chance = self._random
        first = True
        while True:
            fates: list[list[Fault] | None] = [
                [],
                [Fault(Effect.DROP)],
                [Fault(Effect.CUT)],
                [Fault(Effect.RESET)],
                [Fault(Effect.ANSWER, 429, chance.choice(_ASKED_S))],
                [Fault(Effect.ANSWER, 429), Fault(Effect.ANSWER, 500)],
                [Fault(Effect.ANSWER, chance.choice((400, 413)))],
                [Fault(chance.choice((Effect.SILENCE, Effect.LATE_SILENCE)))],
                [Fault(Effect.TWICE, held=True)],
                None if first else [Fault(Effect.ANSWER, status) for status in (502, 504)],
            ]
            for fate in fates:
                if fate and chance.random() < 0.3:
                    fate.insert(0, chance.choice(_MORE))
            chance.shuffle(fates)
            yield from fates
            first = False


REFUSALS = frozenset({400, 413, 415})
"""The answers that are about this punch, and final."""

_MORE = (Fault(Effect.RESET), Fault(Effect.ANSWER, 429), Fault(Effect.ANSWER, 500), Fault(Effect.ANSWER, 503, 15))
