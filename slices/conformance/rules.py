"""The rules for clients, and the functions that check them on the log of a run."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise, takewhile
from typing import NamedTuple

from slices.conformance.fault_script import REFUSALS
from tools.kit.client import MAX_CONCURRENT_PUNCHES

BACKOFF_WAITS = 7
"""Number of consecutive waits for one punch whose sum is checked."""

MIN_BACKOFF_SECONDS = 7.5
"""Minimum sum of `BACKOFF_WAITS` consecutive waits.

The contract's waits add up to 127 s (1, 2, 4, ... 64). Many libraries draw each wait at random between 0 and its full
length: then the waits add up to 64 s on average, and to less than this minimum about once in ten thousand times. The
waits of a client that tries once a second add up to 7 s.
"""

MIN_RETRY_AFTER_PART = 0.9
"""Minimum part of a Retry-After that a client has to wait; less than 1, because timers are not exact."""

ACCEPTED = 202
_KEY_REFUSALS = frozenset({401, 403})
_MAX_EVIDENCE_LINES = 5  # for each rule


class Attempt(NamedTuple):
    """One POST of a punch. Times are scaled seconds since the start of the run."""

    punch: int  # number of the punch; attempts with the same id, or the same derived id, belong to one punch
    id: str  # id of the punch; "" for an invalid body
    employee_and_instant: tuple[int, datetime] | None  # None for an invalid body
    started_at: float  # when the whole request had arrived
    ended_at: float | None  # when the response was about to be sent or the connection was closed; None: still open
    status: int = 0  # HTTP status of the response that the client got; 0: no response
    is_delivered: bool = True  # the whole response was sent, and the client had not closed the connection
    retry_after: float | None = None  # seconds
    is_silent: bool = False  # the fault was silence
    is_stored: bool = False  # the stack accepted the punch, even if the client did not get the response
    fault: str = ""  # description of the injected fault

    @property
    def has_failed(self) -> bool:
        """True if the client has to send the punch again."""
        return self.ended_at is not None and not (self.is_accepted or self.is_refused or self.status in _KEY_REFUSALS)

    @property
    def is_accepted(self) -> bool:
        """True if the client may have read a 202."""
        return self.status == ACCEPTED

    @property
    def is_refused(self) -> bool:
        """True if the client may have read a final refusal of the body."""
        return self.status in REFUSALS


class ExpectedPunches(NamedTuple):
    """The punches that the client was asked to send."""

    punch_count: int = 0
    ids: frozenset[str] = frozenset()
    counts_without_id: Mapping[tuple[int, datetime], int] = {}  # of punches with unknown ids, by employee and instant


class RunLog(NamedTuple):
    """Log of a run."""

    attempts: Sequence[Attempt]  # in order of their starts
    expected: ExpectedPunches
    now: float  # scaled seconds since the start of the run
    last_progress_at: float  # scaled seconds at the last new punch, acceptance, or end of an injected fault
    max_wait_seconds: float  # scaled; a client that is silent for longer counts as having given up

    def attempts_by_punch(self) -> dict[int, list[Attempt]]:
        """Return the attempts of each punch, in order of their starts."""
        result: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in self.attempts:
            result[attempt.punch].append(attempt)
        return result

    def is_wait_over(self, since: float) -> bool:
        """Return whether the client's longest wait has passed since a time, in scaled seconds of the run."""
        return self.now - since >= self.max_wait_seconds


class PunchState(StrEnum):
    """State of a punch as far as the client can know it. The values are keys of the command's JSON."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHOUT_KEY = "withoutKey"  # the key or the sign-in was refused; the client has to wait for a new one
    ABANDONED = "abandoned"  # the client has given up on the punch
    WAITING = "waiting"


class Finding(NamedTuple):
    """Result of one rule's check."""

    occasions: int  # how often the rule could have been broken; 0: it was not tried
    evidence: list[str]  # one text for each violation


class Rule(NamedTuple):
    """One rule for clients."""

    name: str  # fault of a client that breaks the rule
    requirement: str
    failure_condition: str
    check: Callable[[RunLog], Finding]


class RuleVerdict(NamedTuple):
    """A rule, and the result of its check."""

    rule: Rule
    finding: Finding

    @property
    def outcome(self) -> str:
        """The verdict: broken, kept or not tried."""
        if self.finding.evidence:
            return "broken"
        return "kept" if self.finding.occasions else "not tried"

    def lines(self) -> list[str]:
        """Return the evidence: the first violations, and the number of the others."""
        lines = self.finding.evidence[:_MAX_EVIDENCE_LINES]
        omitted = len(self.finding.evidence) - len(lines)
        return [*lines, f"and {omitted} more"] if omitted else lines


def judge(log: RunLog) -> list[RuleVerdict]:
    """Return the verdict of every rule on a run."""
    return [RuleVerdict(rule, rule.check(log)) for rule in RULES]


