"""What a client must do, and exactly when it has not: a verdict for each rule, from what was seen. Reads no clock."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise, takewhile
from typing import NamedTuple

from slices.conformance.script import REFUSALS
from tools.kit.client import MAX_CONCURRENT_PUNCHES

WAITS = 7
"""Backing off is judged by so many waits in a row for one punch."""

LEAST_WAITED_S = 7.5
"""What they must come to. By the contract it is 127 s (1, 2, 4, ... 64); with any part of each wait left to chance, as
many libraries do, 64 s on average, and less than this once in some ten thousand times; tried each second, 7 s."""

EARLY = 0.9
"""The part of a Retry-After that has to be waited: timers are not exact."""

ACCEPTED = 202
_STOPPED = frozenset({401, 403})
_EVIDENCE = 5  # lines for a rule


class Attempt(NamedTuple):
    """One POST of a punch, as it was seen. Times are contract seconds since the run began."""

    punch: int  # its number: attempts with one id are of one punch, and those that without ids would have one
    id: str  # "" for what is no punch
    what: tuple[int, datetime] | None  # employee and instant; None: it is no punch
    begun: float  # its head had arrived
    ended: float | None  # just before the last byte of the answer, or when the connection was closed; None: it is open
    status: int = 0  # what the client was told; 0: nothing
    is_sure: bool = True  # the whole answer was sent, to a client that had not gone away
    retry_after: float | None = None  # s
    is_silent: bool = False  # no answer was to come
    is_stored: bool = False  # the stack accepted it, whatever the client was told
    done: str = ""  # what was done with it, in a few words

    @property
    def failed(self) -> bool:
        """Whether it is to be tried again."""
        return self.ended is not None and not (self.accepted or self.refused or self.status in _STOPPED)

    @property
    def accepted(self) -> bool:
        """Whether the client could know of a 202."""
        return self.status == ACCEPTED

    @property
    def refused(self) -> bool:
        """Whether the client was told that this body will never be taken."""
        return self.status in REFUSALS


class Expected(NamedTuple):
    """What the client was asked to send: as many punches, and these."""

    punches: int = 0
    ids: frozenset[str] = frozenset()
    whats: Mapping[tuple[int, datetime], int] = {}  # how many punches of an employee and instant, where no id is known


class Seen(NamedTuple):
    """A run, to be judged."""

    attempts: Sequence[Attempt]  # in order of their beginning
    expected: Expected
    now: float  # contract seconds since the run began
    changed: float  # when something last happened that brings a run on: a new punch, an answer, a failure that was made
    longest_wait: float  # s

    def punches(self) -> dict[int, list[Attempt]]:
        """The attempts of each punch, in order."""
        found: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in self.attempts:
            found[attempt.punch].append(attempt)
        return found

    def is_over(self, since: float) -> bool:
        """Whether a client that would still come would have come by now."""
        return self.now - since >= self.longest_wait


class End(StrEnum):
    """What became of a punch, as far as the client knows; the command's JSON has these names."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHOUT_KEY = "withoutKey"  # the key or the sign-in was refused: the client has to stop until it has another
    LEFT = "left"  # it is tried no more
    WAITING = "waiting"


class Found(NamedTuple):
    """What was found for a rule."""

    occasions: int  # times that it could have been broken; 0: it was not tried
    evidence: list[str]  # each time that it was


class Rule(NamedTuple):
    """One rule."""

    name: str  # what is said of a client that breaks it
    asks: str  # what the contract asks
    failure_condition: str  # what a client must have done, exactly, to break it
    judge: Callable[[Seen], Found]


class Verdict(NamedTuple):
    """What a run says of a rule."""

    rule: Rule
    found: Found

    @property
    def word(self) -> str:
        """Say it in a word or two."""
        if self.found.evidence:
            return "broken"
        return "kept" if self.found.occasions else "not tried"

    def lines(self) -> list[str]:
        """The first pieces of evidence."""
        shown = self.found.evidence[:_EVIDENCE]
        more = len(self.found.evidence) - len(shown)
        return [*shown, f"and {more} more"] if more else shown


def judge(seen: Seen) -> list[Verdict]:
    """Judge a run by every rule."""
    return [Verdict(rule, rule.judge(seen)) for rule in RULES]


def end_of(attempts: Sequence[Attempt], seen: Seen) -> End:
    """Tell what became of a punch, by all of its attempts, in order."""
    if any(attempt.accepted for attempt in attempts):
        return End.ACCEPTED
    if any(attempt.refused for attempt in attempts):
        return End.REFUSED
    if attempts[-1].status in _STOPPED:
        return End.WITHOUT_KEY
    last = max((attempt.ended or 0) + (attempt.retry_after or 0) for attempt in attempts)
    if all(attempt.ended is not None for attempt in attempts) and seen.is_over(last):
        return End.LEFT
    return End.WAITING


