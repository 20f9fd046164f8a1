"""What a client must do, and exactly when it has not: a verdict for each rule, from what was seen. Reads no clock."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise, takewhile
from typing import NamedTuple

from slices.conformance.fault_script import REFUSALS
from tools.kit.client import MAX_CONCURRENT_PUNCHES

BACKOFF_WAITS = 7
"""Backing off is judged by so many waits in a row for one punch."""

MIN_BACKOFF_SECONDS = 7.5
"""What they must come to. By the contract it is 127 s (1, 2, 4, ... 64); with any part of each wait left to chance, as
many libraries do, 64 s on average, and less than this once in some ten thousand times; tried each second, 7 s."""

MIN_RETRY_AFTER_PART = 0.9
"""The part of a Retry-After that has to be waited: timers are not exact."""

ACCEPTED = 202
_KEY_REFUSALS = frozenset({401, 403})
_MAX_EVIDENCE_LINES = 5  # lines for a rule


class Attempt(NamedTuple):
    """One POST of a punch, as it was seen. Times are contract seconds since the run began."""

    punch: int  # its number: attempts with one id are of one punch, and those that without ids would have one
    id: str  # "" for what is no punch
    employee_and_instant: tuple[int, datetime] | None  # employee and instant; None: it is no punch
    started_at: float  # its head had arrived
    ended_at: (
        float | None
    )  # just before the last byte of the answer, or when the connection was closed; None: it is open
    status: int = 0  # what the client was told; 0: nothing
    is_delivered: bool = True  # the whole answer was sent, to a client that had not gone away
    retry_after: float | None = None  # s
    is_silent: bool = False  # no answer was to come
    is_stored: bool = False  # the stack accepted it, whatever the client was told
    effect_text: str = ""  # what was done with it, in a few words

    @property
    def has_failed(self) -> bool:
        """Whether it is to be tried again."""
        return self.ended_at is not None and not (self.is_accepted or self.is_refused or self.status in _KEY_REFUSALS)

    @property
    def is_accepted(self) -> bool:
        """Whether the client could know of a 202."""
        return self.status == ACCEPTED

    @property
    def is_refused(self) -> bool:
        """Whether the client was told that this body will never be taken."""
        return self.status in REFUSALS


class ExpectedPunches(NamedTuple):
    """What the client was asked to send: as many punches, and these."""

    punches: int = 0
    ids: frozenset[str] = frozenset()
    counts_without_id: Mapping[
        tuple[int, datetime], int
    ] = {}  # how many punches of an employee and instant, where no id is known


class RunLog(NamedTuple):
    """A run, to be judged."""

    attempts: Sequence[Attempt]  # in order of their beginning
    expected: ExpectedPunches
    now: float  # contract seconds since the run began
    changed: float  # when something last happened that brings a run on: a new punch, an answer, a failure that was made
    longest_wait_seconds: float  # s

    def punches(self) -> dict[int, list[Attempt]]:
        """The attempts of each punch, in order."""
        found: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in self.attempts:
            found[attempt.punch].append(attempt)
        return found

    def is_wait_over(self, since: float) -> bool:
        """Whether a client that would still come would have come by now."""
        return self.now - since >= self.longest_wait_seconds


class PunchState(StrEnum):
    """What became of a punch, as far as the client knows; the command's JSON has these names."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHOUT_KEY = "withoutKey"  # the key or the sign-in was refused: the client has to stop until it has another
    ABANDONED = "left"  # it is tried no more
    WAITING = "waiting"


class Finding(NamedTuple):
    """What was found for a rule."""

    occasions: int  # times that it could have been broken; 0: it was not tried
    evidence: list[str]  # each time that it was


class Rule(NamedTuple):
    """One rule."""

    name: str  # what is said of a client that breaks it
    asks: str  # what the contract asks
    failure_condition: str  # what a client must have done, exactly, to break it
    judge: Callable[[RunLog], Finding]


class RuleVerdict(NamedTuple):
    """What a run says of a rule."""

    rule: Rule
    finding: Finding

    @property
    def word(self) -> str:
        """Say it in a word or two."""
        if self.finding.evidence:
            return "broken"
        return "kept" if self.finding.occasions else "not tried"

    def lines(self) -> list[str]:
        """The first pieces of evidence."""
        shown = self.finding.evidence[:_MAX_EVIDENCE_LINES]
        more = len(self.finding.evidence) - len(shown)
        return [*shown, f"and {more} more"] if more else shown


