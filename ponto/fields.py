"""Kinds of fields of a punch: the rule of each as JSON Schema for the gateway, as a check, and in words.

A rule is read by several engines: the gateway's (Java), PostgreSQL's, JavaScript's. So patterns keep to ASCII classes,
look behind nothing, and do not trust `$`, which in Python and Java is also before a last line break.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

MAX_INTEGER = 2**53 - 1
"""The largest integer: JavaScript, in clients and in the gateway's templates, rounds larger ones."""


class Field(NamedTuple):
    """A field of a JSON object, such as the body of `POST /ponto`."""

    name: str  # on the wire
    description: str  # for the schema and the README
    type: str  # JSON Schema's, and
    limits: Mapping[str, Any]  # its other keywords
    rule: str  # what a bad value is answered with
    read: Callable[[Any], Any]  # returns what the column is made of; raises ValueError for a bad value
    required: bool


class LoneSurrogateError(ValueError):
    """Half a surrogate pair ("\\ud800"), which UTF-8 cannot hold.

    It is the one thing that the schema lets through and `Field.read` does not, for regular expression engines differ
    on surrogates.
    """


def read_object(values: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the values of a JSON object by the keys of `fields`; a null counts as no value.

    Raises:
        ValueError: naming the field that is missing, breaks its rule, or is not known.
    """
    result: dict[str, Any] = {}
    for key, field in fields.items():
        value = values.get(field.name)
        if value is not None:
            try:
                result[key] = field.read(value)
            except ValueError:
                raise ValueError(f"{field.name}: {field.rule}") from None
        elif field.required:
            raise ValueError(f"{field.name}: is missing")
    if unknown := values.keys() - {field.name for field in fields.values()}:
        raise ValueError(f"{min(unknown)[:40]}: is not known")
    return result


def read_uuid(value: object) -> str:
    """Return a UUID of any version, 36 characters, in lower case, or raise ValueError."""
    if type(value) is str and re.fullmatch(_ANY_UUID, value):
        return value.lower()
    raise ValueError("not a UUID")


def integer(name: str, low: int, high: int, description: str, *, required: bool = False) -> Field:
    """Make a field that holds an integer from `low` to `high`, both included."""

    def read(value: object) -> int:
        if type(value) is int and low <= value <= high:  # by type, for True is an int too
            return value
        raise ValueError

    limits = {"minimum": low, "maximum": high}
    return Field(name, description, "integer", limits, f"must be an integer from {low} to {high}", read, required)


def number(name: str, low: int, high: int, description: str, *, required: bool = False) -> Field:
    """Make a field that holds a number from `low` to `high`, both included."""

    def read(value: object) -> float:
        if (type(value) is float or type(value) is int) and low <= value <= high:
            return float(value)
        raise ValueError

    limits = {"minimum": low, "maximum": high}
    return Field(name, description, "number", limits, f"must be a number from {low} to {high}", read, required)


def boolean(name: str, description: str, *, required: bool = False) -> Field:
    """Make a field that is true or false."""

    def read(value: object) -> bool:
        if type(value) is bool:
            return value
        raise ValueError

    return Field(name, description, "boolean", {}, "must be true or false", read, required)


def display_text(name: str, longest: int, description: str, *, required: bool = False) -> Field:
    """Make a field that holds text for people, of at most `longest` characters, on one line."""
    matches = re.compile(_NAME).fullmatch

    def read(value: object) -> str:
        if type(value) is not str or len(value) > longest or not matches(value):
            raise ValueError
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise LoneSurrogateError from None
        return value

    rule = (
        f"must be a string of at most {longest} characters without control characters, line breaks or "
        "bidirectional controls"
    )
    return Field(name, description, "string", {"maxLength": longest, "pattern": _NAME}, rule, read, required)


def uuid(name: str, description: str, *, required: bool = False) -> Field:
    """Make a field that holds a UUID; it is read as its canonical form, lower case."""

    def read(value: object) -> str:
        if type(value) is str and _uuid(value):
            return value.lower()
        raise ValueError

    rule = "must be a UUID, but not the nil or the max UUID nor of version 8"
    return Field(name, description, "string", {"pattern": _UUID}, rule, read, required)


def timestamp(name: str, description: str, *, required: bool = False) -> Field:
    """Make a field that holds a date and time; it is read as a `datetime`, naive where no offset was sent."""

    def read(value: object) -> datetime:
        if type(value) is str and _timestamp(value):
            return datetime.fromisoformat(value)
        raise ValueError

    rule = "must be an ISO 8601 date and time of a day that exists, like 2026-10-01T08:00:00-03:00, years 1900 to 2999"
    return Field(name, description, "string", {"pattern": _TIMESTAMP}, rule, read, required)


BLANK = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that cannot be seen, for brackets of a regular expression.

Controls, spaces, fillers, a null notehead, noncharacters, and what Unicode lets be ignored."""

_END = r"(?![\n\r\u0085\u2028\u2029])$"

# U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069 make a name read in another order than it is written.
_NAME = rf"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*{_END}"

# Not the nil UUID, nor the max one: an id that was never set would make all punches of a fleet one. And not version 8,
# which derived ids have: a client could send the id of a colleague's next punch in advance.
_HEX = "[0-9a-fA-F]"
_UUID = rf"^(?![0-]{{36}}|[fF-]{{36}}){_HEX}{{8}}-{_HEX}{{4}}-[0-79a-fA-F]{_HEX}{{3}}-{_HEX}{{4}}-{_HEX}{{12}}{_END}"
_uuid = re.compile(_UUID).fullmatch
_ANY_UUID = f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"  # compiled when first needed: the drain does without

# Years that every reader of the table can represent in any time zone.
_YEAR = "(?:19|2[0-9])[0-9]{2}"
_LEAP_YEAR = "(?:(?:19|2[0-9])(?:0[48]|[2468][048]|[13579][26])|2[048]00)"
_DAY_OF_31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_DAY_OF_30 = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_DAY_OF_28 = "02-(?:0[1-9]|1[0-9]|2[0-8])"
_DATE = f"(?:{_YEAR}-(?:{_DAY_OF_31}|{_DAY_OF_30}|{_DAY_OF_28})|{_LEAP_YEAR}-02-29)"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?"
_OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
_TIMESTAMP = f"^{_DATE}T{_TIME}{_OFFSET}?{_END}"
_timestamp = re.compile(_TIMESTAMP).fullmatch
