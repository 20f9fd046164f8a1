"""The one proof: what became of each accepted message, by the rows and the dead letters that are there in the end."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ponto.parser import Reason


class PunchKey(NamedTuple):
    """What tells one punch from another, and a row has to hold."""

    id: str  # canonical lower-case UUID
    employee_id: int  # whose it is
    instant: datetime | None  # aware; None where nobody knows it, of what was sent and of the rows


class SentMessage(NamedTuple):
    """What was accepted."""

    punch: PunchKey | None  # None: no punch can be made of it
    body: str = ""  # empty where nobody knows it, of what was sent and of the dead letters


class StoredPunch(NamedTuple):
    """What was stored."""

    punch: PunchKey
    key: str
    stored_at: datetime | None = None  # by the database's clock; None where nobody asked


class DeadLetteredMessage(NamedTuple):
    """What is in the dead-letter queue."""

    key: str
    reason: str
    body: str = ""


class RowRelation(StrEnum):
    """What the row under a punch's id is to an accepted message."""

    STORED = "stored"  # its own
    DUPLICATE = "duplicates"  # of the same punch, which another message brought
    CONFLICT = "conflict"  # of another punch


class Ledger(NamedTuple):
    """The ends of all that was accepted: each is counted once in the first three, or is lost."""

    stored: int  # a row carries their key
    duplicates: int  # the same punch stands already
    dead_letters: dict[str, int]  # by reason, of what is no row
    lost: list[str]  # keys: neither a row nor a dead letter
    stored_twice: list[str]  # punches, by employee, and keys that have more than one row
    misplaced: list[str]  # keys: dead-lettered though it could be stored, or with another body; or both ends

    @property
    def is_complete(self) -> bool:
        """Whether everything has its end, and no punch two rows."""
        return not (self.lost or self.stored_twice)

    @property
    def is_clean(self) -> bool:
        """Whether besides nothing is a dead letter that should be none."""
        return self.is_complete and not self.misplaced


def compare_row(key: str, punch: PunchKey | None, row: StoredPunch) -> RowRelation:
    """Tell what the row under an accepted punch's id is to it."""
    if row.punch != punch:
        return RowRelation.CONFLICT
    return RowRelation.STORED if row.key == key else RowRelation.DUPLICATE


def build_ledger(
    accepted: Mapping[str, SentMessage], rows: Iterable[StoredPunch], dead_letters: Iterable[DeadLetteredMessage]
) -> Ledger:
    """Find the end of everything that was accepted.

    Args:
        accepted: by key: the message's id where it is known, else the punch's; the same in rows and dead letters.
        rows: all that the run may have stored, also of what nobody knows to be accepted, for its answer was lost.
            Where nobody knows the instants, each employee has one punch.
        dead_letters: of the run; a message may have several, for a batch that broke off is dead-lettered again.
    """
    rows = list(rows)
    standing = {row.punch.id: row for row in rows}
    dead = {each.key: each for each in dead_letters}
    ends: Counter[RowRelation | None] = Counter()
    reasons: Counter[str] = Counter()
    lost: list[str] = []
    misplaced: list[str] = []
    for key, sent in accepted.items():
        row = standing.get(sent.punch.id) if sent.punch else None
        end = compare_row(key, sent.punch, row) if row else None
        is_row = end in (RowRelation.STORED, RowRelation.DUPLICATE)
        dead_letter = dead.get(key)
        if is_row:
            ends[end] += 1
        elif dead_letter:
            reasons[dead_letter.reason] += 1
        else:
            lost.append(key)
        if dead_letter:
            # Of what is a punch, only a conflict is dead-lettered.
            may_be = sent.punch is None or (end is RowRelation.CONFLICT and dead_letter.reason == Reason.CONFLICT)
            if not may_be or dead_letter.body != sent.body:
                misplaced.append(key)

    punches = Counter((row.punch.employee_id, row.punch.instant) for row in rows)
    keys = Counter(row.key for row in rows)
    twice = [
        f"employee {employee}" + (f" at {instant}" if instant else "")
        for (employee, instant), count in punches.items()
        if count > 1
    ]
    twice += [key for key, count in keys.items() if count > 1]
    return Ledger(
        ends[RowRelation.STORED], ends[RowRelation.DUPLICATE], dict(sorted(reasons.items())), lost, twice, misplaced
    )
