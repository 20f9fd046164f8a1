"""Reading by statements that are deployed: on a connection, or by the function of a stage that reads.

The latter needs AWS credentials and no way to the database.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, overload

import click
from psycopg2.extensions import connection, cursor

from ponto.reader import packed_rows
from ponto.reader.query_function import (
    WRITER_TIMEOUT_SECONDS,
    ErrorCode,
    QueryError,
    begin_snapshot,
    wait_for_writers,
)
from ponto.reader.statements import is_historical, to_json_values
from slices import enabled
from tools.kit import database, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.functions import RESUME_TIMEOUT_SECONDS, invoke
from tools.kit.output import print_status
from tools.kit.target import TargetOptions as TargetOptions
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

Row = TypeVar("Row", bound=NamedTuple)
Row2 = TypeVar("Row2", bound=NamedTuple)

_FETCHED_ROWS = 2_000  # that the server sends at a time
EPILOG = f"""the database: that of the running local stack; or, with --stage, a stage's, by
a function and with nothing but AWS credentials; or, with --database env,
{database.ENVIRONMENT}
"""
_NOT_MIGRATED = ("42P01", "42883", "42704")  # SQLSTATEs: no such table, function, type


class Query(NamedTuple, Generic[Row]):
    """A statement of `ponto.reader`, with a value for each of its parameters."""

    name: str
    row_type: type[Row]
    values: Mapping[str, object]

    def rows(self, tuples: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
        """Yield tuples as rows, without control characters."""
        return map(self.row_type._make, remove_control_characters(tuples))

    def execute(self, session: cursor) -> Iterator[Row]:
        """Run it on a cursor; yield its rows."""
        session.execute(enabled.statements().sql[self.name], self.values)
        return self.rows(session)


class Statement(NamedTuple, Generic[Row]):
    """A statement of `ponto.reader` by its name. The fields of its row type are its columns, in order."""

    name: str
    row_type: type[Row]

    def bind(self, **values: object) -> Query[Row]:
        """Return a query: the statement with a value for each of its parameters."""
        return Query(self.name, self.row_type, values)


_clean_text = partial(re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]").sub, "")
_NESTED = (dict, list)


def remove_control_characters(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield rows without the control and bidirectional characters of their texts, in JSON documents too.

    The tables' own checks refuse these in most texts. Whatever let one in, no report, file or terminal gets it.
    """
    for row in rows:
        for value in row:
            if (value.__class__ is str and not value.isprintable()) or value.__class__ in _NESTED:
                yield tuple(map(_clean_value, row))
                break
        else:
            yield row


def _clean_value(value: Any) -> Any:
    match value:
        case str():
            return _clean_text(value)
        case dict():
            return {_clean_text(name): _clean_value(each) for name, each in value.items()}
        case list() if any(each.__class__ in (str, dict, list) for each in value):
            return [_clean_value(each) for each in value]
    return value


def _local_unless_named(context: click.Context, _: click.Parameter, stage: str | None) -> str:
    context.params["reads_by_function"] = stage is not None
    return stage or target.LOCAL


_DEPLOYMENT_OPTIONS = (
    click.option(
        "--stage",
        show_default=False,
        callback=_local_unless_named,
        help="A deployed one, by a function (default: the local stack).",
    ),
    target.PROFILE,
    target.REGION,
    opt.state,
    database.timeout_option(subject="a statement (with --stage all of them)"),
)
deployment_options = target.with_options(*_DEPLOYMENT_OPTIONS)
"""Options that name a deployment, of which a command needs more than the database."""

options = target.with_options(database.DATABASE_OPTION, *_DEPLOYMENT_OPTIONS)
"""Options of where to read."""


class AnswerTooLargeError(CommandError):
    """The rows do not fit into an answer of the function."""