def punch_state(attempts: Sequence[Attempt], log: RunLog) -> PunchState:
    """Return the state of a punch.

    Args:
        attempts: all attempts of the punch, in order of their starts.
        log: log of the run.
    """
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
    """Return a description of each expected punch that the client never tried to send."""
    punches = log.attempts_by_punch().values()
    ids = {attempt.id for attempt in log.attempts}
    counts: dict[tuple[int, datetime], int] = defaultdict(int)
    for attempts in punches:
        for key in {attempt.employee_and_instant for attempt in attempts if attempt.employee_and_instant}:
            counts[key] += 1
    texts = [f"the punch {id_}" for id_ in sorted(log.expected.ids - ids)]
    for (employee_id, instant), count in log.expected.counts_without_id.items():
        for _ in range(count - counts[employee_id, instant]):
            texts.append(f"the punch of {employee_id} at {instant.isoformat()}")
    listed = len(log.expected.ids) + sum(log.expected.counts_without_id.values())
    unlisted = log.expected.punch_count - max(len(punches), listed)
    if unlisted > 0:
        texts.append(f"{unlisted} of {log.expected.punch_count} punches")
    return texts


def _check_lost(log: RunLog) -> Finding:
    punches = log.attempts_by_punch().values()
    missing = missing_punches(log) if log.is_wait_over(log.last_progress_at) else []
    abandoned = [
        attempts[0] for attempts in punches if len(attempts) == 1 and punch_state(attempts, log) is PunchState.ABANDONED
    ]
    return Finding(
        sum(attempts[0].has_failed for attempts in punches) + len(missing),
        [
            f"{_describe_punch(attempt)} failed once ({_describe_response(attempt)}) and was never sent again"
            for attempt in abandoned
        ]
        + [f"{text} never arrived" for text in missing],
    )


def _check_gave_up(log: RunLog) -> Finding:
    retried = [
        attempts for attempts in log.attempts_by_punch().values() if sum(attempt.has_failed for attempt in attempts) > 1
    ]
    return Finding(
        len(retried),
        [
            f"{_describe_punch(attempts[0])} was sent {len(attempts)} times and then no more"
            for attempts in retried
            if punch_state(attempts, log) is PunchState.ABANDONED
        ],
    )


