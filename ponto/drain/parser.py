"""Parser of the JSON bodies of punches, according to the declaration in `punch.py`.

API Gateway validates bodies first, with `punch.schema.json`, which `make docs` generates from the declaration. The
parser validates them again because a script or a redrive can also put messages on the queue.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any

import orjson

from ponto.punch import EVENT, Punch
from ponto.shared.event import Event
from ponto.shared.fields import LoneSurrogateError


class Reason(StrEnum):
    """Reason why a message is dead-lettered. The values are sent as message attributes, so never change them."""

    MALFORMED = "malformed"  # not JSON text
    INVALID = "invalid"  # JSON, but not a punch according to the schema
    IDENTITY = "identity"  # a punch of an employee other than the signed-in user
    CONFLICT = "conflict"  # its id already belongs to a punch with other content
    REFUSED = "refused"  # PostgreSQL can never store it
    UNEXPECTED = "unexpected"  # the function's own code repeatedly fails on it


class InvalidPunchError(ValueError):
    """A message can never be stored, so no retry helps.

    `detail` names the field and the rule that it breaks. It is printable ASCII of 1 to 200 characters, so that it can
    be logged and sent as a message attribute. It never quotes values, which are personal data, and quotes an unknown
    field's name only if the name is safe to log.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def create_parser(event: Event) -> Callable[[str, tzinfo], Any]:
    """Return the function that parses a body of an event into its row; see `parse`."""
    # Local variables, because `parse` is called for each message.
    parsers = {field.name: (column, field.kind.parse) for column, field in event.fields.items()}
    required_columns = [column for column, field in event.fields.items() if field.required]
    empty_row: dict[str, Any] = dict.fromkeys(event.row._fields)
    instant_column, offset_column, time_columns = event.instant, event.offset, event.time_columns
    derive_id, create_row = event.derive_id, event.row._make

    def parse(body: str, zone: tzinfo) -> Any:
        fields = _decode(body)
        row = empty_row.copy()
        try:
            for name, value in fields.items():
                column, parse_value = parsers[name]
                row[column] = parse_value(value)
        except (KeyError, ValueError):
            _raise_first_problem(fields, event)
            raise
        for column in required_columns:
            if row[column] is None:
                _raise_first_problem(fields, event)

        if offset_column is not None and (offset := row[instant_column].utcoffset()) is not None:
            row[offset_column] = (86_400 * offset.days + offset.seconds) // 60
        for column in time_columns:
            time = row[column]
            if time is not None and time.tzinfo is None:
                row[column] = _from_local(time, zone)
        if row["id"] is None:
            row["id"] = derive_id(row)
        return create_row(row.values())

    return parse


parse: Callable[[str, tzinfo], Punch] = create_parser(EVENT)
"""Parse the body of one message.

If a key is repeated, the last value wins, as in the gateway. A byte order mark before the JSON text is ignored.

Args:
    body: the JSON text that the client posted.
    zone: the stage's time zone, which applies to times without an offset.

Raises:
    InvalidPunchError: MALFORMED if the body is not JSON text, INVALID if it does not match the schema.
"""


def _decode(body: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = _decode_with_stdlib(body)
    if type(fields) is not dict:
        raise InvalidPunchError(Reason.INVALID, "body: must be an object")
    return fields


def _reject_constant(name: str) -> Any:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_reject_constant)


def _decode_with_stdlib(body: str) -> Any:
    """Decode a body that orjson rejects; it can be valid JSON, for example with a number too large for a double."""
    # `from None` throughout: a traceback in the log must not quote the body.
    try:
        return _decoder.decode(body.removeprefix("\ufeff"))  # programs on Windows often write a byte order mark
    except json.JSONDecodeError as error:
        raise InvalidPunchError(Reason.MALFORMED, f"body: not JSON, character {error.pos}") from None
    except RecursionError:
        raise InvalidPunchError(Reason.MALFORMED, "body: nested too deeply") from None
    except ValueError:
        raise InvalidPunchError(
            Reason.MALFORMED, "body: contains NaN, Infinity, or a number with too many digits"
        ) from None


# Other names may be personal data that was sent by mistake as a field name.
_is_safe_to_log = re.compile("[A-Za-z_]{1,32}").fullmatch
_WITHHELD = "whose name is withheld because it is not 1 to 32 ASCII letters and underscores"


def describe_unknown_name(name: str) -> str:
    """Return the end of an error message: the name quoted if it is safe to log, or why it is withheld."""
    return f" '{name}'" if _is_safe_to_log(name) else f", {_WITHHELD}"


def _raise_first_problem(fields: dict[str, Any], event: Event) -> None:
    """Raise InvalidPunchError for the first problem: an unknown field, then a missing one, then an invalid one."""
    names = {field.name for field in event.fields.values()}
    for name in fields:
        if name not in names:
            raise InvalidPunchError(Reason.INVALID, f"unknown field{describe_unknown_name(name)}") from None
    for field in event.fields_required_first:
        if field.required and field.name not in fields:
            raise InvalidPunchError(Reason.INVALID, f"{field.name}: required") from None
    for field in event.fields_required_first:
        if field.name in fields:
            try:
                field.kind.parse(fields[field.name])
            except LoneSurrogateError:
                raise InvalidPunchError(Reason.MALFORMED, f"{field.name}: contains a lone surrogate") from None
            except ValueError:
                raise InvalidPunchError(Reason.INVALID, f"{field.name}: {field.kind.error}") from None


def _from_local(local: datetime, zone: tzinfo) -> datetime:
    # For an ambiguous or nonexistent local time take the later instant (the smaller offset), as PostgreSQL's AT TIME
    # ZONE does, which converts the rows of older tables.
    first_offset, second_offset = zone.utcoffset(local), zone.utcoffset(local.replace(fold=1))
    if first_offset is None or second_offset is None:
        raise TypeError("the zone has no UTC offset")
    return (local - min(first_offset, second_offset)).replace(tzinfo=UTC)