class Ranges(NamedTuple):
    """Rows of all employees, read in one go or by ranges of employees."""

    shared: Sequence[Iterator[Any]]
    by_range: Iterator[Sequence[Iterator[Any]]]  # of each range
    employee_count: int | None  # how many they are of; None: all was read in one go


class Reader(Protocol):
    """Runs statements of `ponto.reader`."""

    @overload
    def read(self, query: Query[Row], /) -> tuple[Iterator[Row]]: ...

    @overload
    def read(self, query: Query[Row], query2: Query[Row2], /) -> tuple[Iterator[Row], Iterator[Row2]]: ...

    @overload
    def read(self, *queries: Query[Any]) -> tuple[Iterator[Any], ...]: ...

    def read(self, *queries: Query[Any]) -> Any:
        """Run queries, all on one snapshot; return the rows of each, which are read once.

        Raises:
            CommandError: it cannot be done.
        """

    def read_by_employee(
        self, employees: Query[Any], shared: Sequence[Query[Any]], per_employee: Sequence[Query[Any]]
    ) -> Ranges:
        """Run queries on all employees; those that do not fit into one answer by ranges of employees.

        Args:
            employees: its rows have the `employee_id` of each.
            shared: queries whose rows are few.
            per_employee: the others; their `usuarios` are null, and a range of employees in parts.

        Raises:
            CommandError: it cannot be done.
        """


class DirectReader:
    """Reads on a connection, as the rows are needed."""

    def __init__(self, database: connection, *, allows_historical: bool) -> None:
        """Read on a connection in the transaction that `direct` has begun; earlier instants only if it is settled."""
        self._database = database
        self._is_settled = allows_historical

    def read(self, *queries: Query[Any]) -> Any:
        if not self._is_settled and any(is_historical(query.values) for query in queries):
            raise RuntimeError("what asks for an earlier instant opens the reader for one")
        return [self._rows(query) for query in queries]

    def read_by_employee(
        self, employees: Query[Any], shared: Sequence[Query[Any]], per_employee: Sequence[Query[Any]]
    ) -> Ranges:
        """In one go, for the rows stay on the server until they are needed."""
        del employees
        return Ranges(self.read(*shared), iter([self.read(*per_employee)]), None)

    def _rows(self, query: Query[Row]) -> Iterator[Row]:
        with self._database.cursor(name=f"ponto_{query.name}") as cursor:
            cursor.itersize = _FETCHED_ROWS
            yield from query.execute(cursor)


@contextmanager
def open_direct_reader(
    database: connection, *, allows_historical: bool = False, writer_timeout_seconds: float = WRITER_TIMEOUT_SECONDS
) -> Iterator[DirectReader]:
    """Begin to read: all that is read until the end is on one snapshot.

    Args:
        database: outside of any transaction.
        allows_historical: it may be asked for what was there at an earlier instant.
        writer_timeout_seconds: as of `wait_for_writers`.

    Raises:
        CommandError: what was written before such an instant may still be committed.
    """
    if allows_historical:
        try:
            wait_for_writers(database, enabled.statements().tables_with_write_time, writer_timeout_seconds)
        except QueryError as error:
            raise CommandError(str(error)) from None
    begin_snapshot(database)
    try:
        yield DirectReader(database, allows_historical=allows_historical)
    finally:
        database.rollback()


