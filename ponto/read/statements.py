"""Statements that the function `read` may run: a SQL file, its row type and its parameters are declared in one place.

Callers send names and JSON values, never SQL.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from ponto.read import parameter_types as types
from ponto.shared.sql_names import read_sql

Row = TypeVar("Row", bound=NamedTuple)

MAX_RANGE = timedelta(days=366)
"""Maximum range from `de` to `ate`, the first and last day or instant of a statement."""


class InvalidRequestError(ValueError):
    """The statement is unknown, or the values do not match its parameters. The message contains no values."""


class Query(NamedTuple, Generic[Row]):
    """A statement with the values of its parameters."""

    statement: "Statement[Row]"
    values: Mapping[str, object]


class Statement(NamedTuple, Generic[Row]):
    """A statement of the function `read`."""

    name: str
    sql: str  # with psycopg2's named placeholders
    row_type: type[Row]  # its fields are the columns, in order
    parameters: Mapping[str, types.ParameterType]  # any value may be null

    def bind(self, **values: object) -> Query[Row]:
        """Return a query of the statement with the values of its parameters."""
        return Query(self, values)


class Catalogue:
    """Statements of this project, of one slice (`STATEMENTS` in its module `statements`), or of all combined."""

    def __init__(self, folder: Path, tables_with_write_time: AbstractSet[str] = frozenset()) -> None:
        """Create a catalogue without statements.

        Args:
            folder: folder of their SQL files.
            tables_with_write_time: tables that can be queried as of an earlier instant.
        """
        self._folder = folder
        self.tables_with_write_time = tables_with_write_time
        self.statements: dict[str, Statement[Any]] = {}

    def add(
        self,
        name: str,
        row_type: type[Row],
        parameters: Mapping[str, types.ParameterType] = MappingProxyType({}),
    ) -> Statement[Row]:
        """Add the statement of the file NAME.sql, and return it; see `Statement`."""
        sql = read_sql(self._folder / f"{name}.sql")
        statement = Statement(name, sql, row_type, parameters)
        self.statements[name] = statement
        return statement

    def combine(self, others: Iterable["Catalogue"]) -> "Catalogue":
        """Return a catalogue of these statements and those of other catalogues.

        Raises:
            ValueError: two statements have the same name.
        """
        combined = Catalogue(self._folder, self.tables_with_write_time)
        for catalogue in (self, *others):
            if names := combined.statements.keys() & catalogue.statements.keys():
                raise ValueError(f"{min(names)}.sql: another statement already has this name; rename the file")
            combined.statements |= catalogue.statements
            combined.tables_with_write_time |= catalogue.tables_with_write_time
        return combined

    def parse_values(self, name: str, values: Any) -> dict[str, object]:
        """Parse values that `to_json_values` produced into psycopg2 parameters of a statement.

        Raises:
            InvalidRequestError: the statement is unknown; a value is missing, unknown or has the wrong type; or the
                range is longer than MAX_RANGE.
        """
        if name not in self.statements:
            raise InvalidRequestError("unknown statement")
        parameters = self.statements[name].parameters
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
                is_too_long = {"de", "ate"} <= parsed.keys()
        if is_too_long:
            raise InvalidRequestError(f"{name}: the range from de to ate is more than a year, or one of them is null")
        return parsed


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
