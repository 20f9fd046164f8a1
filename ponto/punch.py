"""What a punch is: the rules of `POST /ponto` and the translation from the wire to the table `batida`.

The rules are those of `punch.schema.json`, which API Gateway checks first. They are checked again here
because messages reach the queue by other ways too (a script, a redrive), and in plain Python because this
runs for every punch. The tests hold the two to each other.
"""

import json
import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, NamedTuple

from ponto.derived_id import derive_id


class Punch(NamedTuple):
    """What an employee did, in the table's terms: field names are the columns of `batida`."""

    id: str  # canonical lower-case UUID
    usuario_id: int
    ponto: datetime  # aware: UTC, or the offset that the device sent
    deslocamento: int | None  # the offset that the device sent, minutes east of UTC; None when it sent none
    dispositivo: str | None
    offline: bool | None
    enviado: datetime | None  # aware
    latitude: float | None  # degrees
    longitude: float | None  # degrees
    precisao: float | None  # metres


class Reason(StrEnum):
    """Why a record is put aside. The values travel as message attributes: change none."""

    MALFORMED = "malformed"  # not JSON text
    INVALID = "invalid"  # JSON, but not a punch by the schema
    IDENTITY = "identity"  # a punch, but not of the employee who signed in
    CONFLICT = "conflict"  # its id already belongs to a punch of another employee or instant
    REFUSED = "refused"  # PostgreSQL can never store it
    UNEXPECTED = "unexpected"  # our own code fails on it, again and again