def judge(log: RunLog) -> list[RuleVerdict]:
    """Judge a run by every rule."""
    return [RuleVerdict(rule, rule.judge(log)) for rule in RULES]


def punch_state(attempts: Sequence[Attempt], log: RunLog) -> PunchState:
    """Tell what became of a punch, by all of its attempts, in order."""
    if any(attempt.is_accepted for attempt in attempts):
        return PunchState.ACCEPTED
    if any(attempt.is_refused for attempt in attempts):
        return PunchState.REFUSED
    if attempts[-1].status in _KEY_REFUSALS:
        return PunchState.WITHOUT_KEY
    last = max((attempt.ended_at or 0) + (attempt.retry_after or 0) for attempt in attempts)
    if all(attempt.ended_at is not None for attempt in attempts) and log.is_wait_over(last):
        return PunchState.ABANDONED
    return PunchState.WAITING


def missing_punches(log: RunLog) -> list[str]:
    """Name what the client was asked to send and never began to."""
    punches = log.punches().values()
    ids = {attempt.id for attempt in log.attempts}
    counts_without_id: dict[tuple[int, datetime], int] = defaultdict(int)
    for attempts in punches:
        for employee_and_instant in {
            attempt.employee_and_instant for attempt in attempts if attempt.employee_and_instant
        }:
            counts_without_id[employee_and_instant] += 1
    unseen = [f"the punch {id_}" for id_ in sorted(log.expected.ids - ids)]
    for (employee, instant), count in log.expected.counts_without_id.items():
        for _ in range(count - counts_without_id[employee, instant]):
            unseen.append(f"the punch of {employee} at {instant.isoformat()}")
    named = len(log.expected.ids) + sum(log.expected.counts_without_id.values())
    unnamed = log.expected.punches - max(len(punches), named)
    if unnamed > 0:
        unseen.append(f"{unnamed} of {log.expected.punches} punches")
    return unseen


def _lost(log: RunLog) -> Finding:
    punches = log.punches().values()
    unseen = missing_punches(log) if log.is_wait_over(log.changed) else []
    left = [
        attempts[0] for attempts in punches if len(attempts) == 1 and punch_state(attempts, log) is PunchState.ABANDONED
    ]
    return Finding(
        sum(attempts[0].has_failed for attempts in punches) + len(unseen),
        [f"{_describe_punch(each)} failed once ({_describe_response(each)}) and was never tried again" for each in left]
        + [f"{each} never came" for each in unseen],
    )


def _gave_up(log: RunLog) -> Finding:
    punches = [each for each in log.punches().values() if sum(attempt.has_failed for attempt in each) > 1]
    return Finding(
        len(punches),
        [
            f"{_describe_punch(each[0])} was tried {len(each)} times and then no more"
            for each in punches
            if punch_state(each, log) is PunchState.ABANDONED
        ],
    )


