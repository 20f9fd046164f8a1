"""Processing of a batch of messages: each becomes a row, a dead letter, or a failure that SQS redelivers."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple, assert_never

from ponto.drain.crash_suspects import Division, divide_by_crash_risk
from ponto.drain.dead_letters import DEAD_LETTER_SECONDS, DeadLetters, Rejection
from ponto.drain.message import Message
from ponto.drain.parser import InvalidPunchError, Reason, parse
from ponto.drain.retry_backoff import RetryBackoff
from ponto.drain.store import Entry, QueryFailedError, Status, Store
from ponto.punch import EVENT, Punch
from ponto.shared.config import DrainSettings
from ponto.shared.derived_id import InvalidSourceKeyError, derive_source_id
from ponto.shared.log import type_and_location

GRACE_SECONDS = 1_800
"""How long the function's own code may fail on a message before the message is dead-lettered: time for a rollback."""

MAX_SPREAD_SECONDS = 15
"""Time of an invocation that may be spent on setting the visibility timeouts of suspects."""

_MAX_LOGGED_ERRORS = 5  # distinct ones; in an outage all messages of a batch have the same error
_REASONS = {Status.CONFLICT: Reason.CONFLICT, Status.REFUSED: Reason.REFUSED}

Parse = Callable[[str, tzinfo], Punch]
"""`parser.parse`, or a fake."""


class Failure(NamedTuple):
    """A message that SQS has to redeliver."""

    message: Message
    detail: str  # reason, to log
    is_transient: bool = False  # not caused by the message, so it may be redelivered soon


@dataclass
class BatchResult:
    """Result of a batch. Each message is in exactly one of the first five collections."""

    stored: list[Entry] = field(default_factory=list)
    duplicates: list[Entry] = field(default_factory=list)  # stored by another message, or by another copy of this one
    redelivered: list[Entry] = field(default_factory=list)  # stored by an earlier receive of the same message
    dead_lettered: list[Rejection] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)  # by message id
    redriven_count: int = 0  # redriven dead letters among the stored, duplicate and dead-lettered messages
    warnings: list[str] = field(default_factory=list)  # about failures that do not affect the outcome of a message

    @property
    def has_rows(self) -> bool:
        """True if a punch of the batch is stored, which proves that the database and the function's code work."""
        return bool(self.stored or self.duplicates or self.redelivered)

    def counts(self, *, is_sign_in_required: bool) -> dict[str, int]:
        """Return the counts to log, by metric name.

        Zeros are included, because CloudWatch lists only metrics that were sent: an alarm on an unlisted metric looks
        like an alarm with a misspelt metric name.

        Args:
            is_sign_in_required: whether the stage requires sign-in. If not, `rejectedIdentity` is left out: it would
                always be zero, and every metric costs the same.
        """
        rejected = Counter(rejection.reason for rejection in self.dead_lettered)
        handled = {
            "stored": len(self.stored),
            "duplicates": len(self.duplicates),
            "redelivered": len(self.redelivered),
            "rejected": rejected.total(),
        }
        reasons = [reason for reason in Reason if is_sign_in_required or reason is not Reason.IDENTITY]
        counts = {
            **handled,
            **{f"rejected{reason.capitalize()}": rejected[reason] for reason in reasons},
            "failed": len(self.failures),
            "batchSize": sum(handled.values()) + len(self.failures),
        }
        if self.redriven_count:  # rare, so the metric is only paid for in hours with a redrive
            counts["redriven"] = self.redriven_count
        return counts

    def ages(self, now: float) -> dict[str, int]:
        """Return the ages of the oldest messages, in milliseconds, by metric name.

        Args:
            now: current time, in seconds since the epoch.
        """
        ages = {}
        if self.stored:  # otherwise omitted: a zero would lower percentiles
            ages["oldestMilliseconds"] = round(now * 1000 - min(entry.received_ms for entry in self.stored))
        # SQS's own metric of the oldest message excludes messages that were received three times. For a redriven dead
        # letter this is the age of the new message, not of its origin, because the retention period starts again.
        failed = [failure.message.sent_ms for failure in self.failures.values() if failure.message.sent_ms is not None]
        if failed:
            ages["oldestFailedMilliseconds"] = round(now * 1000 - min(failed))
        return ages

    @property
    def errors(self) -> list[str]:
        """Distinct details of the failures, at most `_MAX_LOGGED_ERRORS`."""
        return sorted({failure.detail for failure in self.failures.values()})[:_MAX_LOGGED_ERRORS]


class MissingTimestampError(ValueError):
    """A message lacks the time at which SQS stored it."""


class _Bug(NamedTuple):
    """A message that the function's own code fails on."""

    message: Message
    location: str  # in the code


