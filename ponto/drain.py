"""Processing of a batch of messages: each becomes a row, a dead letter, or a failure that SQS delivers again."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple, assert_never

from ponto.config import DrainSettings
from ponto.crash_suspects import divide_by_crash_risk
from ponto.dead_letters import DEAD_LETTER_SECONDS, DeadLetters, Rejection
from ponto.derived_id import InvalidSourceKeyError, derive_source_id
from ponto.log import type_and_location
from ponto.message import Message
from ponto.parser import InvalidPunchError, Reason, parse
from ponto.punch import Punch
from ponto.redelivery import Redelivery
from ponto.store import Entry, QueryFailedError, Status, Store

GRACE_SECONDS = 1_800
"""How long the function's own code may fail on a message before it is dead-lettered: time to roll a release back."""

MAX_SPREAD_SECONDS = 15
"""Of an invocation, for setting the visibility of suspects, 10 a call."""

_MAX_LOGGED_ERRORS = 5  # distinct ones: an outage gives every message of a batch the same one
_REASONS = {Status.CONFLICT: Reason.CONFLICT, Status.REFUSED: Reason.REFUSED}

Parse = Callable[[str, tzinfo], Punch]
"""`parser.parse`, or a fake."""


class Failure(NamedTuple):
    """A message that SQS has to deliver again."""

    message: Message
    detail: str  # why
    is_transient: bool = False  # nothing is wrong with it: it may be delivered again soon


@dataclass
class Processed:
    """Result of a batch: each message is in one of these."""

    stored: list[Entry] = field(default_factory=list)
    duplicates: list[Entry] = field(default_factory=list)  # already stored by another message, or copy of this one
    redelivered: list[Entry] = field(default_factory=list)  # stored by this very message before
    dead_lettered: list[Rejection] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)  # by message id
    redriven: int = 0  # of those stored, duplicate or dead-lettered: dead letters that were sent back
    warnings: list[str] = field(default_factory=list)  # of what changes nothing of the above

    @property
    def has_rows(self) -> bool:
        """True if a punch of the batch is a row: the database works, and so does the function's code."""
        return bool(self.stored or self.duplicates or self.redelivered)

    def counts(self, *, requires_sign_in: bool) -> dict[str, int]:
        """Return the counts to log, by the metric's name.

        Zeros too: a metric that was never sent does not exist, and an alarm on it looks like one with a misspelt name.

        Args:
            requires_sign_in: whether employees must sign in. Otherwise no punch is rejected for it, and a metric that
                is always zero costs as much as any.
        """
        rejected = Counter(rejection.reason for rejection in self.dead_lettered)
        done = {
            "stored": len(self.stored),
            "duplicates": len(self.duplicates),
            "redelivered": len(self.redelivered),
            "rejected": rejected.total(),
        }
        reasons = [reason for reason in Reason if requires_sign_in or reason is not Reason.IDENTITY]
        counts = {
            **done,
            **{f"rejected{reason.capitalize()}": rejected[reason] for reason in reasons},
            "failed": len(self.failures),
            "batchSize": sum(done.values()) + len(self.failures),
        }
        if self.redriven:  # rare: a zero each hour would cost as much as any metric
            counts["redriven"] = self.redriven
        return counts

    def ages(self, now: float) -> dict[str, int]:
        """Return how long the oldest messages have waited, ms, by the metric's name; `now` is s since the epoch."""
        ages = {}
        if self.stored:  # a zero would lower percentiles
            ages["oldestMilliseconds"] = round(now * 1000 - min(entry.received_ms for entry in self.stored))
        # SQS's own metric leaves out what was received three times. A dead letter that was sent back waits, and
        # expires, from then on, so this is the age of the message and not of its origin.
        failed = [failure.message.sent_ms for failure in self.failures.values() if failure.message.sent_ms is not None]
        if failed:
            ages["oldestFailedMilliseconds"] = round(now * 1000 - min(failed))
        return ages

    @property
    def errors(self) -> list[str]:
        """Distinct details of the failures, at most five."""
        return sorted({failure.detail for failure in self.failures.values()})[:_MAX_LOGGED_ERRORS]


class MissingTimestampError(ValueError):
    """SQS did not say when it stored a message."""


class _Bug(NamedTuple):
    """A message that the function's own code fails on."""

    message: Message
    location: str  # in the code