def _changed(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.punches().values():
        ids = {attempts[0].id}
        for before, attempt in pairwise(attempts):
            if attempt.employee_and_instant is None:
                continue
            occasions += 1
            if attempt.id not in ids | log.expected.ids and not _final_status_before(attempts, attempt):
                evidence.append(f"{_describe_punch(before)} came again with the id {attempt.id}")
            ids.add(attempt.id)
    firsts: dict[str, Attempt] = {}
    for attempt in log.attempts:
        first = firsts.setdefault(attempt.id, attempt)
        if attempt.employee_and_instant and first.employee_and_instant != attempt.employee_and_instant:
            evidence.append(
                f"{_describe_punch(first)} came again as {_describe_content(attempt)}, it was {_describe_content(first)}"
            )
    return Finding(occasions, evidence)


def _duplicated(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.punches().values():
        occasions += any(attempt.is_accepted and attempt.is_delivered for attempt in attempts)
        ids = {attempts[0].id}
        for attempt in attempts[1:]:
            if attempt.id not in ids | log.expected.ids and _final_status_before(attempts, attempt) == ACCEPTED:
                evidence.append(
                    f"{_describe_punch(attempts[0])} was accepted, and came once more with the id {attempt.id}"
                )
            ids.add(attempt.id)
    return Finding(occasions, evidence)


def _final_status_before(attempts: Sequence[Attempt], later: Attempt) -> int | None:
    """Tell by which answer a client knew, before it made an attempt, that a punch is accepted or refused."""
    return next(
        (
            each.status
            for each in takewhile(lambda each: each is not later, attempts)
            if (each.is_accepted or each.is_refused)
            and each.is_delivered
            and each.ended_at is not None
            and each.ended_at <= later.started_at
        ),
        None,
    )


def _retried_a_refusal(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.punches().values():
        refusal = next((attempt for attempt in attempts if attempt.is_refused and attempt.is_delivered), None)
        if refusal and refusal.ended_at is not None:
            occasions += 1
            again = [attempt for attempt in attempts if attempt.started_at > refusal.ended_at]
            if again:
                evidence.append(
                    f"{_describe_punch(refusal)} was answered {refusal.status} and came again, {len(again)} times"
                )
    return Finding(occasions, evidence)


def _did_not_back_off(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.punches().values():
        for waits in _consecutive_waits(attempts):
            sums = [sum(waits[start : start + BACKOFF_WAITS]) for start in range(len(waits) - BACKOFF_WAITS + 1)]
            occasions += bool(sums)
            if sums and min(sums) < MIN_BACKOFF_SECONDS:
                evidence.append(
                    f"{_describe_punch(attempts[0])} failed {BACKOFF_WAITS} times in a row, with {min(sums):.1f} s of waiting"
                )
    return Finding(occasions, evidence)


def _consecutive_waits(attempts: Sequence[Attempt]) -> Iterator[list[float]]:
    """Give the waits between attempts that failed, s; a wait is infinite where the next came before the end."""
    waits: list[float] = []
    for before, after in pairwise(attempts):
        if before.has_failed and before.ended_at is not None:
            waits.append(after.started_at - before.ended_at if after.started_at >= before.ended_at else float("inf"))
        else:
            yield waits
            waits = []
    yield waits


def _stampeded(log: RunLog) -> Finding:
    has_failed = min(
        (attempt.ended_at for attempt in log.attempts if attempt.has_failed and attempt.ended_at), default=None
    )
    if has_failed is None:
        return Finding(0, [])
    occasions, evidence, most = 0, [], MAX_CONCURRENT_PUNCHES
    newest: dict[int, Attempt] = {}
    for attempt in log.attempts:
        newest = {
            punch: each for punch, each in newest.items() if each.ended_at is None or each.ended_at > attempt.started_at
        }
        newest.pop(attempt.punch, None)
        if attempt.is_silent:  # the client may have turned away from it without a word
            continue
        newest[attempt.punch] = attempt
        if len(newest) > most:
            most = len(newest)
            evidence = [f"{most} punches were on their way at the same time"]
        occasions += attempt.started_at > has_failed
    return Finding(occasions, evidence)


def _ignored_retry_after(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.punches().values():
        for before, after in pairwise(attempts):
            if not (before.has_failed and before.is_delivered and before.retry_after and before.ended_at is not None):
                continue
            if after.started_at > before.ended_at:
                occasions += 1
                waited = after.started_at - before.ended_at
                if waited < MIN_RETRY_AFTER_PART * before.retry_after:
                    evidence.append(
                        f"{_describe_punch(before)} came again after {waited:.1f} s, Retry-After was {before.retry_after:g}"
                    )
    return Finding(occasions, evidence)


def _describe_punch(attempt: Attempt) -> str:
    return f"punch {attempt.punch + 1} ({attempt.id or 'a body that is no punch'})"


def _describe_content(attempt: Attempt) -> str:
    return (
        f"{attempt.employee_and_instant[0]} at {attempt.employee_and_instant[1].isoformat()}"
        if attempt.employee_and_instant
        else "no punch"
    )


def _describe_response(attempt: Attempt) -> str:
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
        f"{BACKOFF_WAITS} waits in a row for one punch, each from the end of an attempt to the next, come to less than "
        f"{MIN_BACKOFF_SECONDS:g} s.",
        _did_not_back_off,
    ),
    Rule(
        "stampeded",
        f"Send one punch after the other, at most {MAX_CONCURRENT_PUNCHES} at once.",
        f"More than {MAX_CONCURRENT_PUNCHES} punches are on their way at the same time. Two attempts of one punch count once, "
        "those that get no answer do not count.",
        _stampeded,
    ),
    Rule(
        "ignored Retry-After",
        "Wait at least as long as a Retry-After asks.",
        f"The same punch comes again before {MIN_RETRY_AFTER_PART:.0%} of it have passed.",
        _ignored_retry_after,
    ),
)
"""The rules: what the contract asks, and what breaks it. docs/clients.md has this table."""


def table() -> str:
    """Return the table of rules for a document."""
    rows = [f"| {rule.name} | {rule.asks} | {rule.failure_condition} |" for rule in RULES]
    return "\n".join(["| verdict | what the contract asks | what convicts |", "|---|---|---|", *rows])
