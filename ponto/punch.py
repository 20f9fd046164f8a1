"""What a punch is: its fields, and the translation from the wire to the table `batida`.

API Gateway checks the same rules first, by `punch.schema.json`, which `make docs` writes from here. They are checked
again because messages reach the queue by other ways too (a script, a redrive).
"""

import json
import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import orjson

from ponto.derived_id import derive_id
from ponto.fields import LARGEST, Field, NotText, boolean, integer, name_, number, timestamp, uuid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Punch(NamedTuple):
    """What an employee did: the one declaration of the fields, each with its name on the wire, its rule and its text.

    What has no default comes first. The names here are the columns of `batida`, and `sql/store.sql` takes a row in this
    order.
    """

    id: Annotated[
        str,  # canonical: lower case
        uuid(
            "id",
            "Idempotency key made by the client: a UUIDv7, or any UUID but version 8, nil and max; random ones "
            "(version 4) slow the drain down as the table grows. When absent, it is derived from usuarioId and ponto.",
        ),
    ]
    usuario_id: Annotated[int, integer("usuarioId", 1, LARGEST, "The employee's number.", required=True)]
    ponto: Annotated[
        datetime,  # aware: UTC, or the offset that the device sent
        timestamp(
            "ponto",
            "When the employee punched: ISO 8601 date and time of a day that exists, to the microsecond, years 1900 to "
            "2999. With Z or an offset of up to 14:59; without either it is local time in the stage's time zone.",
            required=True,
        ),
    ]
    deslocamento: int | None = None  # the offset that came with ponto, minutes east of UTC; None: it came with none
    dispositivo: Annotated[
        str | None,
        name_(
            "dispositivo",
            64,
            "The device: at most 64 characters, without control characters, line breaks or bidirectional controls.",
        ),
    ] = None
    offline: Annotated[bool | None, boolean("offline", "Whether the device was offline when the employee punched.")] = (
        None
    )
    enviado: Annotated[
        datetime | None,  # aware
        timestamp("enviado", "The device's clock when it sent this attempt, written like ponto."),
    ] = None
    latitude: Annotated[float | None, number("latitude", -90, 90, "Degrees north of the equator.")] = None
    longitude: Annotated[float | None, number("longitude", -180, 180, "Degrees east of Greenwich.")] = None
    precisao: Annotated[
        float | None,
        number(
            "precisao",
            0,
            20037508,  # half the Earth's circumference: no two points are farther apart
            "Radius in metres within which the position is certain.",
        ),
    ] = None
    sequencia: Annotated[
        int | None,
        integer(
            "sequencia",
            1,
            LARGEST,
            "The device's own running number of the punch: 1, 2, 3, ...",
        ),
    ] = None

    @property
    def employee(self) -> int:
        """Whose punch it is. Where the stage has a user pool, they must have signed in."""
        return self.usuario_id

    @property
    def compared(self) -> dict[str, int]:
        """What is equal in two punches with one id that are the same, by column, as `sql/existing.sql` reads it.

        An instant is in microseconds since the epoch, UTC.
        """
        return {"usuario_id": self.usuario_id, "ponto": (self.ponto - _EPOCH) // _MICROSECOND}


FIELDS: dict[str, Field] = {
    column: hint.__metadata__[0] for column, hint in Punch.__annotations__.items() if hasattr(hint, "__metadata__")
}
"""What the body may have, by column, in the order of the columns."""

WIRE = tuple(sorted(FIELDS.values(), key=lambda field: not field.required))
"""The same in the order of the documents and of refusals: first what is required."""


class Reason(StrEnum):
    """Why a record is dead-lettered. The values travel as message attributes: change none."""

    MALFORMED = "malformed"  # not JSON text
    INVALID = "invalid"  # JSON, but not a punch by the schema
    IDENTITY = "identity"  # a punch, but not of the employee who signed in
    CONFLICT = "conflict"  # its id already belongs to a punch of another employee or instant
    REFUSED = "refused"  # PostgreSQL can never store it
    UNEXPECTED = "unexpected"  # our own code fails on it, again and again


class NotAPunch(ValueError):
    """A message that no retry can make a punch.

    `reason` says why, `detail` which field breaks which rule: printable ASCII, 1 to 200 characters, never a
    value that was sent (personal data), so that it can be logged and be a message attribute. Of an unknown field's name
    it has as much as a misspelt one needs.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


_READERS = {field.name: (Punch._fields.index(column), field.read) for column, field in FIELDS.items()}
_REQUIRED = [Punch._fields.index(column) for column, field in FIELDS.items() if field.required]
_ID, _EMPLOYEE, _INSTANT, _OFFSET, _SENT = map(
    Punch._fields.index, ("id", "usuario_id", "ponto", "deslocamento", "enviado")
)


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
    row: list[Any] = [None] * len(Punch._fields)
    try:
        for name, value in fields.items():
            index, read = _READERS[name]
            row[index] = read(value)
    except (KeyError, ValueError):
        _refuse(fields)
        raise
    for index in _REQUIRED:
        if row[index] is None:
            _refuse(fields)

    offset = row[_INSTANT].utcoffset()
    if offset is None:
        row[_INSTANT] = _from_local(row[_INSTANT], zone)
    else:
        row[_OFFSET] = (86_400 * offset.days + offset.seconds) // 60
    if row[_SENT] is not None and row[_SENT].tzinfo is None:
        row[_SENT] = _from_local(row[_SENT], zone)
    if row[_ID] is None:
        row[_ID] = derive_id(row[_EMPLOYEE], row[_INSTANT])
    return Punch._make(row)


def _decode(body: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = _decode_again(body)
    if type(fields) is not dict:
        raise NotAPunch(Reason.INVALID, "body: must be an object")
    return fields


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def _decode_again(body: str) -> Any:
    """Read what orjson does not: it may be JSON all the same, for example with a number beyond a double."""
    # `from None` throughout: a traceback in the log must not quote the body.
    try:
        return _decoder.decode(body.removeprefix("\ufeff"))  # the byte order mark that Windows writes before a text
    except json.JSONDecodeError as error:
        raise NotAPunch(Reason.MALFORMED, f"body: not JSON, character {error.pos}") from None
    except RecursionError:
        raise NotAPunch(Reason.MALFORMED, "body: nested too deeply") from None
    except ValueError:
        raise NotAPunch(Reason.MALFORMED, "body: NaN, Infinity, or thousands of digits") from None


# Anything else may be somebody's name or number, in the place of a field's name.
_can_be_shown = re.compile("[A-Za-z_]{1,32}").fullmatch
_NOT_SHOWN = "whose name is not shown: it is not 1 to 32 ASCII letters and underscores"


def named(name: str) -> str:
    """Complete a sentence about an unknown name, which is shown where it can hold nothing but a misspelt one."""
    return f" '{name}'" if _can_be_shown(name) else f", {_NOT_SHOWN}"


def _refuse(fields: dict[str, Any]) -> None:
    """Raise what is wrong with a body, the same whatever the order of its fields."""
    for name in fields:
        if name not in _READERS:
            raise NotAPunch(Reason.INVALID, f"unknown field{named(name)}") from None
    for field in WIRE:
        if field.required and field.name not in fields:
            raise NotAPunch(Reason.INVALID, f"{field.name}: required") from None
    for field in WIRE:
        if field.name in fields:
            try:
                field.read(fields[field.name])
            except NotText:
                raise NotAPunch(Reason.MALFORMED, f"{field.name}: half a surrogate pair") from None
            except ValueError:
                raise NotAPunch(Reason.INVALID, f"{field.name}: {field.rule}") from None


def _from_local(local: datetime, zone: tzinfo) -> datetime:
    # Of a local time that occurs twice or never, take the later instant (the smaller offset): so does
    # PostgreSQL's AT TIME ZONE, which converts the rows of older tables.
    offset, other = zone.utcoffset(local), zone.utcoffset(local.replace(fold=1))
    if offset is None or other is None:
        raise TypeError("the zone knows no offset from UTC")
    return (local - min(offset, other)).replace(tzinfo=UTC)
