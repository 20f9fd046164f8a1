"""Readers that run the statements of `ponto.read`: on a connection, or through the function `read` of a stage.

Invoking the function needs AWS credentials, but no access to the database.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, overload

import click
from psycopg2 import extensions

from ponto import enabled_slices
from ponto.read import packed_rows
from ponto.read.query_function import (
    WRITER_TIMEOUT_SECONDS,
    ErrorCode,
    QueryError,
    begin_snapshot,
    wait_for_writers,
)
from ponto.read.statements import Query, Row, is_historical, to_json_values
from tools.kit import database, shared_options, target
from tools.kit.errors import CommandError
from tools.kit.functions import RESUME_TIMEOUT_SECONDS, invoke
from tools.kit.output import print_status
from tools.kit.target import TargetOptions
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

Row2 = TypeVar("Row2", bound=NamedTuple)

_FETCH_SIZE = 2_000  # rows that the server sends at a time
EPILOG = """By default, the command reads the local stack's database. With --stage, it reads the
stage's, through a function that it invokes with your AWS credentials.
"""
_MISSING_OBJECT_SQLSTATES = ("42P01", "42883", "42704")  # undefined table, function, object


_clean_text = partial(re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]").sub, "")
_NESTED = (dict, list)


def remove_control_characters(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield rows without control and bidirectional characters, also inside JSON documents.

    Table constraints refuse such characters in most text columns; this function keeps those of other columns out of
    reports, files and terminals.
    """
    for row in rows:
        for value in row:
            if (value.__class__ is str and not value.isprintable()) or value.__class__ in _NESTED:
                yield tuple(map(_clean_value, row))
                break
        else:
            yield row


