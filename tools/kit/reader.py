"""Reader that runs the statements of `ponto.read` through the function `read` of a stage, also of the local stack.

Invoking the function needs AWS credentials, but no access to the database.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import click

from ponto.read import packed_rows
from ponto.read.query_function import ErrorCode
from ponto.read.statements import Query, Row, to_json_values
from tools.kit import target
from tools.kit.errors import CommandError
from tools.kit.functions import RESUME_TIMEOUT_SECONDS, invoke
from tools.kit.output import print_status
from tools.kit.target import TargetOptions
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

Row2 = TypeVar("Row2", bound=NamedTuple)

EPILOG = """By default, the command reads the local stack's database. With --stage, it reads that of a
deployed stage. It invokes the stage's function `read`, on AWS with your credentials.
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


def _clean_value(value: Any) -> Any:
    match value:
        case str():
            return _clean_text(value)
        case dict():
            return {_clean_text(name): _clean_value(item) for name, item in value.items()}
        case list() if any(item.__class__ in (str, dict, list) for item in value):
            return [_clean_value(item) for item in value]
    return value


options = target.with_options(
    *target.OPTIONS,
    click.option(
        "--timeout",
        "timeout_seconds",
        type=click.IntRange(0, 1_000_000),
        default=target.TIMEOUT_SECONDS,
        metavar="S",
        help="Seconds that the statements of a request may take; 0: no limit but the function's.",
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


class Reader:
    """Reader of a stage's database through the function `read`. Each call of a method has a snapshot of its own."""

    def __init__(self, functions: "LambdaClient", name: str, stage: str, timeout_seconds: int) -> None:
        """Create a reader, without invoking the function.

        Args:
            functions, name, stage: see `functions.invoke`.
            timeout_seconds: time limit of the queries of one `read`; 0: the function's limit.
        """
        self._functions = functions
        self._name = name
        self._stage = stage
        self._timeout_seconds = timeout_seconds

    @overload
    def read(self, query: Query[Row], /) -> tuple[Iterator[Row]]: ...

    @overload
    def read(self, query: Query[Row], query2: Query[Row2], /) -> tuple[Iterator[Row], Iterator[Row2]]: ...

    @overload
    def read(self, *queries: Query[Any]) -> tuple[Iterator[Any], ...]: ...

    def read(self, *queries: Query[Any]) -> Any:
        """Run queries on one snapshot, and return an iterator over the rows of each.

        Waits for a paused database to resume.

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
        """Run queries on all employees, by ranges of employees if the rows do not fit into one response.

        Args:
            employees: query of all employees; its rows have an `employee_id`.
            shared: queries with few rows, which are read once.
            per_employee: queries with the parameter `employee_ids`: null, or the employees of a range.

        Raises:
            CommandError: see `read`; or the rows of one employee do not fit into a response.
        """
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
        schema = "restart make run" if self._stage == target.LOCAL else f"run ponto schema --stage {self._stage}"
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


def create_reader(target_options: TargetOptions) -> Reader:
    """Return the reader of the stage that the options name, without reading.

    Raises:
        CommandError: no local stack runs.
    """
    functions, name = target.function_client(target_options, "read")
    return Reader(functions, name, target_options.stage, target_options.timeout_seconds)
