"""Field types of a punch: each yields a JSON Schema for the gateway, a parser, and an error message.

Several regex engines run the patterns: the gateway's (Java), PostgreSQL's and JavaScript's. So the patterns use ASCII
classes and no lookbehind, and do not rely on `$` alone, which in Python and Java also matches before a final line
break.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

MAX_SAFE_INTEGER = 2**53 - 1
"""Larger integers lose precision in JavaScript, in clients and in the gateway's templates."""


class Field(NamedTuple):
    """A field of a JSON object, such as the body of `POST /ponto`."""

    name: str  # key in the JSON object
    description: str  # for the schema and the README
    type: str  # JSON Schema type
    keywords: Mapping[str, Any]  # other JSON Schema keywords
    error: str  # error message for an invalid value
    parse: Callable[[Any], Any]  # returns the value to store; raises ValueError for an invalid one
    required: bool


class LoneSurrogateError(ValueError):
    """A text contains a lone surrogate ("\\ud800"), which UTF-8 cannot encode.

    Such a text is the only value that the schema accepts and `Field.parse` rejects, because regex engines treat
    surrogates differently.
    """


def parse_object(values: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the parsed values of a JSON object, keyed as in `fields`. A null counts as a missing value.

    Raises:
        ValueError: a field is missing, invalid or unknown; the message names it.
    """
    result: dict[str, Any] = {}
    for key, field in fields.items():
        value = values.get(field.name)
        if value is not None:
            try:
                result[key] = field.parse(value)
            except ValueError:
                raise ValueError(f"{field.name}: {field.error}") from None
        elif field.required:
            raise ValueError(f"{field.name}: required")
    if unknown := values.keys() - {field.name for field in fields.values()}:
        raise ValueError(f"unknown field '{min(unknown)[:40]}'")
    return result


def parse_any_uuid(value: object) -> str:
    """Return a UUID of any version in lower case. Raises ValueError for other values; see `uuid` for ids of punches."""
    if type(value) is str and re.fullmatch(_ANY_UUID, value):
        return value.lower()
    raise ValueError("not a UUID")


def integer(name: str, low: int, high: int, description: str, *, required: bool = False) -> Field:
    """Return a field that holds an integer from `low` to `high`, both included."""

    def parse(value: object) -> int:
        if type(value) is int and low <= value <= high:  # not isinstance: bool is a subclass of int
            return value
        raise ValueError

    keywords = {"minimum": low, "maximum": high}
    return Field(name, description, "integer", keywords, f"must be an integer from {low} to {high}", parse, required)


def number(name: str, low: int, high: int, description: str, *, required: bool = False) -> Field:
    """Return a field that holds a number from `low` to `high`, both included."""

    def parse(value: object) -> float:
        if (type(value) is float or type(value) is int) and low <= value <= high:
            return float(value)
        raise ValueError

    keywords = {"minimum": low, "maximum": high}
    return Field(name, description, "number", keywords, f"must be a number from {low} to {high}", parse, required)


def boolean(name: str, description: str, *, required: bool = False) -> Field:
    """Return a field that is true or false."""

    def parse(value: object) -> bool:
        if type(value) is bool:
            return value
        raise ValueError

    return Field(name, description, "boolean", {}, "must be true or false", parse, required)


def display_text(name: str, max_length: int, description: str, *, required: bool = False) -> Field:
    """Return a field that holds one line of text to display, of at most `max_length` characters."""
    matches = re.compile(_DISPLAY_TEXT).fullmatch

    def parse(value: object) -> str:
        if type(value) is not str or len(value) > max_length or not matches(value):
            raise ValueError
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise LoneSurrogateError from None
        return value

    error = (
        f"must be a string of at most {max_length} characters without control characters, line breaks or "
        "bidirectional controls"
    )
    return Field(
        name, description, "string", {"maxLength": max_length, "pattern": _DISPLAY_TEXT}, error, parse, required
    )


def uuid(name: str, description: str, *, required: bool = False) -> Field:
    """Return a field that holds a UUID, which is parsed into lower case."""

    def parse(value: object) -> str:
        if type(value) is str and _matches_uuid(value):
            return value.lower()
        raise ValueError

    error = "must be a UUID other than nil, max and version 8"
    return Field(name, description, "string", {"pattern": _UUID}, error, parse, required)


def timestamp(name: str, description: str, *, required: bool = False) -> Field:
    """Return a field that holds a date and time, which is parsed into a `datetime`, naive if it has no offset."""

    def parse(value: object) -> datetime:
        if type(value) is str and _matches_timestamp(value):
            return datetime.fromisoformat(value)
        raise ValueError

    error = "must be a valid ISO 8601 date and time in the years 1900 to 2999, such as 2026-10-01T08:00:00-03:00"
    return Field(name, description, "string", {"pattern": _TIMESTAMP}, error, parse, required)


INVISIBLE_CHARACTERS = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Invisible characters, for use inside a regex character class.

Controls, spaces, fillers, a null notehead, noncharacters, and default-ignorable code points."""

_END = r"(?![\n\r\u0085\u2028\u2029])$"

# U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069 change the order in which a text is displayed.
_DISPLAY_TEXT = rf"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*{_END}"

# Nil and max UUIDs are rejected: clients that never set the id would all send the same one, and only their first punch
# would be stored. Version 8 is reserved for derived ids: otherwise a client could claim the id of a colleague's future
# punch.
_HEX = "[0-9a-fA-F]"
_UUID = rf"^(?![0-]{{36}}|[fF-]{{36}}){_HEX}{{8}}-{_HEX}{{4}}-[0-79a-fA-F]{_HEX}{{3}}-{_HEX}{{4}}-{_HEX}{{12}}{_END}"
_matches_uuid = re.compile(_UUID).fullmatch
_ANY_UUID = f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"  # compiled on first use: the drain never needs it

# Only years that the date types of every language can represent in any time zone.
_YEAR = "(?:19|2[0-9])[0-9]{2}"
_LEAP_YEAR = "(?:(?:19|2[0-9])(?:0[48]|[2468][048]|[13579][26])|2[048]00)"
_MONTH_DAY_31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_MONTH_DAY_30 = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_MONTH_DAY_28 = "02-(?:0[1-9]|1[0-9]|2[0-8])"
_DATE = f"(?:{_YEAR}-(?:{_MONTH_DAY_31}|{_MONTH_DAY_30}|{_MONTH_DAY_28})|{_LEAP_YEAR}-02-29)"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?"
_OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
_TIMESTAMP = f"^{_DATE}T{_TIME}{_OFFSET}?{_END}"
_matches_timestamp = re.compile(_TIMESTAMP).fullmatch
