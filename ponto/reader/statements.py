"""Statements that the function `read` may run: one file in `sql/` per name, with the types of its parameters.

Callers send names and JSON values, never SQL.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ponto.reader import parameter_types as types
from ponto.sql_names import read_sql

MAX_RANGE = timedelta(days=366)
"""Maximum range from `de` to `ate`, the first and last day or instant of a statement."""


class InvalidRequestError(ValueError):
    """The statement is unknown, or the values do not match its parameters. The message contains no values."""


class Catalogue(NamedTuple):
    """Statements of the reference, of one slice (`STATEMENTS` in its module `statements`), or of all combined."""

    sql: Mapping[str, str]  # statements by name, with psycopg2's named placeholders
    parameters: Mapping[str, Mapping[str, types.ParameterType]]  # by statement; any value may be null
    unbounded_statements: AbstractSet[str] = frozenset()  # statements whose `de` or `ate` may be null
    tables_with_write_time: AbstractSet[str] = frozenset()  # they can be queried as of an earlier instant

    def parse_values(self, name: str, values: Any) -> dict[str, object]:
        """Parse values that `to_json_values` produced into psycopg2 parameters of a statement.

        Raises:
            InvalidRequestError: the statement is unknown; a value is missing, unknown or has the wrong type; or the
                range is longer than MAX_RANGE.
        """
        if name not in self.parameters:
            raise InvalidRequestError("unknown statement")
        parameters = self.parameters[name]
        if not isinstance(values, dict) or values.keys() != parameters.keys():
            raise InvalidRequestError(f"{name}: expected parameters: {', '.join(parameters) or 'none'}")
        parsed: dict[str, object] = {}
        for parameter, parse in parameters.items():
            try:
                parsed[parameter] = None if values[parameter] is None else parse(values[parameter])
            except (ValueError, TypeError, OverflowError):
                raise InvalidRequestError(f"{name}: {parameter} has the wrong type") from None
        match parsed:
            case {"de": date() as first, "ate": date() as last}:  # also matches datetimes
                is_too_long = last - first > MAX_RANGE
            case _:
                is_too_long = {"de", "ate"} <= parsed.keys() and name not in self.unbounded_statements
        if is_too_long:
            raise InvalidRequestError(f"{name}: the range from de to ate is more than a year, or one of them is null")
        return parsed


def read_folder(folder: Path) -> dict[str, str]:
    """Return the statements in the `.sql` files of a folder, by file name without extension."""
    return {path.stem: read_sql(path) for path in folder.glob("*.sql")}


_RUN_PARAMETERS = {"desde": types.instant, "primeiro": types.integer, "ultimo": types.integer}
REFERENCE_CATALOGUE = Catalogue(
    read_folder(Path(__file__).parent / "sql"),
    {
        "message": {"message_id": types.uuid, "since": types.instant},
        "now": {},
        "punch": {"id": types.uuid},
        "punches": {"employee_id": types.integer, "de": types.instant, "ate": types.instant},
        "run_count": _RUN_PARAMETERS,
        "run_rows": _RUN_PARAMETERS,
        "zone": {},
    },
    tables_with_write_time={"batida"},
)


def combine(catalogues: Iterable[Catalogue]) -> Catalogue:
    """Return a catalogue of the reference's statements and those of slices.

    Raises:
        ValueError: two statements have the same name, or a statement lacks its SQL or its parameter types.
    """
    combined = REFERENCE_CATALOGUE
    for other in catalogues:
        if incomplete := other.sql.keys() ^ other.parameters.keys():
            raise ValueError(
                f"{min(incomplete)}.sql: a statement needs this file, and parameter types in the Catalogue of its "
                "slice; add the missing one"
            )
        if names := combined.sql.keys() & other.sql.keys():
            raise ValueError(f"{min(names)}.sql: another statement already has this name; rename the file")
        combined = Catalogue(
            {**combined.sql, **other.sql},
            {**combined.parameters, **other.parameters},
            combined.unbounded_statements | other.unbounded_statements,
            combined.tables_with_write_time | other.tables_with_write_time,
        )
    return combined


def is_historical(values: Mapping[str, object]) -> bool:
    """Return whether the values of a statement request data as of an earlier instant."""
    return any(values.get(name) is not None for name in ("momento", "antes"))


def to_json_values(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values of a statement in JSON-serializable form; `Catalogue.parse_values` is the inverse."""

    def convert(value: object) -> object:
        if isinstance(value, date):  # or a datetime
            return value.isoformat()
        return value.total_seconds() if isinstance(value, timedelta) else value

    return {name: convert(value) for name, value in values.items()}
