"""A batch of records, from their bodies to what became of each."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple, assert_never

from ponto.dead_letters import DEAD_LETTER_SECONDS, DeadLetters, Rejection
from ponto.derived_id import derive_clock_id
from ponto.errors import kind_and_line
from ponto.punch import NotAPunch, Punch, Reason, parse
from ponto.records import (
    NoClockRecord,
    Record,
    api_key_id,
    is_redriven,
    named_clock_record,
    origin,
    receive_count,
    texts,
)
from ponto.redelivery import Redelivery
from ponto.store import Entry, NoAnswer, Status, Store
from ponto.suspects import growing_parts, split_by_crash_risk, spread_delay

GRACE_SECONDS = 1_800
"""For which our own code may fail on a record before it is dead-lettered: time to take a release back."""

SPREAD_SECONDS = 15
"""At most so much of an invocation goes to setting the visibility of suspects, 10 a call."""

_REASONS = {Status.CONFLICT: Reason.CONFLICT, Status.REFUSED: Reason.REFUSED}


class Failure(NamedTuple):
    """A record that has to come back."""

    record: Record
    detail: str  # why
    is_transient: bool = False  # nothing is wrong with it: it may come back soon


@dataclass
class Processed:
    """What became of a batch: each record is one of these."""

    stored: list[Entry] = field(default_factory=list)
    duplicates: list[Entry] = field(default_factory=list)  # already stored by another message, or copy of this one
    redelivered: list[Entry] = field(default_factory=list)  # what this very message brought before
    dead_lettered: list[Rejection] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)  # by message id
    redriven: int = 0  # of those stored, duplicate or dead-lettered: dead letters that were sent back
    warnings: list[str] = field(default_factory=list)  # about what changes nothing of the above

    @property
    def has_rows(self) -> bool:
        """Whether a punch of the batch is a row: the database works, and so does our code."""
        return bool(self.stored or self.duplicates or self.redelivered)


class _Bug(NamedTuple):
    """A record that our own code fails on."""

    record: Record
    location: str  # in the code


class _Deadlines(NamedTuple):
    """`time.monotonic()` seconds past which nothing is begun."""

    database: float
    dead_letters: float


class Drain:
    """Stores punches, and dead-letters what can never be one."""

    def __init__(
        self,
        zone: tzinfo,
        store: Store,
        dead_letters: DeadLetters,
        *,
        identity: bool = False,
        visibility_s: int = 0,
        redelivery: Redelivery | None = None,
    ) -> None:
        """Connects to nothing.

        Args:
            zone: the stage's, in which a time sent without an offset is local.
            store: where punches go.
            dead_letters: where the rest goes.
            identity: whether a punch must be of the employee whose sign-in the gateway verified.
            visibility_s: how long the queue hides a message by itself; 0: not known.
            redelivery: sets the visibility of suspects, if `visibility_s` is known.
        """
        self._zone = zone
        self._store = store
        self._dead_letters = dead_letters
        self._identity = identity
        self._visibility_s = visibility_s
        self._redelivery = redelivery
        self._stored_at = -math.inf  # `time.monotonic()`, of the last batch with a punch that went all the way

    def process(self, records: Sequence[Record], end: float) -> Processed:
        """Store what is good, dead-letter what can never be stored, and say what has to come back.

        The function has to have ended at `end`, in `time.monotonic()` seconds.
        """
        # Time for dead letters, and for a call that changes visibility; half of it where the timeout is short.
        kept = min(DEAD_LETTER_SECONDS, (end - time.monotonic()) / 2)
        deadlines = _Deadlines(end - kept, end - kept / 2)
        processed = Processed()
        bugs: list[_Bug] = []
        trusted, suspects = split_by_crash_risk(records, self._visibility_s)
        if trusted:
            bugs += self._process(trusted, processed, deadlines)
        untried, is_spread = suspects, False
        for part in growing_parts(suspects):
            if processed.has_rows and not is_spread:  # nothing but a suspect can still end this invocation
                self._spread(untried, processed, deadlines.database)
                is_spread = True
            bugs += self._process(part, processed, deadlines)
            untried = untried[len(part) :]
        works = processed.has_rows
        if works:
            self._stored_at = time.monotonic()
        if bugs:
            self._judge(bugs, processed, deadlines, works=works, is_alone=len(records) == 1)
        return processed

    def _process(self, records: Sequence[Record], processed: Processed, deadlines: _Deadlines) -> list[_Bug]:
        """Process a part of a batch, but for the records that our own code fails on, which are returned."""
        read: list[tuple[Record, Entry]] = []
        rejections: list[Rejection] = []
        bugs: list[_Bug] = []
        for record in records:
            try:
                read.append((record, self._read(record)))
            except NotAPunch as error:
                rejections.append(Rejection(record, error.reason, error.detail))
            except Exception as error:  # noqa: BLE001  a bug of ours must not hold up the record's batch-mates
                bugs.append(_Bug(record, kind_and_line(error)))

        # SQS promises no order, and of two punches with one id it is the first that stays.
        read.sort(key=lambda each: each[1].received_ms)
        outcomes = self._store.save([entry for _, entry in read], deadlines.database)
        for (record, entry), (status, detail) in zip(read, outcomes, strict=True):
            match status:
                case Status.STORED:
                    processed.stored.append(entry)
                    processed.redriven += is_redriven(record)
                case Status.DUPLICATE:
                    processed.duplicates.append(entry)
                    processed.redriven += is_redriven(record)
                case Status.REDELIVERED:
                    processed.redelivered.append(entry)
                case Status.CONFLICT | Status.REFUSED:
                    rejections.append(Rejection(record, _REASONS[status], detail))
                case Status.FAILED:
                    processed.failures[record["messageId"]] = Failure(record, detail, is_transient=True)
                case Status.UNEXPECTED:
                    bugs.append(_Bug(record, detail))
                case _:
                    assert_never(status)  # the record would be deleted, whatever became of it
        self._dead_letter(rejections, processed, deadlines)
        return bugs

    def _spread(self, suspects: Sequence[Record], processed: Processed, deadline: float) -> None:
        """Let suspects come back at different times, and so in different batches, if one of them kills the process."""
        if not self._redelivery or not self._visibility_s:
            return
        delays = [(record, spread_delay(record, self._visibility_s)) for record in suspects]
        try:
            self._redelivery.set_visibility(delays, min(deadline, time.monotonic() + SPREAD_SECONDS))
        except Exception as error:  # noqa: BLE001  they come back all the same, together
            processed.warnings.append(f"redelivery: {type(error).__name__}: {error}")

    def _judge(
        self,
        bugs: Sequence[_Bug],
        processed: Processed,
        deadlines: _Deadlines,
        *,
        works: bool,
        is_alone: bool,
    ) -> None:
        """Dead-letter those records that our own code has failed on for long, while it stores others.

        A release that fails on everything dead-letters nothing, however long it lasts; nor does an outage.
        """
        rejections: list[Rejection] = []
        unknown = ""
        try:
            failing = self._store.failing([bug.record["messageId"] for bug in bugs], deadlines.database)
        except NoAnswer as error:
            failing, unknown = {}, f"; since when is not known: {error}"
        for record, location in bugs:
            seconds = failing.get(record["messageId"], 0)
            # Give up on a record only if another was stored: in its batch, or, if it came alone, since it first failed.
            proven = works or (is_alone and time.monotonic() - self._stored_at < seconds)
            if proven and seconds >= GRACE_SECONDS:
                rejections.append(Rejection(record, Reason.UNEXPECTED, location))
            else:
                processed.failures[record["messageId"]] = Failure(record, f"unexpected: {location}{unknown}")
        if rejections:
            self._dead_letter(rejections, processed, deadlines)

    def _dead_letter(self, rejections: Sequence[Rejection], processed: Processed, deadlines: _Deadlines) -> None:
        unsent = self._dead_letters.send(rejections, deadlines.dead_letters)
        for rejection in rejections:
            message_id = rejection.record["messageId"]
            if message_id in unsent:
                processed.failures[message_id] = Failure(rejection.record, unsent[message_id])
            else:
                processed.dead_lettered.append(rejection)
                processed.redriven += is_redriven(rejection.record)

    def _read(self, record: Record) -> Entry:
        """Give the punch of a record, with what the message says of it, or raise NotAPunch."""
        punch = parse(record["body"], self._zone)
        attributes = texts(record)
        if self._identity:
            _require_signed_in(attributes.get("usuarioId"), punch)
        try:
            clocks = named_clock_record(attributes)
        except NoClockRecord:
            detail = "relogio, nsr: the message names no record of a hardware clock"
            raise NotAPunch(Reason.INVALID, detail) from None
        if clocks:  # of whole minutes: one employee may have several in one
            punch = punch._replace(id=derive_clock_id(clocks))
        first = origin(record)
        is_new_copy = first.message_id != record["messageId"] and receive_count(record) == 1
        return Entry(punch, *first, api_key_id(attributes), is_new_copy)


def _require_signed_in(employee: str | None, punch: Punch) -> None:
    if employee is None:
        raise NotAPunch(Reason.IDENTITY, "usuarioId: the message names no employee who signed in")
    if employee != str(punch.employee):
        raise NotAPunch(Reason.IDENTITY, "usuarioId: not the employee who signed in")
