"""Parser of punches from the wire, by the declaration in `punch.py`.

API Gateway checks the same rules first, by `punch.schema.json`, which `make docs` writes from here. They are checked
again because messages reach the queue by other ways too (a script, a redrive).
"""

import json
import re
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any

import orjson

from ponto.fields import Field, LoneSurrogateError
from ponto.punch import TIME_COLUMNS, Punch, add_computed_fields, derive_punch_id

FIELDS: dict[str, Field] = {
    column: hint.__metadata__[0] for column, hint in Punch.__annotations__.items() if hasattr(hint, "__metadata__")
}
"""What the body may have, by column, in the order of the columns."""

WIRE_FIELDS = tuple(sorted(FIELDS.values(), key=lambda field: not field.required))
"""The same in the order of the documents and of refusals: first what is required."""


class Reason(StrEnum):
    """Why a message is dead-lettered. The values travel as message attributes: change none."""

    MALFORMED = "malformed"  # not JSON text
    INVALID = "invalid"  # JSON, but not a punch by the schema
    IDENTITY = "identity"  # a punch, but not of the employee who signed in
    CONFLICT = "conflict"  # its id already belongs to a punch of another employee or instant
    REFUSED = "refused"  # PostgreSQL can never store it
    UNEXPECTED = "unexpected"  # the function's own code fails on it, again and again


class InvalidPunchError(ValueError):
    """The body of a message is not a punch, and no retry changes that.

    `detail` names the field and the rule that it breaks: printable ASCII, 1 to 200 characters, so that it can be logged
    and be a message attribute. It quotes no value that was sent, which is personal data, and the name of an unknown
    field only if it is short and plain.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


_READERS = {field.name: (column, field.read) for column, field in FIELDS.items()}
_REQUIRED = [column for column, field in FIELDS.items() if field.required]
_EMPTY_ROW: dict[str, Any] = dict.fromkeys(Punch._fields)


def parse(body: str, zone: tzinfo) -> Punch:
    """Read the body of one message.

    Of a repeated key the last one counts, as in the gateway. A byte order mark before the JSON text is no part of it.

    Args:
        body: the JSON text that the client posted.
        zone: the stage's time zone, in which a time sent without an offset is local.

    Raises:
        InvalidPunchError: MALFORMED when it is not JSON text, INVALID when it breaks a rule of the schema.
    """
    fields = _decode(body)
    row = _EMPTY_ROW.copy()
    try:
        for name, value in fields.items():
            column, read = _READERS[name]
            row[column] = read(value)
    except (KeyError, ValueError):
        _refuse(fields)
        raise
    for column in _REQUIRED:
        if row[column] is None:
            _refuse(fields)

    add_computed_fields(row)
    for column in TIME_COLUMNS:
        time = row[column]
        if time is not None and time.tzinfo is None:
            row[column] = _from_local(time, zone)
    if row["id"] is None:
        row["id"] = derive_punch_id(row)
    return Punch._make(row.values())


def _decode(body: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = _decode_again(body)
    if type(fields) is not dict:
        raise InvalidPunchError(Reason.INVALID, "body: must be an object")
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
        raise InvalidPunchError(Reason.MALFORMED, f"body: not JSON, character {error.pos}") from None
    except RecursionError:
        raise InvalidPunchError(Reason.MALFORMED, "body: nested too deeply") from None
    except ValueError:
        raise InvalidPunchError(Reason.MALFORMED, "body: NaN, Infinity, or thousands of digits") from None


# Another name may be a person's name or number, sent in the place of a field's name.
_can_be_shown = re.compile("[A-Za-z_]{1,32}").fullmatch
_NOT_SHOWN = "whose name is not shown: it is not 1 to 32 ASCII letters and underscores"


def describe_unknown_name(name: str) -> str:
    """Return the end of a message about an unknown name, which is shown only if it is short and plain."""
    return f" '{name}'" if _can_be_shown(name) else f", {_NOT_SHOWN}"


def _refuse(fields: dict[str, Any]) -> None:
    """Raise what is wrong with a body, the same whatever the order of its fields."""
    for name in fields:
        if name not in _READERS:
            raise InvalidPunchError(Reason.INVALID, f"unknown field{describe_unknown_name(name)}") from None
    for field in WIRE_FIELDS:
        if field.required and field.name not in fields:
            raise InvalidPunchError(Reason.INVALID, f"{field.name}: required") from None
    for field in WIRE_FIELDS:
        if field.name in fields:
            try:
                field.read(fields[field.name])
            except LoneSurrogateError:
                raise InvalidPunchError(Reason.MALFORMED, f"{field.name}: half a surrogate pair") from None
            except ValueError:
                raise InvalidPunchError(Reason.INVALID, f"{field.name}: {field.rule}") from None


def _from_local(local: datetime, zone: tzinfo) -> datetime:
    # Of a local time that occurs twice or never, take the later instant (the smaller offset): so does
    # PostgreSQL's AT TIME ZONE, which converts the rows of older tables.
    offset, other = zone.utcoffset(local), zone.utcoffset(local.replace(fold=1))
    if offset is None or other is None:
        raise TypeError("the zone knows no offset from UTC")
    return (local - min(offset, other)).replace(tzinfo=UTC)
