"""Statements that the function `read` may run, by name, with the types of their parameters.

The caller sends names and values, never SQL. The values travel as JSON.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ponto.reader import parameter_types as types
from ponto.sql_names import read_sql

MAX_RANGE = timedelta(days=366)
"""From the first to the last day or instant of a statement, `de` and `ate`."""


class InvalidRequestError(ValueError):
    """The request names an unknown statement, or gives it other values than it takes. The message quotes neither."""


class Catalogue(NamedTuple):
    """Statements of the reference, of a slice (`STATEMENTS` of its module `statements`), or of all."""

    sql: Mapping[str, str]  # with psycopg2's named placeholders
    parameters: Mapping[str, Mapping[str, types.ParameterType]]  # by statement; a value may be null
    without_bound: AbstractSet[str] = frozenset()  # statements whose `de` or `ate` may be null
    tables_with_write_time: AbstractSet[str] = frozenset()  # whose rows tell what was there at an earlier instant

    def parse_values(self, name: str, values: Any) -> dict[str, object]:
        """Return the values of a statement as psycopg2 takes them, from those of `to_json_values`.

        Raises:
            InvalidRequestError: no statement has this name, one of its values is missing, unknown or of another type,
                or they span more than MAX_RANGE.
        """
        if name not in self.parameters:
            raise InvalidRequestError("there is no such statement")
        parameters = self.parameters[name]
        if not isinstance(values, dict) or values.keys() != parameters.keys():
            raise InvalidRequestError(f"{name} takes the values {', '.join(parameters) or 'none'}")
        parsed: dict[str, object] = {}
        for parameter, parse in parameters.items():
            try:
                parsed[parameter] = None if values[parameter] is None else parse(values[parameter])
            except (ValueError, TypeError, OverflowError):
                raise InvalidRequestError(f"{name}: {parameter} is of another kind") from None
        match parsed:
            case {"de": date() as first, "ate": date() as last}:  # datetimes too
                is_too_long = last - first > MAX_RANGE
            case _:
                is_too_long = {"de", "ate"} <= parsed.keys() and name not in self.without_bound
        if is_too_long:
            raise InvalidRequestError(f"{name}: de and ate lie more than a year apart, or one is null")
        return parsed


def read_folder(folder: Path) -> dict[str, str]:
    """Return the statements of a folder by the names of their files."""
    return {path.stem: read_sql(path) for path in folder.glob("*.sql")}


_KEYS = {"keys": types.texts, "from_ms": types.integer, "to_ms": types.integer}
_RUN = {"desde": types.instant, "primeiro": types.integer, "ultimo": types.integer}
REFERENCE = Catalogue(
    read_folder(Path(__file__).parent / "sql"),
    {
        "key_employees": _KEYS,
        "key_rows": {**_KEYS, "usuarios": types.integers},
        "message": {"message_id": types.uuid, "since": types.instant},
        "now": {},
        "punch": {"id": types.uuid},
        "punches": {"usuario": types.integer, "de": types.instant, "ate": types.instant},
        "run_count": _RUN,
        "run_rows": _RUN,
        "zone": {},
    },
    tables_with_write_time={"batida"},
)


def combine(catalogues: Iterable[Catalogue]) -> Catalogue:
    """Return the statements of the reference and of slices.

    Raises:
        ValueError: two statements have one name, or one lacks its SQL or the types of its parameters.
    """
    combined = REFERENCE
    for other in catalogues:
        if incomplete := other.sql.keys() ^ other.parameters.keys():
            raise ValueError(
                f"{min(incomplete)}: a statement needs a file {min(incomplete)}.sql and the types of its parameters in "
                "the slice's Catalogue; add what is missing"
            )
        if names := combined.sql.keys() & other.sql.keys():
            raise ValueError(f"{min(names)}.sql: there is a statement of this name already; rename the file")
        combined = Catalogue(
            {**combined.sql, **other.sql},
            {**combined.parameters, **other.parameters},
            combined.without_bound | other.without_bound,
            combined.tables_with_write_time | other.tables_with_write_time,
        )
    return combined


def is_historical(values: Mapping[str, object]) -> bool:
    """Return whether the values of a statement ask for what was there at an earlier instant."""
    return any(values.get(name) is not None for name in ("momento", "antes"))


def to_json_values(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values of a statement as JSON has them."""

    def convert(value: object) -> object:
        if isinstance(value, date):  # a datetime too
            return value.isoformat()
        return value.total_seconds() if isinstance(value, timedelta) else value

    return {name: convert(value) for name, value in values.items()}
