"""The proof of `make chaos`: what became of each message that was accepted, message by message."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ponto.punch import Reason


class PunchKey(NamedTuple):
    """What tells one punch from another, and a row has to hold."""

    id: str  # canonical lower-case UUID
    usuario_id: int
    ponto: datetime  # aware


class Message(NamedTuple):
    """What was sent."""

    body: str
    punch: PunchKey | None  # None: no punch can be made of it


class Row(NamedTuple):
    """What was stored."""

    punch: PunchKey
    message_id: str


class DeadLetter(NamedTuple):
    """What is in the dead-letter queue."""

    message_id: str  # of the message as it was accepted
    reason: str
    body: str


class Ledger(NamedTuple):
    """The ends of all accepted messages. Exactly one each, or the message is in one of the last three."""

    stored: int  # a row carries their id
    duplicates: int  # the same punch stands already
    dead_letters: dict[str, int]  # by reason
    lost: list[str]  # message ids: neither a row nor a dead letter
    stored_twice: list[str]  # what has more than one row
    misplaced: list[str]  # message ids: dead-lettered though it could be stored, or with another body; or both ends

    @property
    def is_clean(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.stored_twice or self.misplaced)


def judge(accepted: Mapping[str, Message], rows: Iterable[Row], dead_letters: Iterable[DeadLetter]) -> Ledger:
    """Find the end of each accepted message.

    Args:
        accepted: by message id.
        rows: all that the run may have stored.
        dead_letters: of the run; a message may have several, for a batch that broke off is dead-lettered again.
    """
    rows = list(rows)
    standing = {row.punch.id: row for row in rows}
    by_message = {dead_letter.message_id: dead_letter for dead_letter in dead_letters}
    stored = duplicates = 0
    reasons: Counter[str] = Counter()
    lost: list[str] = []
    misplaced: list[str] = []
    for message_id, message in accepted.items():
        row = standing.get(message.punch.id) if message.punch else None
        dead_letter = by_message.get(message_id)
        is_there = row is not None and row.punch == message.punch
        if dead_letter:
            reasons[dead_letter.reason] += 1
            # Of what is a punch, only a conflict is dead-lettered: another punch stands under its id.
            may_be = message.punch is None or (
                dead_letter.reason == Reason.CONFLICT and row is not None and not is_there
            )
            if not may_be or dead_letter.body != message.body:
                misplaced.append(message_id)
        elif row is None or not is_there:
            lost.append(message_id)
        elif row.message_id == message_id:
            stored += 1
        else:
            duplicates += 1

    kept = Counter((row.punch.usuario_id, row.punch.ponto) for row in rows)
    brought = Counter(row.message_id for row in rows)
    twice = [f"employee {employee} at {instant}" for (employee, instant), count in kept.items() if count > 1]
    twice += [f"message {message_id}" for message_id, count in brought.items() if count > 1]
    return Ledger(stored, duplicates, dict(sorted(reasons.items())), lost, twice, misplaced)
