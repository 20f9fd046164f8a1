"""Types of statements' parameters: each reads a value of JSON, or raises an error of Python's."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from ponto.fields import parse_any_uuid

ParameterType = Callable[[Any], object]

_MAX_BIGINT = 2**63 - 1

day = date.fromisoformat
uuid = parse_any_uuid


def instant(value: Any) -> datetime:
    """Read an instant, with its offset."""
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        raise ValueError(value)
    return parsed


def duration(value: Any) -> timedelta:
    """Read a number of seconds."""
    return timedelta(seconds=value)


def boolean(value: Any) -> bool:
    """Read true or false."""
    if type(value) is not bool:
        raise TypeError(value)
    return value


def integer(value: Any) -> int:
    """Read an integer that PostgreSQL's bigint holds."""
    if type(value) is not int or not -_MAX_BIGINT <= value <= _MAX_BIGINT:
        raise TypeError(value)
    return value


def integers(value: Any) -> list[int]:
    """Read a list of integers."""
    return [integer(each) for each in value]


def texts(value: Any) -> list[str]:
    """Read a list of texts, none of which has the character 0."""
    if type(value) is not list or any(type(each) is not str or "\0" in each for each in value):
        raise TypeError(value)
    return value
