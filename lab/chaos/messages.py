"""Messages that `make chaos` sends: punches, duplicates, conflicts, and bodies that the gateway would refuse."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from random import Random

from loadtest.ledger import PunchKey, SentMessage
from ponto.drain.parser import parse
from tools.kit import event
from tools.kit.invalid_bodies import INVALID_BODIES

# Shares of the messages; the rest are new punches.
_DUPLICATE_PROBABILITY, _CONFLICT_PROBABILITY, _INVALID_PROBABILITY = 0.08, 0.03, 0.01
_RECENT_MESSAGE_COUNT = 200  # messages that may be duplicated: recent ones, so that both are in the queue

_FIRST_INSTANT = datetime(2026, 10, 1, 11, tzinfo=UTC)
_SAO_PAULO = timezone(timedelta(hours=-3))


def make_messages(rng: Random, punches: int, first_employee: int) -> list[SentMessage]:
    """Return random messages.

    Args:
        rng: draws the messages.
        punches: number of messages.
        first_employee: employee of the first message; each further message has the next number.
    """
    messages: list[SentMessage] = []
    for number in range(punches):
        employee_id, draw = first_employee + number, rng.random()
        recent = [message for message in messages[-_RECENT_MESSAGE_COUNT:] if message.punch]
        sent_ids = [message.punch.id for message in recent if message.punch and '"id"' in message.body]
        if recent and draw < _DUPLICATE_PROBABILITY:
            messages.append(rng.choice(recent))
        elif sent_ids and draw < _DUPLICATE_PROBABILITY + _CONFLICT_PROBABILITY:
            messages.append(_punch(rng, employee_id, rng.choice(sent_ids)))
        elif draw < _DUPLICATE_PROBABILITY + _CONFLICT_PROBABILITY + _INVALID_PROBABILITY:
            _, body = rng.choice(list(INVALID_BODIES.values()))
            messages.append(SentMessage(None, body))
        else:
            messages.append(_punch(rng, employee_id, str(uuid.uuid4()) if rng.random() < 0.75 else None))
    return messages


def _punch(rng: Random, employee_id: int, punch_id: str | None) -> SentMessage:
    instant = _FIRST_INSTANT + timedelta(milliseconds=rng.randrange(8 * 3_600_000))
    timestamp = instant.astimezone(rng.choice([UTC, _SAO_PAULO])).isoformat()
    fields = event.body(employee_id, timestamp)
    if punch_id is not None:
        fields["id"] = rng.choice([punch_id, punch_id.upper()])
    if rng.random() < 0.5:
        fields |= event.OPTIONAL_FIELDS
    text = json.dumps(fields)
    return SentMessage(PunchKey(parse(text, UTC).id, employee_id, instant), text)
