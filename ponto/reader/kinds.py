"""The kinds of the values that statements take: each reads what JSON has, and refuses another kind."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from ponto.fields import read_uuid

Kind = Callable[[Any], object]
"""Reads a value, or raises ValueError, TypeError or OverflowError."""

uuid: Kind = read_uuid

_LARGEST = 2**63 - 1


def day(value: Any) -> date:
    """Read a day, as 2026-11-03."""
    return date.fromisoformat(value)


def instant(value: Any) -> datetime:
    """Read an instant, with its offset."""
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError(value)
    return found


def span(value: Any) -> timedelta:
    """Read a span of time, in seconds."""
    return timedelta(seconds=value)


def flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def number(value: Any) -> int:
    """Read a whole number that PostgreSQL's bigint holds."""
    if not isinstance(value, int) or isinstance(value, bool) or not -_LARGEST <= value <= _LARGEST:
        raise TypeError(value)
    return value


def numbers(value: Any) -> list[int]:
    """Read several of `number`."""
    return [number(each) for each in value]


def texts(value: Any) -> list[str]:
    """Read several texts, without the character 0."""
    if not isinstance(value, list) or not all(isinstance(each, str) and "\0" not in each for each in value):
        raise TypeError(value)
    return value