class FunctionReader:
    """Reads by the function of a stage. Each `read` is on its own snapshot."""

    def __init__(
        self,
        functions: "LambdaClient",
        name: str,
        stage: str,
        timeout: int,
        resume_seconds: int = RESUME_TIMEOUT_SECONDS,
    ) -> None:
        """Invoke nothing yet.

        Args:
            functions, name, stage: as of `functions.invoke`.
            timeout: seconds that a `read` may take; 0: as many as the function has.
            resume_seconds: that a `read` waits for a database that resumes.
        """
        self._functions = functions
        self._name = name
        self._stage = stage
        self._timeout = timeout
        self._resume_seconds = resume_seconds

    def read(self, *queries: Query[Any]) -> Any:
        """As of every reader; waits for a database that resumes.

        Raises:
            AnswerTooLargeError, FunctionBusyError: see there.
            CommandError: the function is missing, does not reach the database, or failed.
        """
        read = {query.name: to_json_values(query.values) for query in queries}
        request = {"read": read, "timeout": self._timeout}
        wait = retry_pauses(
            "ponto: the database does not answer yet; a paused one takes 15 to 40 s to resume.",
            timeout_seconds=self._resume_seconds,
        )
        while True:
            answer = invoke(self._functions, self._name, self._stage, request)
            if answer.get("why") != ErrorCode.UNREACHABLE or not next(wait, False):
                break
        if "why" in answer:
            raise self._to_error(answer)
        return [query.rows(packed_rows.unpack(answer["rows"][query.name])) for query in queries]

    def read_by_employee(
        self, employees: Query[Any], shared: Sequence[Query[Any]], per_employee: Sequence[Query[Any]]
    ) -> Ranges:
        try:
            rows = self.read(*shared, *per_employee)
        except AnswerTooLargeError:
            print_status(
                "ponto: it is more than fits into one answer; "
                "it is read by ranges of employees, each of its own instant"
            )
        else:
            return Ranges(rows[: len(shared)], iter([rows[len(shared) :]]), None)
        employee_rows, *few = self.read(employees, *shared)
        employee_ids = [row.employee_id for row in employee_rows]
        return Ranges(few, self._read_ranges(employee_ids, per_employee), len(employee_ids))

    def _read_ranges(
        self, employee_ids: Sequence[int], queries: Sequence[Query[Any]]
    ) -> Iterator[Sequence[Iterator[Any]]]:
        at, size = 0, max(1, len(employee_ids) // 2)
        while at < len(employee_ids):
            some = employee_ids[at : at + size]
            try:
                rows = self.read(*(query._replace(values={**query.values, "usuarios": some}) for query in queries))
            except AnswerTooLargeError:
                if size == 1:
                    raise
                size //= 2
            else:
                at += size
                yield rows

    def _to_error(self, answer: Mapping[str, str]) -> CommandError:
        message = answer["message"]
        schema = f"run ponto schema --stage {self._stage}"
        match answer["why"]:
            case ErrorCode.TOO_LARGE:
                return AnswerTooLargeError(
                    "it is more than the 6 MB that AWS admits in an answer; ask for less at a time"
                )
            case ErrorCode.UNREACHABLE:
                return CommandError(f"{self._name} cannot connect to the database: {message}")
            case ErrorCode.SIGN_IN:
                return CommandError(
                    f"IAM does not let {self._name} in, or it has another password than the database: {message}; "
                    f"{schema}"
                )
            case ErrorCode.INVALID_REQUEST:
                return CommandError(f"{self._name} is of another version: {message}; deploy stage {self._stage}")
        if answer.get("sqlstate") == "57014" and self._timeout:
            return CommandError(f"it took longer than {self._timeout} s; give a larger --timeout")
        if answer.get("sqlstate") in _NOT_MIGRATED:
            return CommandError(f"the database of stage {self._stage} lacks migrations; {schema}")
        return CommandError(f"{self._name}: {message}")


@contextmanager
def open_reader(target_options: TargetOptions, *, allows_historical: bool = False) -> Iterator[Reader]:
    """Open the reader that the options named; `allows_historical` is as of `direct`.

    Raises:
        CommandError: no local stack runs; see also `database.connect` and `direct`.
    """
    if not target_options.reads_by_function:
        with (
            database.connect(target_options, read_only=True) as session,
            open_direct_reader(session, allows_historical=allows_historical) as reader,
        ):
            yield reader
        return
    functions, name = target.function_client(target_options, "read")
    yield FunctionReader(functions, name, target_options.stage, target_options.timeout_seconds)
