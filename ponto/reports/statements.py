"""The statements that reports run, by name: a file of `sql/` each, and the kinds of its parameters.

Who asks gives names and values, never SQL. The values travel as JSON.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

_SQL = {path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "sql").glob("*.sql")}

BEGIN = _SQL["begin"]
"""What a transaction begins with."""

WRITING = _SQL["writing"]
"""Before that, where a report of an earlier moment is asked for."""

LEFT = _SQL["left"]
"""Before each part of its rows."""

_LARGEST = 2**63 - 1

LONGEST = timedelta(days=366)
"""From the first to the last day or instant of a report, but for those of numbers."""

_WITHOUT_BOUND = {"gaps", "received"}


class NotAsked(ValueError):
    """There is no such statement, or its values are not those that it has. The message names neither value."""


def _day(value: Any) -> date:
    return date.fromisoformat(value)


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError(value)
    return found


def _span(value: Any) -> timedelta:
    return timedelta(seconds=value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -_LARGEST <= value <= _LARGEST:
        raise TypeError(value)
    return value


def _uuid(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return str(UUID(value))


def _numbers(value: Any) -> list[int]:
    return [_number(each) for each in value]


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) and "\0" not in each for each in value):
        raise TypeError(value)
    return value


_Kind = Callable[[Any], object]
_BETWEEN: dict[str, _Kind] = {"de": _day, "ate": _day}
_DAYS: dict[str, _Kind] = {**_BETWEEN, "usuarios": _numbers, "momento": _instant}
_MONTH: dict[str, _Kind] = {"mes": _day, "usuarios": _numbers, "momento": _instant}
_CHANGES: dict[str, _Kind] = {**_MONTH, "antes": _instant}
_PERSON: dict[str, _Kind] = {"usuario": _number}
_OF_KEYS: dict[str, _Kind] = {"keys": _texts, "from_ms": _number, "to_ms": _number}
_OF_RUN: dict[str, _Kind] = {"desde": _instant, "primeiro": _number, "ultimo": _number}
_LIMITS = dict.fromkeys(("jornada_maxima", "proximas", "atraso", "futuro", "desvio", "redefinicao"), _span)

# Statement -> its parameters. A value may be null, if the statement says what that means.
PARAMETERS: Mapping[str, Mapping[str, _Kind]] = {
    "arrivals": _CHANGES,
    "cards": _MONTH,
    "changes": _CHANGES,
    "correction": {"id": _uuid},
    "correction_list": {"mes": _day},
    "corrections": _MONTH,
    "cutoffs": {**_BETWEEN, "usuarios": _numbers, "divididos": _number},
    "employee_punches": {"usuario": _number, "de": _instant, "ate": _instant},
    "employees": {"mes": _day, "momento": _instant, "antes": _instant},
    "employer": {},
    "exceptions": {**_DAYS, "somadas": _flag, "dias": _number, **_LIMITS},
    "gaps": _BETWEEN,
    "key_employees": _OF_KEYS,
    "key_rows": {**_OF_KEYS, "usuarios": _numbers},
    "now": {},
    "peak": {"de": _instant, "ate": _instant},
    "person": _PERSON,
    "person_corrections": _PERSON,
    "person_months": _PERSON,
    "person_punches": {**_PERSON, "mes": _day},
    "punch": {"id": _uuid},
    "punched": _DAYS,
    "punches": {"usuario": _number, "dia": _day},
    "random_ids": {"de": _instant, "ate": _instant},
    "received": _BETWEEN,
    "run_count": _OF_RUN,
    "run_rows": _OF_RUN,
    "totals": _MONTH,
    "working_day": {"usuario": _number, "dia": _day},
    "zone": {},
    "zones": {},
}


def sql_of(name: str) -> str:
    """Give a statement, with psycopg2's named placeholders.

    Raises:
        NotAsked: there is none of this name.
    """
    if name not in PARAMETERS:
        raise NotAsked("there is no such statement")
    return _SQL[name]


def is_of_a_moment(values: Mapping[str, object]) -> bool:
    """Tell whether the values of a statement ask for what was there at an earlier moment."""
    return any(values.get(name) is not None for name in ("momento", "antes"))


def written(values: Mapping[str, object]) -> dict[str, object]:
    """Give the values of a statement as JSON has them."""

    def write(value: object) -> object:
        match value:
            case date():  # a datetime too
                return value.isoformat()
            case timedelta():
                return value.total_seconds()
        return value

    return {name: write(value) for name, value in values.items()}


def read(name: str, given: Mapping[str, Any]) -> dict[str, object]:
    """Give the values of a statement as psycopg2 takes them, from what `written` wrote.

    Raises:
        NotAsked: no statement has this name, one of its values is missing, unknown or of another kind, or it asks for
            more than a year.
    """
    sql_of(name)
    kinds = PARAMETERS[name]
    if given.keys() != kinds.keys():
        raise NotAsked(f"{name} takes the values {', '.join(kinds) or 'none'}")
    found: dict[str, object] = {}
    for parameter, kind in kinds.items():
        try:
            found[parameter] = None if given[parameter] is None else kind(given[parameter])
        except (ValueError, TypeError, OverflowError):
            raise NotAsked(f"{name}: {parameter} is of another kind") from None
    match found:
        case {"de": date() as first, "ate": date() as last}:  # datetimes too
            is_bounded = last - first <= LONGEST
        case {"de": _, "ate": _}:  # a null
            is_bounded = name in _WITHOUT_BOUND
        case _:
            is_bounded = True
    if not is_bounded:
        raise NotAsked(f"{name}: de and ate lie more than a year apart, or one is null")
    return found
