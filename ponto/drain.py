"""A batch of records, from their bodies to what became of each."""

import time
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from ponto.punch import NotAPunch, Reason, parse
from ponto.sqs import PUT_ASIDE_SECONDS, DeadLetters, Record, Rejection, by_risk, receipt, receive_count, signed_in
from ponto.store import Entry, Outcome, Status, Store

PATIENCE = 5
"""Receives after which a record that our own code fails on is put aside, if the database is well."""


class Settled(NamedTuple):
    """What became of some records."""

    entries: list[Entry]  # what was given to PostgreSQL, and
    outcomes: list[Outcome]  # what it did with each
    rejections: list[Rejection]  # what can never be stored
    failures: dict[str, str]  # why, by the message id of each record that has to come back


class Drain:
    """Stores punches, and puts aside what never can be one."""

    def __init__(self, zone: tzinfo, store: Store, dead_letters: DeadLetters, *, identity: bool = False) -> None:
        """Connects to nothing.

        Args:
            zone: the stage's, in which a time sent without an offset is local.
            store: where punches go.
            dead_letters: where the rest goes.
            identity: whether a punch must be of the employee whose sign-in the gateway verified.
        """
        self._zone = zone
        self._store = store
        self._dead_letters = dead_letters
        self._identity = identity

    def settle(self, records: Sequence[Record], end: float) -> Settled:
        """Store what is good, put aside what can never be stored, and tell what has to come back.

        Args:
            records: messages of SQS.
            end: when the function has to have ended, `time.monotonic()` seconds.
        """
        aside = min(PUT_ASIDE_SECONDS, (end - time.monotonic()) / 4)  # a short timeout is shared too
        whole = Settled([], [], [], {})
        for part in by_risk(records):
            entries, outcomes, rejections, failures = self._settle(part, end - aside, end - aside / 2)
            whole.entries.extend(entries)
            whole.outcomes.extend(outcomes)
            whole.rejections.extend(rejections)
            whole.failures.update(failures)
        return whole

    def _settle(self, records: Sequence[Record], deadline: float, letters_deadline: float) -> Settled:
        readable: list[Record] = []
        entries: list[Entry] = []
        rejections: list[Rejection] = []
        failures: dict[str, str] = {}
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
                failures[record["messageId"]] = detail
            elif status is Status.UNEXPECTED:
                unexpected.append((record, detail))
            elif status in (Status.CONFLICT, Status.REFUSED):
                rejections.append(Rejection(record, Reason(status), detail))

        # Receives alone prove nothing: an outage raises them too.
        tried_often = any(receive_count(record) >= PATIENCE for record, _ in unexpected)
        is_well = tried_often and self._store.is_well(deadline)
        for record, detail in unexpected:
            if is_well and receive_count(record) >= PATIENCE:
                rejections.append(Rejection(record, Reason.UNEXPECTED, detail))
            else:
                failures[record["messageId"]] = f"unexpected: {detail}"

        failures |= self._dead_letters.put_aside(rejections, letters_deadline)
        return Settled(entries, outcomes, rejections, failures)

    def _read(self, record: Record) -> Entry:
        punch = parse(record["body"], self._zone)
        if self._identity:
            employee = signed_in(record)
            if employee is None:
                raise NotAPunch(Reason.IDENTITY, "usuarioId: the message names no employee who signed in")
            if employee != str(punch.usuario_id):
                raise NotAPunch(Reason.IDENTITY, "usuarioId: not the employee who signed in")
        return Entry(punch, *receipt(record))

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