def missing(seen: Seen) -> list[str]:
    """Name what the client was asked to send and never began to."""
    punches = seen.punches().values()
    ids = {attempt.id for attempt in seen.attempts}
    whats: dict[tuple[int, datetime], int] = defaultdict(int)
    for attempts in punches:
        for what in {attempt.what for attempt in attempts if attempt.what}:
            whats[what] += 1
    unseen = [f"the punch {id_}" for id_ in sorted(seen.expected.ids - ids)]
    for (employee, instant), count in seen.expected.whats.items():
        for _ in range(count - whats[employee, instant]):
            unseen.append(f"the punch of {employee} at {instant.isoformat()}")
    named = len(seen.expected.ids) + sum(seen.expected.whats.values())
    unnamed = seen.expected.punches - max(len(punches), named)
    if unnamed > 0:
        unseen.append(f"{unnamed} of {seen.expected.punches} punches")
    return unseen


def _lost(seen: Seen) -> Found:
    punches = seen.punches().values()
    unseen = missing(seen) if seen.is_over(seen.changed) else []
    left = [attempts[0] for attempts in punches if len(attempts) == 1 and end_of(attempts, seen) is End.LEFT]
    return Found(
        sum(attempts[0].failed for attempts in punches) + len(unseen),
        [f"{_name(each)} failed once ({_told(each)}) and was never tried again" for each in left]
        + [f"{each} never came" for each in unseen],
    )


def _gave_up(seen: Seen) -> Found:
    punches = [each for each in seen.punches().values() if sum(attempt.failed for attempt in each) > 1]
    return Found(
        len(punches),
        [
            f"{_name(each[0])} was tried {len(each)} times and then no more"
            for each in punches
            if end_of(each, seen) is End.LEFT
        ],
    )


def _changed(seen: Seen) -> Found:
    occasions, evidence = 0, []
    for attempts in seen.punches().values():
        ids = {attempts[0].id}
        for before, attempt in pairwise(attempts):
            if attempt.what is None:
                continue
            occasions += 1
            if attempt.id not in ids | seen.expected.ids and not _settled_before(attempts, attempt):
                evidence.append(f"{_name(before)} came again with the id {attempt.id}")
            ids.add(attempt.id)
    firsts: dict[str, Attempt] = {}
    for attempt in seen.attempts:
        first = firsts.setdefault(attempt.id, attempt)
        if attempt.what and first.what != attempt.what:
            evidence.append(f"{_name(first)} came again as {_what(attempt)}, it was {_what(first)}")
    return Found(occasions, evidence)


def _duplicated(seen: Seen) -> Found:
    occasions, evidence = 0, []
    for attempts in seen.punches().values():
        occasions += any(attempt.accepted and attempt.is_sure for attempt in attempts)
        ids = {attempts[0].id}
        for attempt in attempts[1:]:
            if attempt.id not in ids | seen.expected.ids and _settled_before(attempts, attempt) == ACCEPTED:
                evidence.append(f"{_name(attempts[0])} was accepted, and came once more with the id {attempt.id}")
            ids.add(attempt.id)
    return Found(occasions, evidence)


def _settled_before(attempts: Sequence[Attempt], later: Attempt) -> int | None:
    """Tell by which answer a client knew, before it made an attempt, that a punch is accepted or refused."""
    return next(
        (
            each.status
            for each in takewhile(lambda each: each is not later, attempts)
            if (each.accepted or each.refused) and each.is_sure and each.ended is not None and each.ended <= later.begun
        ),
        None,
    )


def _retried_a_refusal(seen: Seen) -> Found:
    occasions, evidence = 0, []
    for attempts in seen.punches().values():
        refusal = next((attempt for attempt in attempts if attempt.refused and attempt.is_sure), None)
        if refusal and refusal.ended is not None:
            occasions += 1
            again = [attempt for attempt in attempts if attempt.begun > refusal.ended]
            if again:
                evidence.append(f"{_name(refusal)} was answered {refusal.status} and came again, {len(again)} times")
    return Found(occasions, evidence)


def _did_not_back_off(seen: Seen) -> Found:
    occasions, evidence = 0, []
    for attempts in seen.punches().values():
        for waits in _in_a_row(attempts):
            sums = [sum(waits[start : start + WAITS]) for start in range(len(waits) - WAITS + 1)]
            occasions += bool(sums)
            if sums and min(sums) < LEAST_WAITED_S:
                evidence.append(
                    f"{_name(attempts[0])} failed {WAITS} times in a row, with {min(sums):.1f} s of waiting"
                )
    return Found(occasions, evidence)


