"""The statements that the function may run, by name: a file of `sql/` each, and the kinds of its parameters.

A slice adds its own by a module `statements`, with their `PARAMETERS` and the `FOLDER` of their files; it may also have
`WITHOUT_BOUND` and `WRITTEN`, as below. Who asks gives names and values, never SQL. The values travel as JSON.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ponto import brought
from ponto.database_names import SCHEMA, read_sql
from ponto.reader import kinds

_OF_SLICES = brought.modules("statements")
_FOLDERS = [Path(__file__).parent / "sql", *(each.FOLDER for each in _OF_SLICES)]


def _read_all(folders: Iterable[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.sql"))):
        if path.stem in found:
            raise ValueError(f"{path}: there is a statement of this name already; rename the file")
        found[path.stem] = read_sql(path)
    return found


_SQL = _read_all(_FOLDERS)

BEGIN = _SQL["begin"]
"""What a transaction begins with."""

WRITING = _SQL["writing"]
"""Before that, where what was there at an earlier instant is asked for."""

WRITTEN = [
    f"{SCHEMA}.{table}"
    for table in ("batida", *(table for each in _OF_SLICES for table in getattr(each, "WRITTEN", ())))
]
"""Tables whose rows say when they were written, and so what was there at an earlier instant."""

LEFT = _SQL["left"]
"""Before each part of its rows."""

LONGEST = timedelta(days=366)
"""From the first to the last day or instant, `de` and `ate`, that a statement is asked for."""

_WITHOUT_BOUND = {name for each in _OF_SLICES for name in getattr(each, "WITHOUT_BOUND", ())}


class NotAsked(ValueError):
    """There is no such statement, or its values are not those that it has. The message names neither value."""


_OF_KEYS: dict[str, kinds.Kind] = {"keys": kinds.texts, "from_ms": kinds.number, "to_ms": kinds.number}
_OF_RUN: dict[str, kinds.Kind] = {"desde": kinds.instant, "primeiro": kinds.number, "ultimo": kinds.number}

# Statement -> its parameters. A value may be null, if the statement says what that means.
PARAMETERS: dict[str, Mapping[str, kinds.Kind]] = {
    "key_employees": _OF_KEYS,
    "key_rows": {**_OF_KEYS, "usuarios": kinds.numbers},
    "message": {"message_id": kinds.uuid, "since": kinds.instant},
    "now": {},
    "punch": {"id": kinds.uuid},
    "punches": {"usuario": kinds.number, "de": kinds.instant, "ate": kinds.instant},
    "run_count": _OF_RUN,
    "run_rows": _OF_RUN,
    "zone": {},
}
for _each in _OF_SLICES:
    PARAMETERS.update(_each.PARAMETERS)


def sql_of(name: str) -> str:
    """Give a statement, with psycopg2's named placeholders, or raise NotAsked."""
    if name not in PARAMETERS:
        raise NotAsked("there is no such statement")
    return _SQL[name]


def asks_earlier(values: Mapping[str, object]) -> bool:
    """Tell whether the values of a statement ask for what was there at an earlier instant."""
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
    parameters = PARAMETERS[name]
    if given.keys() != parameters.keys():
        raise NotAsked(f"{name} takes the values {', '.join(parameters) or 'none'}")
    found: dict[str, object] = {}
    for parameter, kind in parameters.items():
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
