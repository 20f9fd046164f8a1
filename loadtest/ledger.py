"""Ledger of accepted messages: which became rows, which dead letters, and which are lost."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ponto.drain.parser import Reason
from ponto.shared.event import Subject


class PunchKey(NamedTuple):
    """Identity of a punch, which its row must share."""

    id: str  # canonical lower-case UUID
    employee_id: Subject
    instant: datetime | None  # aware; None in all messages and rows if unknown to the sender


class SentMessage(NamedTuple):
    """Accepted message."""

    punch: PunchKey | None  # None: the message is malformed
    body: str = ""  # empty in all messages and dead letters if unknown to the sender


class StoredPunch(NamedTuple):
    """Row of a punch."""

    punch: PunchKey
    key: str  # see `build_ledger`
    stored_at: datetime | None = None  # by the clock of the database; None: not read


class DeadLetteredMessage(NamedTuple):
    """Dead letter."""

    key: str  # see `build_ledger`
    reason: str
    body: str = ""


class RowRelation(StrEnum):
    """Relation of an accepted message to the row with its punch's id."""

    STORED = "stored"  # the row was stored from this message
    DUPLICATE = "duplicates"  # the row has the same punch, stored from another message
    CONFLICT = "conflict"  # the row has another punch


class Ledger(NamedTuple):
    """Ends of all accepted messages: each is counted in one of the first three fields, or is lost."""

    stored: int  # messages from which a row was stored
    duplicates: int  # messages whose punch was stored from another message
    dead_letters: dict[str, int]  # messages without a row, by reason
    lost: list[str]  # keys of messages without a row or dead letter
    stored_twice: list[str]  # punches, described by employee, and keys with more than one row
    misplaced: list[str]  # keys of dead letters that should be rows, are also rows, or have another body

    @property
    def is_complete(self) -> bool:
        """True if no message is lost, and no punch has two rows."""
        return not (self.lost or self.stored_twice)

    @property
    def is_clean(self) -> bool:
        """True if the ledger is complete, and no dead letter is misplaced."""
        return self.is_complete and not self.misplaced


def compare_row(key: str, punch: PunchKey | None, row: StoredPunch) -> RowRelation:
    """Return the relation of an accepted punch to the row with its id."""
    if row.punch != punch:
        return RowRelation.CONFLICT
    return RowRelation.STORED if row.key == key else RowRelation.DUPLICATE


def build_ledger(
    accepted: Mapping[str, SentMessage], rows: Iterable[StoredPunch], dead_letters: Iterable[DeadLetteredMessage]
) -> Ledger:
    """Compare accepted messages with the rows and dead letters of a run.

    Args:
        accepted: messages by key. The key is the id of the message, or the id of the punch if the sender does not know
            the message's; rows and dead letters have the same kind of key.
        rows: all rows that the run may have stored, including those of messages whose answer was lost.
        dead_letters: dead letters of the run. A message may have several, because an interrupted batch is repeated.
    """
    rows = list(rows)
    rows_by_id = {row.punch.id: row for row in rows}
    dead_letters_by_key = {letter.key: letter for letter in dead_letters}
    ends: Counter[RowRelation | None] = Counter()
    reasons: Counter[str] = Counter()
    lost: list[str] = []
    misplaced: list[str] = []
    for key, sent in accepted.items():
        row = rows_by_id.get(sent.punch.id) if sent.punch else None
        end = compare_row(key, sent.punch, row) if row else None
        is_row = end in (RowRelation.STORED, RowRelation.DUPLICATE)
        dead_letter = dead_letters_by_key.get(key)
        if is_row:
            ends[end] += 1
        elif dead_letter:
            reasons[dead_letter.reason] += 1
        else:
            lost.append(key)
        if dead_letter:
            # A punch may be dead-lettered only because of a conflict.
            is_allowed = sent.punch is None or (end is RowRelation.CONFLICT and dead_letter.reason == Reason.CONFLICT)
            if not is_allowed or dead_letter.body != sent.body:
                misplaced.append(key)

    punches = Counter((row.punch.employee_id, row.punch.instant) for row in rows if row.punch.instant)
    keys = Counter(row.key for row in rows)
    stored_twice = [
        f"employee {employee_id} at {instant}" for (employee_id, instant), count in punches.items() if count > 1
    ]
    stored_twice += [key for key, count in keys.items() if count > 1]
    return Ledger(
        ends[RowRelation.STORED],
        ends[RowRelation.DUPLICATE],
        dict(sorted(reasons.items())),
        lost,
        stored_twice,
        misplaced,
    )