class _Deadlines(NamedTuple):
    """Times in `time.monotonic()` seconds after which no statement or call is started."""

    database: float
    dead_letters: float


class Drain:
    """Stores punches, and dead-letters messages that can never be stored."""

    def __init__(
        self,
        zone: tzinfo,
        store: Store,
        dead_letters: DeadLetters,
        retry_backoff: RetryBackoff,
        *,
        is_sign_in_required: bool = False,
        visibility_timeout_seconds: int = 0,
        parse: Parse = parse,
        clock: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:
        """Create a drain. It makes no connection until it is used.

        Args:
            zone: the stage's time zone, which applies to times without an offset.
            store: the table of punches.
            dead_letters: the dead-letter queue.
            retry_backoff: sets the visibility timeouts of failed messages and of crash suspects.
            is_sign_in_required: whether a punch must belong to the signed-in user, whom the gateway verified.
            visibility_timeout_seconds: visibility timeout of the queue, or 0 if unknown.
            parse: parses the body of a message.
            clock: `time.monotonic`, looked up at each call, so that it can be patched.
        """
        self._zone = zone
        self._store = store
        self._dead_letters = dead_letters
        self._retry_backoff = retry_backoff
        self.is_sign_in_required = is_sign_in_required
        self._visibility_timeout_seconds = visibility_timeout_seconds
        self._parse = parse
        self._clock = clock
        self._last_stored_at = -math.inf  # `clock()` seconds of the last batch with a row

    def process(self, messages: Sequence[Message], deadline: float) -> BatchResult:
        """Store the punches of a batch, and dead-letter messages that can never be stored.

        Args:
            messages: the batch.
            deadline: end of the invocation, in `time.monotonic()` seconds.
        """
        # Reserve the last 8 s, or half of the remaining time if that is less, for dead letters and visibility timeouts.
        reserve = min(DEAD_LETTER_SECONDS, (deadline - self._clock()) / 2)
        deadlines = _Deadlines(deadline - reserve, deadline - reserve / 2)
        result = BatchResult()
        division = divide_by_crash_risk(messages, self._visibility_timeout_seconds)
        bugs = self._process_messages(division.trusted, result, deadlines) if division.trusted else []
        bugs += self._process_suspects(division, result, deadlines)
        if result.has_rows:
            self._last_stored_at = self._clock()
        if bugs:
            self._handle_bugs(bugs, result, deadlines, is_only_message=len(messages) == 1)
        return result

    def shorten_visibility(self, result: BatchResult, deadline: float) -> None:
        """Make transiently failed messages visible again soon; add a warning to the result if that fails.

        Call this method last, because the delays start with the call.
        """
        transient = [failure.message for failure in result.failures.values() if failure.is_transient]
        try:
            self._retry_backoff.shorten_visibility(transient, deadline)
        except Exception as error:  # noqa: BLE001  SQS redelivers them after the queue's visibility timeout
            result.warnings.append(_redelivery_warning(error))

    def _process_messages(self, messages: Sequence[Message], result: BatchResult, deadlines: _Deadlines) -> list[_Bug]:
        """Process some messages of a batch; return those that the function's own code fails on."""
        received: list[tuple[Message, Entry]] = []
        rejections: list[Rejection] = []
        bugs: list[_Bug] = []
        for message in messages:
            try:
                received.append((message, self._create_entry(message)))
            except InvalidPunchError as error:
                rejections.append(Rejection(message, error.reason, error.detail))
            except Exception as error:  # noqa: BLE001  a bug must not make the other messages of the batch fail
                bugs.append(_Bug(message, type_and_location(error)))

        # SQS does not guarantee an order, and of two punches with the same id the one received first must be stored.
        received.sort(key=lambda pair: pair[1].received_ms)
        outcomes = self._store.save([entry for _, entry in received], deadlines.database)
        for (message, entry), (status, detail) in zip(received, outcomes, strict=True):
            match status:
                case Status.STORED:
                    result.stored.append(entry)
                    result.redriven_count += message.is_redriven
                case Status.DUPLICATE:
                    result.duplicates.append(entry)
                    result.redriven_count += message.is_redriven
                case Status.REDELIVERED:
                    result.redelivered.append(entry)
                case Status.CONFLICT | Status.REFUSED:
                    rejections.append(Rejection(message, _REASONS[status], detail))
                case Status.FAILED:
                    result.failures[message.id] = Failure(message, detail, is_transient=True)
                case Status.UNEXPECTED:
                    bugs.append(_Bug(message, detail))
                case _:
                    assert_never(status)  # without an outcome, SQS would delete the message
        self._dead_letter(rejections, result, deadlines)
        return bugs

    def _process_suspects(self, division: Division, result: BatchResult, deadlines: _Deadlines) -> list[_Bug]:
        """Process crash suspects group by group; return those that the function's own code fails on."""
        bugs: list[_Bug] = []
        must_spread = bool(division.delays_seconds)
        for index, group in enumerate(division.suspect_groups):
            if must_spread and result.has_rows:  # database and code work, so only a suspect can crash the process now
                remaining = [message for later_group in division.suspect_groups[index:] for message in later_group]
                delays = [(message, division.delays_seconds[message.id]) for message in remaining]
                self._spread_suspects(delays, result, deadlines.database)
                must_spread = False
            bugs += self._process_messages(group, result, deadlines)
        return bugs

    def _create_entry(self, message: Message) -> Entry:
        """Return the entry to store for a message.

        Raises:
            InvalidPunchError: the message can never be stored.
            MissingTimestampError: the message lacks its time of receipt.
        """
        punch = self._parse(message.body, self._zone)
        if self.is_sign_in_required:
            _require_signed_in(message.employee_id, punch)
        if source_key := message.source_key:  # two records of a source may have the same key and instant
            try:
                punch = punch._replace(id=derive_source_id(source_key))
            except InvalidSourceKeyError as error:
                raise InvalidPunchError(Reason.INVALID, f"sourceKey: {error}") from None
        if message.origin is None:
            raise MissingTimestampError("SentTimestamp is missing or not a number")
        is_new_copy = message.origin.message_id != message.id and message.receive_count == 1
        return Entry(punch, *message.origin, message.api_key_id, is_new_copy)

    def _spread_suspects(self, delays: Sequence[tuple[Message, int]], result: BatchResult, deadline: float) -> None:
        """Hide suspects for different times, so that they reappear in different batches if one crashes the process."""
        try:
            self._retry_backoff.set_visibility(delays, min(deadline, self._clock() + MAX_SPREAD_SECONDS))
        except Exception as error:  # noqa: BLE001  then they reappear together
            result.warnings.append(_redelivery_warning(error))

    def _handle_bugs(
        self, bugs: Sequence[_Bug], result: BatchResult, deadlines: _Deadlines, *, is_only_message: bool
    ) -> None:
        """Dead-letter messages on which the function's code has failed for GRACE_SECONDS while it stored others.

        A release that fails on every message, or an outage, therefore dead-letters nothing.
        """
        rejections: list[Rejection] = []
        suffix = ""
        try:
            failing_seconds = self._store.record_failures([bug.message.id for bug in bugs], deadlines.database)
        except QueryFailedError as error:
            failing_seconds, suffix = {}, f"; time of the first failure is unknown: {error}"
        for message, location in bugs:
            seconds = failing_seconds.get(message.id, 0)
            # Dead-letter a message only if another was stored: in the same batch or, if the message is the only one of
            # its batch, after its first failure.
            has_stored_another = result.has_rows or (is_only_message and self._clock() - self._last_stored_at < seconds)
            if has_stored_another and seconds >= GRACE_SECONDS:
                rejections.append(Rejection(message, Reason.UNEXPECTED, location))
            else:
                result.failures[message.id] = Failure(message, f"unexpected: {location}{suffix}")
        if rejections:
            self._dead_letter(rejections, result, deadlines)

    def _dead_letter(self, rejections: Sequence[Rejection], result: BatchResult, deadlines: _Deadlines) -> None:
        unsent = self._dead_letters.send(rejections, deadlines.dead_letters)
        for rejection in rejections:
            message = rejection.message
            if message.id in unsent:
                result.failures[message.id] = Failure(message, unsent[message.id])
            else:
                result.dead_lettered.append(rejection)
                result.redriven_count += message.is_redriven


def _require_signed_in(employee_id: str | None, punch: Punch) -> None:
    if employee_id is None:
        raise InvalidPunchError(Reason.IDENTITY, "usuarioId: the message names no signed-in user")
    if employee_id != str(EVENT.subject_id(punch)):
        raise InvalidPunchError(Reason.IDENTITY, "usuarioId: not that of the signed-in user")


def _redelivery_warning(error: Exception) -> str:
    return f"redelivery: {type(error).__name__}: {error}"


def create_drain(settings: DrainSettings, parse: Parse = parse) -> Drain:
    """Return a drain with the given settings. It makes no connection until it is used."""
    return Drain(
        settings.zone,
        Store(settings.database.connection_parameters),
        DeadLetters(settings.dlq_url),
        RetryBackoff(settings.queue_url, settings.retry_delays_seconds),
        is_sign_in_required=settings.is_sign_in_required,
        visibility_timeout_seconds=settings.visibility_timeout_seconds,
        parse=parse,
    )