def _in_a_row(attempts: Sequence[Attempt]) -> Iterator[list[float]]:
    """Give the waits between attempts that failed, s; a wait is infinite where the next came before the end."""
    waits: list[float] = []
    for before, after in pairwise(attempts):
        if before.failed and before.ended is not None:
            waits.append(after.begun - before.ended if after.begun >= before.ended else float("inf"))
        else:
            yield waits
            waits = []
    yield waits


def _stampeded(seen: Seen) -> Found:
    failed = min((attempt.ended for attempt in seen.attempts if attempt.failed and attempt.ended), default=None)
    if failed is None:
        return Found(0, [])
    occasions, evidence, most = 0, [], MAX_CONCURRENT_PUNCHES
    newest: dict[int, Attempt] = {}
    for attempt in seen.attempts:
        newest = {punch: each for punch, each in newest.items() if each.ended is None or each.ended > attempt.begun}
        newest.pop(attempt.punch, None)
        if attempt.is_silent:  # the client may have turned away from it without a word
            continue
        newest[attempt.punch] = attempt
        if len(newest) > most:
            most = len(newest)
            evidence = [f"{most} punches were on their way at the same time"]
        occasions += attempt.begun > failed
    return Found(occasions, evidence)


def _ignored_retry_after(seen: Seen) -> Found:
    occasions, evidence = 0, []
    for attempts in seen.punches().values():
        for before, after in pairwise(attempts):
            if not (before.failed and before.is_sure and before.retry_after and before.ended is not None):
                continue
            if after.begun > before.ended:
                occasions += 1
                waited = after.begun - before.ended
                if waited < EARLY * before.retry_after:
                    evidence.append(
                        f"{_name(before)} came again after {waited:.1f} s, Retry-After was {before.retry_after:g}"
                    )
    return Found(occasions, evidence)


def _name(attempt: Attempt) -> str:
    return f"punch {attempt.punch + 1} ({attempt.id or 'a body that is no punch'})"


def _what(attempt: Attempt) -> str:
    return f"{attempt.what[0]} at {attempt.what[1].isoformat()}" if attempt.what else "no punch"


def _told(attempt: Attempt) -> str:
    return f"answered {attempt.status}" if attempt.status else "without an answer"


RULES = (
    Rule(
        "lost",
        "Keep the punch until a 202.",
        "A punch that failed once is never tried again; or one that was expected never comes.",
        _lost,
    ),
    Rule(
        "duplicated",
        "An accepted punch is done.",
        "After a 202 the same punch comes once more with another id: that is a second row. With the same id it is "
        "harmless, and no fault.",
        _duplicated,
    ),
    Rule(
        "changed its id",
        "The same id at every attempt.",
        "Before a 202 or a refusal the same punch comes again with another id; or the same id with another `usuarioId` "
        "or instant.",
        _changed,
    ),
    Rule(
        "retried a refusal",
        "On 400, 413 and 415 do not send it again.",
        "An attempt begins after one of these was answered to the same punch.",
        _retried_a_refusal,
    ),
    Rule(
        "gave up",
        "On 429, 5xx or no answer, send it again, for as long as it takes.",
        "A punch that was tried again at least once is tried no more, without a 202 or a refusal.",
        _gave_up,
    ),
    Rule(
        "did not back off",
        "Wait longer each time: 1 s, 2 s, 4 s, ... and a random part.",
        f"{WAITS} waits in a row for one punch, each from the end of an attempt to the next, come to less than "
        f"{LEAST_WAITED_S:g} s.",
        _did_not_back_off,
    ),
    Rule(
        "stampeded",
        f"Send one punch after the other, at most {MAX_CONCURRENT_PUNCHES} at once.",
        f"More than {MAX_CONCURRENT_PUNCHES} punches are on their way at the same time. Two attempts of one punch "
        "count once, those that get no answer do not count.",
        _stampeded,
    ),
    Rule(
        "ignored Retry-After",
        "Wait at least as long as a Retry-After asks.",
        f"The same punch comes again before {EARLY:.0%} of it have passed.",
        _ignored_retry_after,
    ),
)
"""The rules: what the contract asks, and what breaks it. docs/clients.md has this table."""


def table() -> str:
    """Return the table of rules for a document."""
    rows = [f"| {rule.name} | {rule.asks} | {rule.failure_condition} |" for rule in RULES]
    return "\n".join(["| verdict | what the contract asks | what convicts |", "|---|---|---|", *rows])
