"""Fields of JSON objects, such as the body of `POST /ponto`, and the kinds of values that they hold.

A kind yields a JSON Schema for the gateway, a parser, an error message, and the type of a column. The keywords of the
schema mean the same in draft 4 (API Gateway) and in draft 2020-12 (OpenAPI 3.1).

Several regex engines run the patterns: the gateway's (Java), PostgreSQL's and JavaScript's. So the patterns use ASCII
classes and no lookbehind, and do not rely on `$` alone, which in Python and Java also matches before a final line
break.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

MAX_SAFE_INTEGER = 2**53 - 1
"""Larger integers lose precision in JavaScript, in clients and in the gateway's templates."""


class Kind:
    """The values that a field accepts, and their meaning. No NamedTuple, which takes longer to import."""

    def __init__(
        self,
        name: str,
        description: str,
        error: str,
        parse: Callable[[Any], Any],
        *,
        type: str = "string",  # noqa: A002  the keyword of JSON Schema
        keywords: Mapping[str, Any] | None = None,
        format: str = "",  # noqa: A002  the word of JSON Schema
        column_type: str = "text",
        limits: tuple[Any, Any] | None = None,
    ) -> None:
        """Describe a kind.

        Args:
            name: name of the function that returns the kind.
            description: meaning of the field, for the schema, the README and the column's comment.
            error: error message for an invalid value.
            parse: returns the value to store; raises ValueError for an invalid one.
            type: JSON Schema type.
            keywords: other JSON Schema keywords.
            format: sentences about the accepted values, for the schema and the README.
            column_type: type of PostgreSQL.
            limits: least and greatest value of a number.
        """
        self.name: Final = name
        self.description: Final = description
        self.error: Final = error
        self.parse: Final = parse
        self.type: Final = type
        self.keywords: Final[Mapping[str, Any]] = keywords or {}
        self.format: Final = format
        self.column_type: Final = column_type
        self.limits: Final = limits


class Field(NamedTuple):
    """A field of a JSON object."""

    name: str  # key in the JSON object
    kind: Kind
    required: bool = False