class _Deadlines(NamedTuple):
    """`time.monotonic()` seconds past which nothing is started."""

    database: float
    dead_letters: float


class Drain:
    """Stores punches, and dead-letters what can never be one."""

    def __init__(
        self,
        zone: tzinfo,
        store: Store,
        dead_letters: DeadLetters,
        redelivery: Redelivery,
        *,
        requires_sign_in: bool = False,
        visibility_timeout_seconds: int = 0,
        parse: Parse = parse,
        clock: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:
        """Create a drain; it connects to nothing yet.

        Args:
            zone: the stage's, in which a time sent without an offset is local.
            store: of punches.
            dead_letters: the dead-letter queue.
            redelivery: sets the visibility of messages that failed and, if the queue's timeout is known, of suspects.
            requires_sign_in: whether a punch must be of the employee whose sign-in the gateway verified.
            visibility_timeout_seconds: the queue's own; 0: not known.
            parse: reads the body of a message.
            clock: `time.monotonic`, looked up at each call, for a simulator replaces it.
        """
        self._zone = zone
        self._store = store
        self._dead_letters = dead_letters
        self._redelivery = redelivery
        self.requires_sign_in = requires_sign_in
        self._visibility_timeout_seconds = visibility_timeout_seconds
        self._parse = parse
        self._clock = clock
        self._last_stored = -math.inf  # `clock()` seconds of the last batch with a row

    def process(self, messages: Sequence[Message], end: float) -> Processed:
        """Store the punches, dead-letter what can never be one, and return what SQS has to deliver again.

        Args:
            messages: the batch.
            end: when the function must have ended, `time.monotonic()` seconds.
        """
        # The last 8 s, or half of what is left if that is less: for dead letters, and then for changes of visibility.
        reserve = min(DEAD_LETTER_SECONDS, (end - self._clock()) / 2)
        deadlines = _Deadlines(end - reserve, end - reserve / 2)
        processed = Processed()
        trusted, suspect_parts, delays_seconds = divide_by_crash_risk(messages, self._visibility_timeout_seconds)
        bugs = self._process_part(trusted, processed, deadlines) if trusted else []
        must_spread = bool(delays_seconds)
        for index, part in enumerate(suspect_parts):
            if must_spread and processed.has_rows:  # database and code work: only a suspect can crash the process now
                untried = [message for later in suspect_parts[index:] for message in later]
                delays = [(message, delays_seconds[message.id]) for message in untried]
                self._spread(delays, processed, deadlines.database)
                must_spread = False
            bugs += self._process_part(part, processed, deadlines)
        if processed.has_rows:
            self._last_stored = self._clock()
        if bugs:
            self._handle_bugs(bugs, processed, deadlines, is_alone=len(messages) == 1)
        return processed

    def shorten_visibility(self, processed: Processed, end: float) -> None:
        """Make messages that failed transiently visible again soon; add a warning if SQS refuses.

        Call it last: the delays count from this call.
        """
        transient = [failure.message for failure in processed.failures.values() if failure.is_transient]
        try:
            self._redelivery.shorten_visibility(transient, end)
        except Exception as error:  # noqa: BLE001  SQS delivers them after the queue's own visibility timeout
            processed.warnings.append(_redelivery_warning(error))

    def _process_part(self, messages: Sequence[Message], processed: Processed, deadlines: _Deadlines) -> list[_Bug]:
        """Process a part of a batch; return the messages that the function's own code fails on."""
        received: list[tuple[Message, Entry]] = []
        rejections: list[Rejection] = []
        bugs: list[_Bug] = []
        for message in messages:
            try:
                received.append((message, self._entry(message)))
            except InvalidPunchError as error:
                rejections.append(Rejection(message, error.reason, error.detail))
            except Exception as error:  # noqa: BLE001  a bug must not hold up the other messages of the batch
                bugs.append(_Bug(message, type_and_location(error)))

        # SQS promises no order, and of two punches with one id the first is stored.
        received.sort(key=lambda pair: pair[1].received_ms)
        outcomes = self._store.save([entry for _, entry in received], deadlines.database)
        for (message, entry), (status, detail) in zip(received, outcomes, strict=True):
            match status:
                case Status.STORED:
                    processed.stored.append(entry)
                    processed.redriven += message.is_redriven
                case Status.DUPLICATE:
                    processed.duplicates.append(entry)
                    processed.redriven += message.is_redriven
                case Status.REDELIVERED:
                    processed.redelivered.append(entry)
                case Status.CONFLICT | Status.REFUSED:
                    rejections.append(Rejection(message, _REASONS[status], detail))
                case Status.FAILED:
                    processed.failures[message.id] = Failure(message, detail, is_transient=True)
                case Status.UNEXPECTED:
                    bugs.append(_Bug(message, detail))
                case _:
                    assert_never(status)  # otherwise SQS would delete the message
        self._dead_letter(rejections, processed, deadlines)
        return bugs

    def _entry(self, message: Message) -> Entry:
        """Return the punch of a message and what the message says of it.

        Raises:
            InvalidPunchError: it can never be stored.
            MissingTimestampError: when it was received cannot be read.
        """
        punch = self._parse(message.body, self._zone)
        if self.requires_sign_in:
            _require_signed_in(message.employee_id, punch)
        if source_key := message.source_key:  # two records of a source may be of one employee and minute
            try:
                punch = punch._replace(id=derive_source_id(source_key))
            except InvalidSourceKeyError as error:
                raise InvalidPunchError(Reason.INVALID, f"sourceKey: {error}") from None
        if message.origin is None:
            raise MissingTimestampError("SentTimestamp is missing or not a number")
        is_new_copy = message.origin.message_id != message.id and message.receive_count == 1
        return Entry(punch, *message.origin, message.api_key_id, is_new_copy)

    def _spread(self, delays: Sequence[tuple[Message, int]], processed: Processed, deadline: float) -> None:
        """Hide suspects for different times, so that they reappear in different batches if one crashes the process."""
        try:
            self._redelivery.set_visibility(delays, min(deadline, self._clock() + MAX_SPREAD_SECONDS))
        except Exception as error:  # noqa: BLE001  they reappear all the same, together
            processed.warnings.append(_redelivery_warning(error))

    def _handle_bugs(
        self, bugs: Sequence[_Bug], processed: Processed, deadlines: _Deadlines, *, is_alone: bool
    ) -> None:
        """Dead-letter the messages that the function's own code has failed on for long, while it stored others.

        A release that fails on everything dead-letters nothing, however long it lasts; nor does an outage.
        """
        rejections: list[Rejection] = []
        unknown = ""
        try:
            failing = self._store.record_failing([bug.message.id for bug in bugs], deadlines.database)
        except QueryFailedError as error:
            failing, unknown = {}, f"; since when is not known: {error}"
        for message, location in bugs:
            seconds = failing.get(message.id, 0)
            # Give up on a message only if another was stored: in its batch or, if it came alone, since it first failed.
            is_code_proven = processed.has_rows or (is_alone and self._clock() - self._last_stored < seconds)
            if is_code_proven and seconds >= GRACE_SECONDS:
                rejections.append(Rejection(message, Reason.UNEXPECTED, location))
            else:
                processed.failures[message.id] = Failure(message, f"unexpected: {location}{unknown}")
        if rejections:
            self._dead_letter(rejections, processed, deadlines)

    def _dead_letter(self, rejections: Sequence[Rejection], processed: Processed, deadlines: _Deadlines) -> None:
        unsent = self._dead_letters.send(rejections, deadlines.dead_letters)
        for rejection in rejections:
            message = rejection.message
            if message.id in unsent:
                processed.failures[message.id] = Failure(message, unsent[message.id])
            else:
                processed.dead_lettered.append(rejection)
                processed.redriven += message.is_redriven


def _require_signed_in(employee_id: str | None, punch: Punch) -> None:
    if employee_id is None:
        raise InvalidPunchError(Reason.IDENTITY, "usuarioId: the message names no employee who signed in")
    if employee_id != str(punch.employee_id):
        raise InvalidPunchError(Reason.IDENTITY, "usuarioId: not the employee who signed in")


def _redelivery_warning(error: Exception) -> str:
    return f"redelivery: {type(error).__name__}: {error}"


def create_drain(settings: DrainSettings, parse: Parse = parse) -> Drain:
    """Return a drain that works as the settings say; it connects to nothing yet."""
    return Drain(
        settings.zone,
        Store(settings.database.connection_parameters),
        DeadLetters(settings.dlq_url),
        Redelivery(settings.queue_url, settings.retry_delays_seconds),
        requires_sign_in=settings.requires_sign_in,
        visibility_timeout_seconds=settings.visibility_timeout_seconds,
        parse=parse,
    )