def parse_rows(query: Query[Row], tuples: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    """Convert tuples to rows of a query, and remove control characters."""
    return map(query.statement.row_type._make, remove_control_characters(tuples))


def execute(query: Query[Row], cursor: extensions.cursor) -> Iterator[Row]:
    """Run a query on a cursor and return its rows."""
    cursor.execute(query.statement.sql, query.values)
    return parse_rows(query, cursor)


def _clean_value(value: Any) -> Any:
    match value:
        case str():
            return _clean_text(value)
        case dict():
            return {_clean_text(name): _clean_value(item) for name, item in value.items()}
        case list() if any(item.__class__ in (str, dict, list) for item in value):
            return [_clean_value(item) for item in value]
    return value


def _parse_stage(context: click.Context, _: click.Parameter, stage: str | None) -> str:
    context.params["reads_by_function"] = stage is not None
    return stage or target.LOCAL


options = target.with_options(
    click.option(
        "--stage",
        callback=_parse_stage,
        help="Deployed stage, read through its function (default: the local stack).",
    ),
    target.PROFILE,
    target.REGION,
    shared_options.state,
    click.option(
        "--timeout",
        "timeout_seconds",
        type=click.IntRange(0, 1_000_000),
        default=target.TIMEOUT_SECONDS,
        metavar="S",
        help="Seconds that a statement, or with --stage all of them, may take; 0: no limit.",
    ),
)
"""Options that name a deployment, whose database is read."""


class ResponseTooLargeError(CommandError):
    """The rows do not fit into a response of the function."""


class EmployeeRows(NamedTuple):
    """Rows of all employees, read at once or by ranges of employees."""

    shared: Sequence[Iterator[Any]]  # rows of the shared queries
    by_range: Iterator[Sequence[Iterator[Any]]]  # rows of the other queries, for each range
    employee_count: int | None  # number of all employees; None: all rows were read at once


class Reader(Protocol):
    """Interface of readers, which run statements of `ponto.read`."""

    @overload
    def read(self, query: Query[Row], /) -> tuple[Iterator[Row]]: ...

    @overload
    def read(self, query: Query[Row], query2: Query[Row2], /) -> tuple[Iterator[Row], Iterator[Row2]]: ...

    @overload
    def read(self, *queries: Query[Any]) -> tuple[Iterator[Any], ...]: ...

    def read(self, *queries: Query[Any]) -> Any:
        """Run queries on one snapshot, and return an iterator over the rows of each.

        Raises:
            CommandError: a query failed.
        """

    def read_by_employee(
        self, employees: Query[Any], shared: Sequence[Query[Any]], per_employee: Sequence[Query[Any]]
    ) -> EmployeeRows:
        """Run queries on all employees, by ranges of employees if the rows do not fit into one response.

        Args:
            employees: query of all employees; its rows have an `employee_id`.
            shared: queries with few rows, which are read once.
            per_employee: queries with the parameter `employee_ids`: null, or the employees of a range.

        Raises:
            CommandError: a query failed.
        """


class DirectReader:
    """Reader on a connection, which fetches rows as they are needed."""

    def __init__(self, connection: extensions.connection, *, allows_historical_reads: bool) -> None:
        """Create a reader in the transaction that `open_direct_reader` began.

        `allows_historical_reads`: whether queries may read the database as of an earlier instant.
        """
        self._connection = connection
        self._allows_historical_reads = allows_historical_reads

    def read(self, *queries: Query[Any]) -> Any:
        if not self._allows_historical_reads and any(is_historical(query.values) for query in queries):
            raise RuntimeError("open the reader with allows_historical_reads to read an earlier instant")
        return [self._rows(query) for query in queries]

    def read_by_employee(
        self, employees: Query[Any], shared: Sequence[Query[Any]], per_employee: Sequence[Query[Any]]
    ) -> EmployeeRows:
        """Read all at once: the rows stay on the server until they are needed."""
        del employees
        return EmployeeRows(self.read(*shared), iter([self.read(*per_employee)]), None)

    def _rows(self, query: Query[Row]) -> Iterator[Row]:
        with self._connection.cursor(name=f"ponto_{query.statement.name}") as cursor:
            cursor.itersize = _FETCH_SIZE
            yield from execute(query, cursor)


@contextmanager
def open_direct_reader(
    connection: extensions.connection,
    *,
    allows_historical_reads: bool = False,
    writer_timeout_seconds: float = WRITER_TIMEOUT_SECONDS,
) -> Iterator[DirectReader]:
    """Yield a reader of one snapshot.

    Args:
        connection: connection outside any transaction.
        allows_historical_reads: whether queries may read the database as of an earlier instant.
        writer_timeout_seconds: see `wait_for_writers`.

    Raises:
        CommandError: a transaction that began earlier is still writing, so the state as of an instant is not final.
    """
    if allows_historical_reads:
        try:
            wait_for_writers(connection, enabled_slices.statements().tables_with_write_time, writer_timeout_seconds)
        except QueryError as error:
            raise CommandError(str(error)) from None
    begin_snapshot(connection)
    try:
        yield DirectReader(connection, allows_historical_reads=allows_historical_reads)
    finally:
        if not connection.closed:  # by the server, perhaps: rollback would hide that error
            connection.rollback()


class FunctionReader:
    """Reader through the function of a stage. Each call of `read` has a separate snapshot."""

    def __init__(
        self,
        functions: "LambdaClient",
        name: str,
        stage: str,
        timeout_seconds: int,
    ) -> None:
        """Create a reader, without invoking the function.

        Args:
            functions, name, stage: see `functions.invoke`.
            timeout_seconds: time limit of the queries of one `read`; 0: the function's limit.
        """
        self._functions = functions
        self._name = name
        self._stage = stage
        self._timeout_seconds = timeout_seconds

    def read(self, *queries: Query[Any]) -> Any:
        """Run queries on one snapshot; wait for a paused database to resume.

        Raises:
            ResponseTooLargeError: the rows do not fit into a response.
            FunctionBusyError: the function already runs as many times in parallel as it may.
            CommandError: the function is missing, cannot reach the database, or failed.
        """
        read = {query.statement.name: to_json_values(query.values) for query in queries}
        request = {"read": read, "timeout": self._timeout_seconds}
        pauses = retry_pauses(
            "ponto: the database does not answer yet; a paused one takes 15 to 40 s to resume.",
            timeout_seconds=RESUME_TIMEOUT_SECONDS,
        )
        while True:
            response = invoke(self._functions, self._name, self._stage, request)
            if response.get("error") != ErrorCode.UNREACHABLE or not next(pauses, False):
                break
        if "error" in response:
            raise self._to_error(response)
        return [parse_rows(query, packed_rows.unpack(response["rows"][query.statement.name])) for query in queries]

    def read_by_employee(
        self, employees: Query[Any], shared: Sequence[Query[Any]], per_employee: Sequence[Query[Any]]
    ) -> EmployeeRows:
        try:
            rows = self.read(*shared, *per_employee)
        except ResponseTooLargeError:
            print_status(
                "ponto: the rows do not fit into one response; they are read by ranges of employees, each "
                "on a separate snapshot"
            )
        else:
            return EmployeeRows(rows[: len(shared)], iter([rows[len(shared) :]]), None)
        employee_rows, *shared_rows = self.read(employees, *shared)
        employee_ids = [row.employee_id for row in employee_rows]
        return EmployeeRows(shared_rows, self._read_ranges(employee_ids, per_employee), len(employee_ids))

    def _read_ranges(
        self, employee_ids: Sequence[int], queries: Sequence[Query[Any]]
    ) -> Iterator[Sequence[Iterator[Any]]]:
        start, size = 0, max(1, len(employee_ids) // 2)
        while start < len(employee_ids):
            ids = employee_ids[start : start + size]
            try:
                rows = self.read(*(query._replace(values={**query.values, "employee_ids": ids}) for query in queries))
            except ResponseTooLargeError:
                if size == 1:
                    raise
                size //= 2
            else:
                start += size
                yield rows

    def _to_error(self, response: Mapping[str, str]) -> CommandError:
        message = response["message"]
        schema = f"run ponto schema --stage {self._stage}"
        match response["error"]:
            case ErrorCode.TOO_LARGE:
                return ResponseTooLargeError(
                    "the result is larger than the 6 MB that AWS allows in a response; request less at a time"
                )
            case ErrorCode.UNREACHABLE:
                return CommandError(f"{self._name} cannot connect to the database: {message}")
            case ErrorCode.DATABASE_LOGIN:
                return CommandError(
                    f"the database refused the login of {self._name} (IAM token or password): {message}; {schema}"
                )
            case ErrorCode.INVALID_REQUEST:
                return CommandError(
                    f"{self._name} and this command have different versions: {message}; deploy stage {self._stage}"
                )
        if response.get("sqlstate") == "57014" and self._timeout_seconds:
            return CommandError(f"the queries took longer than {self._timeout_seconds} s; set a larger --timeout")
        if response.get("sqlstate") in _MISSING_OBJECT_SQLSTATES:
            return CommandError(f"the database of stage {self._stage} lacks migrations; {schema}")
        return CommandError(f"{self._name}: {message}")


@contextmanager
def open_reader(target_options: TargetOptions, *, allows_historical_reads: bool = False) -> Iterator[Reader]:
    """Yield the reader of the database that the options name; see `open_direct_reader`.

    Raises:
        CommandError: no local stack runs; see also `database.connect` and `open_direct_reader`.
    """
    if not target_options.reads_by_function:
        with (
            database.connect(target_options, read_only=True) as connection,
            open_direct_reader(connection, allows_historical_reads=allows_historical_reads) as reader,
        ):
            yield reader
        return
    functions, name = target.function_client(target_options, "read")
    yield FunctionReader(functions, name, target_options.stage, target_options.timeout_seconds)