class LoneSurrogateError(ValueError):
    """A text contains a lone surrogate ("\\ud800"), which UTF-8 cannot encode.

    Such a text is the only value that the schema accepts and `Kind.parse` rejects, because regex engines treat
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
                result[key] = field.kind.parse(value)
            except ValueError:
                raise ValueError(f"{field.name}: {field.kind.error}") from None
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


def integer(low: int, high: int, description: str) -> Kind:
    """Return the kind of an integer from `low` to `high`, both included."""

    def parse(value: object) -> int:
        if type(value) is int and low <= value <= high:  # not isinstance: bool is a subclass of int
            return value
        raise ValueError

    return Kind(
        name="integer",
        description=description,
        error=f"must be an integer from {low} to {high}",
        parse=parse,
        type="integer",
        keywords={"minimum": low, "maximum": high},
        format=f"From {low} to {high}.",
        column_type="bigint",
        limits=(low, high),
    )


def number(low: int, high: int, description: str) -> Kind:
    """Return the kind of a number from `low` to `high`, both included."""

    def parse(value: object) -> float:
        if (type(value) is float or type(value) is int) and low <= value <= high:
            return float(value)
        raise ValueError

    return Kind(
        name="number",
        description=description,
        error=f"must be a number from {low} to {high}",
        parse=parse,
        type="number",
        keywords={"minimum": low, "maximum": high},
        format=f"From {low} to {high}.",
        column_type="double precision",
        limits=(low, high),
    )


def decimal(digits: int, places: int, description: str, *, signed: bool = False) -> Kind:
    """Return the kind of a decimal number, sent as a string: many clients round JSON numbers to doubles.

    It is parsed into a `Decimal` with `places` digits after the point, so "1.5" and "1.50" are the same.

    Args:
        digits: maximum number of digits before the point.
        places: maximum number of digits after the point, at least one. Python's decimals have 28 in all.
        description: meaning of the field.
        signed: whether the number can be negative.
    """
    if digits < 1 or places < 1 or digits + places > 28:
        raise ValueError("a decimal has at least one digit before and after the point, and at most 28 in all")
    pattern = f"^{'-?' if signed else ''}(?:0|[1-9][0-9]{{0,{digits - 1}}})(?:[.][0-9]{{1,{places}}})?{_END}"
    matches = re.compile(pattern).fullmatch
    zero = Decimal(0).scaleb(-places)

    def parse(value: object) -> Decimal:
        if type(value) is str and matches(value):
            return Decimal(value) + zero  # the sum has the places of zero, and no negative zero
        raise ValueError

    high = Decimal("9" * digits + "." + "9" * places)
    low = -high if signed else zero
    example = f"1.{'5':0<{places}}"
    return Kind(
        name="decimal",
        description=description,
        error=f'must be a string with a number from {low:f} to {high:f}, such as "{example}"',
        parse=parse,
        keywords={"pattern": pattern},
        format=f'A number from {low:f} to {high:f}, as a string with a decimal point, such as "{example}".',
        column_type=f"numeric({digits + places}, {places})",
        limits=(low, high),
    )


def boolean(description: str) -> Kind:
    """Return the kind of true and false."""

    def parse(value: object) -> bool:
        if type(value) is bool:
            return value
        raise ValueError

    return Kind(
        name="boolean",
        description=description,
        error="must be true or false",
        parse=parse,
        type="boolean",
        column_type="boolean",
    )


def enumeration(values: Sequence[str], description: str) -> Kind:
    """Return the kind of a text that is one of `values`."""
    if isinstance(values, str):  # parentheses around one text make no tuple
        raise TypeError(f"an enumeration has a tuple of values, with a comma if it is one: ({values!a},)")
    values = tuple(values)

    def parse(value: object) -> str:
        if type(value) is str and value in values:
            return value
        raise ValueError

    listed = ", ".join(values)
    error = listed if len(listed) <= 120 else f"the {len(values)} texts in the schema"
    return Kind(
        name="enumeration",
        description=description,
        error=f"must be one of {error}",
        parse=parse,
        keywords={"enum": list(values)},
        format=f"One of {listed}.",
    )


def text(max_length: int, pattern: str, description: str) -> Kind:
    """Return the kind of a text that matches a pattern as a whole.

    Args:
        max_length: maximum number of characters.
        pattern: a regex that Python, Java, JavaScript and PostgreSQL read the same and that matches ASCII texts only.
        description: meaning of the field.
    """
    anchored = f"^(?:{pattern}){_END}"
    matches = re.compile(anchored).fullmatch
    shown = pattern if len(pattern) <= 100 else "the pattern in the schema"

    def parse(value: object) -> str:
        if type(value) is str and len(value) <= max_length and matches(value):
            return value
        raise ValueError

    return Kind(
        name="text",
        description=description,
        error=f"must be a string of at most {max_length} characters that matches {shown}",
        parse=parse,
        keywords={"maxLength": max_length, "pattern": anchored},
        format=f"At most {max_length} characters that match `{pattern}`.",
    )


def display_text(max_length: int, description: str, *, min_length: int = 0) -> Kind:
    """Return the kind of one line of text to display, of `min_length` to `max_length` characters."""
    matches = re.compile(_DISPLAY_TEXT).fullmatch

    def parse(value: object) -> str:
        if type(value) is not str or not min_length <= len(value) <= max_length or not matches(value):
            raise ValueError
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise LoneSurrogateError from None
        return value

    length = f"{min_length} to {max_length} characters" if min_length else f"at most {max_length} characters"
    rule = "without control characters, line breaks or bidirectional controls"
    minimum = {"minLength": min_length} if min_length else {}
    return Kind(
        name="display_text",
        description=description,
        error=f"must be a string of {length} {rule}",
        parse=parse,
        keywords={**minimum, "maxLength": max_length, "pattern": _DISPLAY_TEXT},
        format=f"{length[0].upper()}{length[1:]}, {rule}.",
    )


def uuid(description: str) -> Kind:
    """Return the kind of a UUID, which is parsed into lower case."""

    def parse(value: object) -> str:
        if type(value) is str and _matches_uuid(value):
            return value.lower()
        raise ValueError

    return Kind(
        name="uuid",
        description=description,
        error="must be a UUID other than nil, max and version 8",
        parse=parse,
        keywords={"pattern": _UUID},
        format="Any UUID except version 8, nil and max.",
        column_type="uuid",
    )


def timestamp(description: str) -> Kind:
    """Return the kind of a date and time, which is parsed into a `datetime`, naive if it has no offset."""

    def parse(value: object) -> datetime:
        if type(value) is str and _matches_timestamp(value):
            return datetime.fromisoformat(value)
        raise ValueError

    return Kind(
        name="timestamp",
        description=description,
        error="must be a valid ISO 8601 date and time in the years 1900 to 2999, such as 2026-10-01T08:00:00-03:00",
        parse=parse,
        keywords={"pattern": _TIMESTAMP},
        format=(
            "A valid ISO 8601 date and time in the years 1900 to 2999, with up to six decimals. With Z or an offset of "
            "up to 14:59; without either it is local time in the stage's time zone."
        ),
        column_type="timestamptz",
    )


INVISIBLE_CHARACTERS = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u0300-\u036f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff"
    r"\u1dc0-\u1dff\u2000-\u200f\u2028-\u202f\u205f-\u206f\u20d0-\u20ff\u2800\u3000\u3164\ue000-\uf8ff\ufdd0-\ufdef"
    r"\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
)
"""Invisible characters, for use inside a regex character class.

Controls, spaces, fillers, a null notehead, noncharacters, default-ignorable code points, format controls of
hieroglyphs, private use, and combining marks of no script, which need another character."""

_END = r"(?![\n\r\u0085\u2028\u2029])$"

# U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069 change the order in which a text is displayed.
_DISPLAY_TEXT = rf"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*{_END}"

# Nil and max UUIDs are rejected: clients that never set the id would all send the same one, and only their first punch
# would be stored. Version 8 is reserved for derived ids: otherwise a client could claim the id of another client's
# future punch.
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
