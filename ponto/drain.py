"""A batch of records, from their bodies to what became of each."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from ponto.bisection import in_halves
from ponto.dead_letters import DEAD_LETTER_SECONDS, DeadLetters, Rejection
from ponto.derived_id import derive_clock_id
from ponto.punch import NotAPunch, Reason, parse
from ponto.records import NoClockRecord, Record, api_key_id, clock_record, is_redriven, origin, receive_count, signed_in
from ponto.store import Entry, NoAnswer, Outcome, Status, Store
from ponto.suspects import by_risk

GRACE_SECONDS = 1_800
"""For which our own code may fail on a record before it is dead-lettered: time to take a release back."""


class Failure(NamedTuple):
    """A record that has to come back."""

    record: Record
    detail: str  # why
    is_transient: bool = False  # nothing is wrong with it: it may come back soon


@dataclass
class Processed:
    """What became of a batch: each record is one of these."""

    stored: list[Entry] = field(default_factory=list)
    duplicates: list[Entry] = field(default_factory=list)  # of rows that other messages, or copies of this one, brought
    redelivered: list[Entry] = field(default_factory=list)  # what this very message brought before
    dead_lettered: list[Rejection] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)  # by message id
    redriven: int = 0  # of those stored, duplicate or dead-lettered: dead letters that were sent back


class _Bug(NamedTuple):
    """A record that our own code fails on."""

    record: Record
    place: str  # in the code


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
        visibility_s: float = 0,
    ) -> None:
        """Connects to nothing.

        Args:
            zone: the stage's, in which a time sent without an offset is local.
            store: where punches go.
            dead_letters: where the rest goes.
            identity: whether a punch must be of the employee whose sign-in the gateway verified.
            visibility_s: how long the queue hides a message by itself.
        """
        self._zone = zone
        self._store = store
        self._dead_letters = dead_letters
        self._identity = identity
        self._visibility_s = visibility_s
        self._stored_at = -math.inf  # `time.monotonic()`, of the last batch with a punch that went all the way

    def process(self, records: Sequence[Record], end: float) -> Processed:
        """Store what is good, dead-letter what can never be stored, and say what has to come back.

        Args:
            records: messages of SQS.
            end: when the function has to have ended, `time.monotonic()` seconds.
        """
        # Half of a short timeout. It is also what is left for a call that lets what failed come back soon.
        kept = min(DEAD_LETTER_SECONDS, (end - time.monotonic()) / 2)
        deadlines = _Deadlines(end - kept, end - kept / 2)
        processed = Processed()
        bugs: list[_Bug] = []
        for part in by_risk(records, self._visibility_s):
            bugs += self._process(part, processed, deadlines)
        works = bool(processed.stored or processed.duplicates or processed.redelivered)
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
                bugs.append(_Bug(record, _where(error)))

        # SQS promises no order, and of two punches with one id it is the first that stays.
        read.sort(key=lambda each: each[1].received_ms)
        outcomes = self._save([entry for _, entry in read], deadlines.database)
        for (record, entry), (status, detail) in zip(read, outcomes, strict=True):
            if status is Status.STORED:
                processed.stored.append(entry)
                processed.redriven += is_redriven(record)
            elif status is Status.DUPLICATE or (status is Status.REDELIVERED and _is_new_copy(record, entry)):
                processed.duplicates.append(entry)
                processed.redriven += is_redriven(record)
            elif status is Status.REDELIVERED:
                processed.redelivered.append(entry)
            elif status is Status.FAILED:
                processed.failures[record["messageId"]] = Failure(record, detail, is_transient=True)
            elif status is Status.UNEXPECTED:
                bugs.append(_Bug(record, detail))
            else:
                rejections.append(Rejection(record, Reason(status), detail))
        self._dead_letter(rejections, processed, deadlines)
        return bugs

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
        for record, place in bugs:
            seconds = failing.get(record["messageId"], 0)
            # That the rest works is proven by the others of the batch; to a record alone, by a punch stored since its
            # first failure.
            proven = works or (is_alone and time.monotonic() - self._stored_at < seconds)
            if proven and seconds >= GRACE_SECONDS:
                rejections.append(Rejection(record, Reason.UNEXPECTED, place))
            else:
                processed.failures[record["messageId"]] = Failure(record, f"unexpected: {place}{unknown}")
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
        punch = parse(record["body"], self._zone)
        if self._identity:
            employee = signed_in(record)
            if employee is None:
                raise NotAPunch(Reason.IDENTITY, "usuarioId: the message names no employee who signed in")
            if employee != str(punch.employee):
                raise NotAPunch(Reason.IDENTITY, "usuarioId: not the employee who signed in")
        try:
            clocks = clock_record(record)
        except NoClockRecord:
            detail = "relogio, nsr: the message names no record of a hardware clock"
            raise NotAPunch(Reason.INVALID, detail) from None
        if clocks:  # of whole minutes: one employee may have several in one
            punch = punch._replace(id=derive_clock_id(clocks))
        return Entry(punch, *origin(record), api_key_id(record))

    def _save(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        return in_halves(
            entries,
            lambda part: self._store.save(part, deadline),
            Exception,  # a bug of ours: find the entry that it fails on, store the others
            lambda error: Outcome(Status.UNEXPECTED, _where(error)),
        )


def _is_new_copy(record: Record, entry: Entry) -> bool:
    """Tell whether a message was sent back and comes for the first time: SQS counted it as sent, so it has an end."""
    return entry.message_id != record["messageId"] and receive_count(record) == 1


def _where(error: Exception) -> str:
    # Not its message, which may quote the punch.
    place = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
