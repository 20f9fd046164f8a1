"""Types of statement parameters: functions that parse a JSON value, or raise an exception."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from ponto.punch import EVENT
from ponto.shared.fields import parse_any_uuid

ParameterType = Callable[[Any], object]

_MAX_BIGINT = 2**63 - 1

day = date.fromisoformat
subject = EVENT.fields[EVENT.subject].kind.parse
uuid = parse_any_uuid


def instant(value: Any) -> datetime:
    """Parse an ISO 8601 date and time with an offset."""
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        raise ValueError(value)
    return parsed


def duration(value: Any) -> timedelta:
    """Parse a number of seconds."""
    return timedelta(seconds=value)


def boolean(value: Any) -> bool:
    """Parse true or false."""
    if type(value) is not bool:
        raise TypeError(value)
    return value


def integer(value: Any) -> int:
    """Parse an integer in the range of PostgreSQL's bigint."""
    if type(value) is not int or not -_MAX_BIGINT <= value <= _MAX_BIGINT:
        raise TypeError(value)
    return value


def integers(value: Any) -> list[int]:
    """Parse a list of integers."""
    return [integer(item) for item in value]


def texts(value: Any) -> list[str]:
    """Parse a list of strings without null characters, which PostgreSQL does not support."""
    if type(value) is not list or any(type(item) is not str or "\0" in item for item in value):
        raise TypeError(value)
    return value
