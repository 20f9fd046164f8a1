"""A batch of records, from their bodies to what became of each."""

import math
import time
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from ponto.punch import NotAPunch, Reason, parse
from ponto.sqs import PUT_ASIDE_SECONDS, DeadLetters, Record, Rejection, api_key_id, by_risk, receipt, signed_in
from ponto.store import Entry, NoAnswer, Outcome, Status, Store

PATIENCE = 1_800
"""Seconds for which our own code may fail on a record before it is dead-lettered: time to take a release back."""


class Settled(NamedTuple):
    """What became of some records."""

    entries: list[Entry]  # what was given to PostgreSQL, and
    outcomes: list[Outcome]  # what it did with each
    rejections: list[Rejection]  # what can never be stored
    failures: dict[str, str]  # why, by the message id of each record that has to come back
    transient: set[str]  # the message ids of those that failed because of the database


class Drain:
    """Stores punches, and puts aside what never can be one."""

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

    def settle(self, records: Sequence[Record], end: float) -> Settled:
        """Store what is good, put aside what can never be stored, and tell what has to come back.

        Args:
            records: messages of SQS.
            end: when the function has to have ended, `time.monotonic()` seconds.
        """
        # Half of a short timeout. It is also what is left for a call that lets what failed come back soon.
        aside = min(PUT_ASIDE_SECONDS, (end - time.monotonic()) / 2)
        deadline, letters_deadline = end - aside, end - aside / 2
        whole = Settled([], [], [], {}, set())
        unexpected: list[tuple[Record, str]] = []
        for part in by_risk(records, self._visibility_s):
            unexpected += self._settle(part, whole, deadline, letters_deadline)
        works = any(status in (Status.STORED, Status.DUPLICATE) for status, _ in whole.outcomes)
        if works:
            self._stored_at = time.monotonic()
        if unexpected:
            rejections = self._judge(unexpected, whole, deadline, works=works, is_alone=len(records) == 1)
            if rejections:
                self._dead_letter(rejections, whole, letters_deadline)
        return whole

    def _settle(
        self, records: Sequence[Record], whole: Settled, deadline: float, letters_deadline: float
    ) -> list[tuple[Record, str]]:
        """Settle a part of a batch, but for those that our own code fails on: return them, and where."""
        readable: list[Record] = []
        entries: list[Entry] = []
        rejections: list[Rejection] = []
        unexpected: list[tuple[Record, str]] = []

        for record in records:
            try:
                entry = self._read(record)
            except NotAPunch as error:
                rejections.append(Rejection(record, error.reason, error.detail))
            except Exception as error:  # noqa: BLE001  a bug of ours must not hold up the record's batch-mates
                unexpected.append((record, _where(error)))
            else:
                readable.append(record)
                entries.append(entry)

        outcomes = self._save(entries, deadline)
        for record, (status, detail) in zip(readable, outcomes, strict=True):
            if status is Status.FAILED:
                whole.failures[record["messageId"]] = detail
                whole.transient.add(record["messageId"])
            elif status is Status.UNEXPECTED:
                unexpected.append((record, detail))
            elif status in (Status.CONFLICT, Status.REFUSED):
                rejections.append(Rejection(record, Reason(status), detail))

        whole.entries.extend(entries)
        whole.outcomes.extend(outcomes)
        self._dead_letter(rejections, whole, letters_deadline)
        return unexpected

    def _judge(
        self,
        unexpected: Sequence[tuple[Record, str]],
        whole: Settled,
        deadline: float,
        *,
        works: bool,
        is_alone: bool,
    ) -> list[Rejection]:
        """Return those to be dead-lettered of the records that our own code fails on.

        They are those that it has failed on for long, while it stores others. A release that fails on everything
        dead-letters nothing, however long it lasts; nor does an outage.
        """
        rejections: list[Rejection] = []
        unknown = ""
        try:
            failing = self._store.failing([record["messageId"] for record, _ in unexpected], deadline)
        except NoAnswer as error:
            failing, unknown = {}, f"; since when is not known: {error}"
        for record, detail in unexpected:
            seconds = failing.get(record["messageId"], 0)
            # Whoever comes alone has no batch-mate that proves it; a punch stored since its first failure does.
            proven = works or (is_alone and time.monotonic() - self._stored_at < seconds)
            if proven and seconds >= PATIENCE:
                rejections.append(Rejection(record, Reason.UNEXPECTED, detail))
            else:
                whole.failures[record["messageId"]] = f"unexpected: {detail}{unknown}"
        return rejections

    def _dead_letter(self, rejections: list[Rejection], whole: Settled, deadline: float) -> None:
        whole.rejections.extend(rejections)
        whole.failures.update(self._dead_letters.put_aside(rejections, deadline))

    def _read(self, record: Record) -> Entry:
        punch = parse(record["body"], self._zone)
        if self._identity:
            employee = signed_in(record)
            if employee is None:
                raise NotAPunch(Reason.IDENTITY, "usuarioId: the message names no employee who signed in")
            if employee != str(punch.usuario_id):
                raise NotAPunch(Reason.IDENTITY, "usuarioId: not the employee who signed in")
        return Entry(punch, *receipt(record), api_key_id(record))

    def _save(self, entries: list[Entry], deadline: float) -> list[Outcome]:
        try:
            return self._store.save(entries, deadline)
        except Exception as error:  # noqa: BLE001  a bug of ours: find the entry that it fails on, store the others
            if len(entries) == 1:
                return [Outcome(Status.UNEXPECTED, _where(error))]
        half = len(entries) // 2
        return self._save(entries[:half], deadline) + self._save(entries[half:], deadline)


def _where(error: Exception) -> str:
    # Not its message, which may quote the punch.
    place = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