class NotAPunch(ValueError):
    """A message that no retry can make a punch.

    `reason` says why, `detail` which field breaks which rule: printable ASCII, 1 to 200 characters, never a
    value that was sent (personal data), so that it can be logged and be a message attribute.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


_LARGEST = 2**53 - 1  # JavaScript, in clients and in the gateway's templates, rounds larger ones
_TIMESTAMP_RULE = "must be an ISO 8601 date and time like 2026-10-01T08:00:00-03:00, years 1900 to 2999"

# The fields of the body, each with the rule that a bad one is answered with.
_RULES = {
    "usuarioId": f"must be an integer from 1 to {_LARGEST}",
    "ponto": _TIMESTAMP_RULE,
    "id": "must be a UUID, but not the nil UUID nor of version 8",
    "dispositivo": (
        "must be a string of at most 64 characters without control characters, line breaks or bidirectional controls"
    ),
    "offline": "must be true or false",
    "enviado": _TIMESTAMP_RULE,
    "latitude": "must be a number from -90 to 90",
    "longitude": "must be a number from -180 to 180",
    "precisao": "must be a number from 0 to 20037508",
}

_MINUTE = timedelta(minutes=1)
_NIL_UUID = "00000000-0000-0000-0000-000000000000"

# fullmatch, for Python's `$` lets a trailing newline through; [0-9], for \d knows digits of other scripts.
# Of a timestamp the shape alone: fromisoformat knows which days exist, but reads more forms than these.
_timestamp_shape = re.compile(
    r"(?:19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?"
).fullmatch
_uuid_shape = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch
# U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069 make a name read in another order than it is written.
_device_shape = re.compile(r"[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]{0,64}").fullmatch


def parse(body: str, zone: tzinfo) -> Punch:
    """Read the body of one message.

    Of a repeated key the last one counts, as in the gateway. A byte order mark before the JSON text is no part of it.

    Args:
        body: the JSON text that the client posted.
        zone: the stage's time zone, in which a time sent without an offset is local.

    Raises:
        NotAPunch: MALFORMED when it is not JSON text, INVALID when it breaks a rule of the schema.
    """
    fields = _decode(body)
    for name in fields:
        if name not in _RULES:
            raise NotAPunch(Reason.INVALID, f"unknown field {name[:64]!a}"[:200])
    for name in ("usuarioId", "ponto"):
        if name not in fields:
            raise NotAPunch(Reason.INVALID, f"{name}: required")

    usuario_id = _employee(fields["usuarioId"])
    ponto, deslocamento = _instant("ponto", fields["ponto"], zone)
    return Punch(  # `in`, for null is not the way to leave a field out
        id=_uuid(fields["id"]) if "id" in fields else derive_id(usuario_id, ponto),
        usuario_id=usuario_id,
        ponto=ponto,
        deslocamento=deslocamento,
        dispositivo=_device(fields["dispositivo"]) if "dispositivo" in fields else None,
        offline=_boolean("offline", fields["offline"]) if "offline" in fields else None,
        enviado=_instant("enviado", fields["enviado"], zone)[0] if "enviado" in fields else None,
        latitude=_number("latitude", fields["latitude"], -90, 90) if "latitude" in fields else None,
        longitude=_number("longitude", fields["longitude"], -180, 180) if "longitude" in fields else None,
        precisao=_number("precisao", fields["precisao"], 0, 20037508) if "precisao" in fields else None,
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def _decode(body: str) -> dict[str, Any]:
    # `from None` throughout: a traceback in the log must not quote the body.
    try:
        fields = _decoder.decode(body.removeprefix("\ufeff"))  # the byte order mark that Windows writes before a text
    except json.JSONDecodeError as error:
        raise NotAPunch(Reason.MALFORMED, f"body: not JSON, character {error.pos}") from None
    except RecursionError:
        raise NotAPunch(Reason.MALFORMED, "body: nested too deeply") from None
    except ValueError:
        raise NotAPunch(Reason.MALFORMED, "body: NaN, Infinity, or thousands of digits") from None
    if type(fields) is not dict:
        raise NotAPunch(Reason.INVALID, "body: must be an object")
    return fields


def _employee(value: object) -> int:
    if type(value) is not int or not 1 <= value <= _LARGEST:  # by type, for True is an int too
        raise _invalid("usuarioId")
    return value


def _instant(name: str, value: object, zone: tzinfo) -> tuple[datetime, int | None]:
    """Return the instant, aware, and the offset that was sent with it in minutes east of UTC, if any."""
    if type(value) is not str or not _timestamp_shape(value):
        raise _invalid(name)
    try:
        written = datetime.fromisoformat(value)
    except ValueError:  # 30 February
        raise _invalid(name) from None
    offset = written.utcoffset()
    if offset is None:
        return _from_local(written, zone), None
    return written, offset // _MINUTE


def _from_local(local: datetime, zone: tzinfo) -> datetime:
    # Of a local time that occurs twice or never, take the later instant (the smaller offset): so does
    # PostgreSQL's AT TIME ZONE, which converts the rows of older tables.
    offset, other = zone.utcoffset(local), zone.utcoffset(local.replace(fold=1))
    if offset is None or other is None:
        raise TypeError("the zone knows no offset from UTC")
    return (local - min(offset, other)).replace(tzinfo=UTC)


def _uuid(value: object) -> str:
    # Refuse the nil UUID: a key that was never set would make all punches of a fleet one. And version 8, which derived
    # ids have: or anybody could take beforehand the one that a colleague's next punch will get.
    if type(value) is not str or not _uuid_shape(value) or value == _NIL_UUID or value[14] == "8":
        raise _invalid("id")
    return value.lower()


def _device(value: object) -> str:
    if type(value) is not str or not _device_shape(value):
        raise _invalid("dispositivo")
    try:
        value.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair ("\ud800") is not text: UTF-8 cannot hold it. It is the one thing that the
        # schema lets through and this does not, for regular expression engines differ on surrogates.
        raise NotAPunch(Reason.MALFORMED, "dispositivo: half a surrogate pair") from None
    return value


def _boolean(name: str, value: object) -> bool:
    if type(value) is not bool:
        raise _invalid(name)
    return value


def _number(name: str, value: object, low: int, high: int) -> float:
    if type(value) is bool or not isinstance(value, (int, float)) or not low <= value <= high:
        raise _invalid(name)
    return float(value)


def _invalid(name: str) -> NotAPunch:
    return NotAPunch(Reason.INVALID, f"{name}: {_RULES[name]}")