def _check_changed_its_id(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.attempts_by_punch().values():
        ids = {attempts[0].id}
        for before, attempt in pairwise(attempts):
            if attempt.employee_and_instant is None:
                continue
            occasions += 1
            if attempt.id not in ids | log.expected.ids and not _final_status_before(attempts, attempt):
                evidence.append(f"{_describe_punch(before)} was sent again with the id {attempt.id}")
            ids.add(attempt.id)
    firsts: dict[str, Attempt] = {}
    for attempt in log.attempts:
        first = firsts.setdefault(attempt.id, attempt)
        if attempt.employee_and_instant and first.employee_and_instant != attempt.employee_and_instant:
            evidence.append(
                f"{_describe_punch(first)} was sent again as {_describe_content(attempt)}, "
                f"but was {_describe_content(first)} at first"
            )
    return Finding(occasions, evidence)


def _check_duplicated(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.attempts_by_punch().values():
        occasions += any(attempt.is_accepted and attempt.is_delivered for attempt in attempts)
        ids = {attempts[0].id}
        for attempt in attempts[1:]:
            if attempt.id not in ids | log.expected.ids and _final_status_before(attempts, attempt) == ACCEPTED:
                evidence.append(
                    f"{_describe_punch(attempts[0])} was accepted, and was sent again with the id {attempt.id}"
                )
            ids.add(attempt.id)
    return Finding(occasions, evidence)


def _final_status_before(attempts: Sequence[Attempt], retry: Attempt) -> int | None:
    """Return the 202 or refusal that the client had received before a retry, if any."""
    return next(
        (
            attempt.status
            for attempt in takewhile(lambda attempt: attempt is not retry, attempts)
            if (attempt.is_accepted or attempt.is_refused)
            and attempt.is_delivered
            and attempt.ended_at is not None
            and attempt.ended_at <= retry.started_at
        ),
        None,
    )


def _check_retried_a_refusal(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.attempts_by_punch().values():
        refusal = next((attempt for attempt in attempts if attempt.is_refused and attempt.is_delivered), None)
        if refusal and refusal.ended_at is not None:
            occasions += 1
            retries = sum(attempt.started_at > refusal.ended_at for attempt in attempts)
            if retries:
                evidence.append(
                    f"{_describe_punch(refusal)} was answered {refusal.status}, and was sent again {retries} times"
                )
    return Finding(occasions, evidence)


def _check_backoff(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.attempts_by_punch().values():
        for waits in _consecutive_waits(attempts):
            sums = [sum(waits[start : start + BACKOFF_WAITS]) for start in range(len(waits) - BACKOFF_WAITS + 1)]
            occasions += bool(sums)
            if sums and min(sums) < MIN_BACKOFF_SECONDS:
                evidence.append(
                    f"{_describe_punch(attempts[0])} failed {BACKOFF_WAITS} times in a row, "
                    f"with {min(sums):.1f} s of waiting"
                )
    return Finding(occasions, evidence)


def _consecutive_waits(attempts: Sequence[Attempt]) -> Iterator[list[float]]:
    """Yield, for each series of failed attempts, the seconds before each retry; infinity if it overlaps the attempt."""
    waits: list[float] = []
    for before, after in pairwise(attempts):
        if before.has_failed and before.ended_at is not None:
            waits.append(after.started_at - before.ended_at if after.started_at >= before.ended_at else float("inf"))
        else:
            yield waits
            waits = []
    yield waits


def _check_stampeded(log: RunLog) -> Finding:
    first_failure = min(
        (attempt.ended_at for attempt in log.attempts if attempt.has_failed and attempt.ended_at), default=None
    )
    if first_failure is None:
        return Finding(0, [])
    occasions, evidence, max_open = 0, [], MAX_CONCURRENT_PUNCHES
    open_attempts: dict[int, Attempt] = {}
    for attempt in log.attempts:
        open_attempts = {
            punch: other
            for punch, other in open_attempts.items()
            if other.ended_at is None or other.ended_at > attempt.started_at
        }
        open_attempts.pop(attempt.punch, None)
        if attempt.is_silent:  # the client may have given up on the attempt, which the proxy cannot see
            continue
        open_attempts[attempt.punch] = attempt
        if len(open_attempts) > max_open:
            max_open = len(open_attempts)
            evidence = [f"{max_open} punches were in flight at the same time"]
        occasions += attempt.started_at > first_failure
    return Finding(occasions, evidence)


def _check_retry_after(log: RunLog) -> Finding:
    occasions, evidence = 0, []
    for attempts in log.attempts_by_punch().values():
        for before, after in pairwise(attempts):
            if not (before.has_failed and before.is_delivered and before.retry_after and before.ended_at is not None):
                continue
            if after.started_at > before.ended_at:
                occasions += 1
                waited = after.started_at - before.ended_at
                if waited < MIN_RETRY_AFTER_PART * before.retry_after:
                    evidence.append(
                        f"{_describe_punch(before)} was sent again after {waited:.1f} s, "
                        f"Retry-After was {before.retry_after:g}"
                    )
    return Finding(occasions, evidence)


def _describe_punch(attempt: Attempt) -> str:
    return f"punch {attempt.punch + 1} ({attempt.id or 'an invalid body'})"


def _describe_content(attempt: Attempt) -> str:
    if attempt.employee_and_instant is None:
        return "an invalid body"
    employee_id, instant = attempt.employee_and_instant
    return f"{employee_id} at {instant.isoformat()}"


def _describe_response(attempt: Attempt) -> str:
    return f"answered {attempt.status}" if attempt.status else "without an answer"


RULES = (
    Rule(
        "lost",
        "Keep the punch until a 202.",
        "A punch that failed once is never sent again; or an expected punch is never sent.",
        _check_lost,
    ),
    Rule(
        "duplicated",
        "An accepted punch is done.",
        "After a 202 the same punch is sent again with another id, which creates a second row. With the same id it is "
        "harmless, and breaks no rule.",
        _check_duplicated,
    ),
    Rule(
        "changed its id",
        "Use the same id in every attempt.",
        "Before a 202 or a refusal the same punch is sent again with another id; or the same id is sent with another "
        "`usuarioId` or instant.",
        _check_changed_its_id,
    ),
    Rule(
        "retried a refusal",
        "After a 400, 413 or 415 do not send the punch again.",
        "An attempt starts after the same punch was refused with one of these statuses.",
        _check_retried_a_refusal,
    ),
    Rule(
        "gave up",
        "After a 429, a 5xx or no response, send the punch again, for as long as it takes.",
        "A punch without a 202 or a refusal was sent again at least once, and then no more.",
        _check_gave_up,
    ),
    Rule(
        "did not back off",
        "Wait longer each time: 1 s, 2 s, 4 s, ... and a random part.",
        f"{BACKOFF_WAITS} consecutive waits for one punch, each from the end of an attempt to the start of the next, "
        f"add up to less than {MIN_BACKOFF_SECONDS:g} s.",
        _check_backoff,
    ),
    Rule(
        "stampeded",
        f"Send one punch after the other, at most {MAX_CONCURRENT_PUNCHES} at once.",
        f"More than {MAX_CONCURRENT_PUNCHES} punches are in flight at the same time. "
        "Two attempts of one punch count once; attempts that meet the injected silence do not count.",
        _check_stampeded,
    ),
    Rule(
        "ignored Retry-After",
        "Wait at least as long as Retry-After says.",
        f"The same punch is sent again before {MIN_RETRY_AFTER_PART:.0%} of that time has passed.",
        _check_retry_after,
    ),
)
"""The rules for clients of docs/clients.md."""


def table() -> str:
    """Return the rules as a Markdown table."""
    rows = [f"| {rule.name} | {rule.requirement} | {rule.failure_condition} |" for rule in RULES]
    return "\n".join(["| verdict | what the contract requires | what breaks the rule |", "|---|---|---|", *rows])
