"""Messages that `make chaos` sends: punches, duplicates, conflicts, and bodies that the gateway would refuse."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from loadtest.ledger import PunchKey, SentMessage
from ponto.parser import Reason, parse
from ponto.punch import EVENT
from tools.kit import event

# Shares of the messages; the rest are new punches.
_DUPLICATE_PROBABILITY, _CONFLICT_PROBABILITY, _INVALID_PROBABILITY = 0.08, 0.03, 0.01
_RECENT_MESSAGE_COUNT = 200  # messages that may be duplicated: recent ones, so that both are in the queue

_FIRST_INSTANT = datetime(2026, 10, 1, 11, tzinfo=UTC)
_SAO_PAULO = timezone(timedelta(hours=-3))


def _body(**fields: Any) -> str:
    return json.dumps(event.body(1, "2026-10-01T08:00:00Z") | fields)


def _body_without(name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(_body()).items() if key != name})


_NAMES = [field.name for field in EVENT.fields.values() if field.kind.name == "display_text"]
_SUBJECT_FIELD, _INSTANT_FIELD = EVENT.fields[EVENT.subject].name, EVENT.fields[EVENT.instant].name


INVALID_BODIES = {
    "not JSON": (Reason.MALFORMED, "hello"),
    "NaN": (Reason.MALFORMED, _body(id=0).replace(": 0}", ": NaN}")),
    "too deep": (Reason.MALFORMED, "[" * 30_000 + "]" * 30_000),
    "thousands of digits": (Reason.MALFORMED, '{"id": ' + "9" * 60_000 + "}"),
    **{f"lone surrogate in {name}": (Reason.MALFORMED, _body(**{name: "\ud800"})) for name in _NAMES},
    "no object": (Reason.INVALID, "[]"),
    "nothing": (Reason.INVALID, "{}"),
    **{f"no {name}": (Reason.INVALID, _body_without(name)) for name in (_SUBJECT_FIELD, _INSTANT_FIELD)},
    "unknown field": (Reason.INVALID, _body(usuarioID=1)),
    "64 KiB": (Reason.INVALID, _body(id="x" * (65_536 - len(_body(id=""))))),
    **{f"NUL in {name}": (Reason.INVALID, _body(**{name: "a\0b"})) for name in _NAMES},
    "10^400": (Reason.INVALID, _body(**{_SUBJECT_FIELD: 10**400})),
    **{
        f"1e400 in {field.name}": (Reason.INVALID, _body(**{field.name: "1e400"}).replace('"1e400"', "1e400"))
        for field in EVENT.fields.values()
    },
    "impossible date": (Reason.INVALID, _body(**{_INSTANT_FIELD: "2026-02-30T08:00:00Z"})),
    "leap second": (Reason.INVALID, _body(**{_INSTANT_FIELD: "2016-12-31T23:59:60Z"})),
    "year 10000": (Reason.INVALID, _body(**{_INSTANT_FIELD: "10000-01-01T00:00:00Z"})),
    **{detail: (Reason.INVALID, json.dumps(body)) for body, detail in event.INVALID},
}
"""Bodies that the gateway would refuse, by name, each with the reason of its dead letter."""


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
