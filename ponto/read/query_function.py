"""The function `read`: runs statements of its catalogue, all on one snapshot of the database.

Values and rows are only in its result, never in a log. Error texts may quote values, so they are not logged either.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

from ponto.read.packed_rows import MAX_CHUNK_ROWS, PackedRows
from ponto.read.statements import Catalogue, InvalidRequestError, is_historical
from ponto.shared.connection import (
    CannotConnectError,
    Parameters,
    Settings,
    Timeouts,
    connect,
    error_message,
    is_login_refused,
)
from ponto.shared.log import type_and_location
from ponto.shared.sql_names import SCHEMA, read_sql

MAX_RESULT_BYTES = 4_400_000
"""Maximum size of the compressed rows, not counting zlib's buffer. Base64 adds a third; Lambda allows 6 MB."""

WRITER_TIMEOUT_SECONDS = 6
"""Maximum wait for open write transactions; longer than the statement timeout of the drain."""

TIMEOUTS = Timeouts(connect_seconds=8, attempt_seconds=4)
"""Shorter than the time in which a paused database resumes: the caller retries."""

_POLL_SECONDS = 0.05  # between two queries for open writers
_RESPONSE_SECONDS = 5  # reserved at the end of an invocation for building and sending the response
_SETTINGS: Settings = {"default_transaction_read_only": "on", "timezone": "UTC", "max_parallel_workers_per_gather": 0}
# cursor_tuple_fraction = 1 makes the planner optimize for all rows of a cursor, not for the first ones.
_BEGIN = "set local cursor_tuple_fraction = 1; set local timezone = 'UTC'"
_OPEN_WRITERS = read_sql(Path(__file__).parent / "sql" / "open_writers.sql")
_SET_TIMEOUT = "select set_config('statement_timeout', %(milliseconds)s, true)"


class ErrorCode(StrEnum):
    """Reason why a request failed."""

    INVALID_REQUEST = "invalid request"  # unknown statement or wrong parameters; the caller may be of another version
    UNREACHABLE = "unreachable"  # connecting failed, for example because a paused database is resuming
    DATABASE_LOGIN = "database-login"  # the database or IAM rejected the login
    TOO_LARGE = "too large"  # the rows exceed the maximum size of a result
    FAILED = "failed"  # a statement or the function's own code failed


class QueryResult(TypedDict):
    """Response to the caller: `rows`, or the other keys if the request failed."""

    rows: NotRequired[dict[str, str]]  # by statement, packed by `packed_rows`
    error: NotRequired[str]  # an ErrorCode
    message: NotRequired[str]  # may quote the request
    sqlstate: NotRequired[str]


class QueryStats(NamedTuple):
    """Statistics of a request, for the log."""

    statements: list[str]  # names of the statements that were run
    rows: int
    bytes: int
    error: str  # type of the error, and where it was raised; empty if there was none


class QueryError(Exception):
    """The request failed. The message is for the caller, `error` for the log."""

    def __init__(self, code: ErrorCode, message: str = "", error: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.error = error or code


def handle(
    event: Any,
    parameters: Callable[[], Parameters],
    remaining_seconds: float,
    catalogue: Catalogue,
    max_bytes: int = MAX_RESULT_BYTES,
    timeouts: Timeouts = TIMEOUTS,
    writer_timeout_seconds: float = WRITER_TIMEOUT_SECONDS,
) -> tuple[QueryResult, QueryStats]:
    """Run statements in one read-only transaction.

    Args:
        event: {"read": {STATEMENT: VALUES, ...}, "timeout": SECONDS}, with values from `statements.to_json_values`. The
            timeout applies to all statements together; 0 means no limit other than `remaining_seconds`.
        parameters: see `Session`.
        remaining_seconds: remaining time of the invocation.
        catalogue: the statements that can be run.
        max_bytes: maximum size of all rows, compressed.
        timeouts: time limits of the connection.
        writer_timeout_seconds: see `wait_for_writers`.
    """
    deadline = time.monotonic() + remaining_seconds
    packed: dict[str, PackedRows] = {}
    error = ""
    try:
        request, timeout = _parse(event, catalogue)
        deadline = min(time.monotonic() + (timeout or remaining_seconds), deadline - _RESPONSE_SECONDS)
        with closing(_connect(parameters, timeouts, deadline)) as database:
            if any(map(is_historical, request.values())):
                wait_for_writers(database, catalogue.tables_with_write_time, writer_timeout_seconds)
            begin_snapshot(database)
            for name, values in request.items():
                for types, rows in _fetch_chunks(database, name, catalogue.statements[name].sql, values, deadline):
                    packed.setdefault(name, PackedRows()).add(types, rows)
                    if sum(packed_rows.size for packed_rows in packed.values()) > max_bytes:
                        raise QueryError(ErrorCode.TOO_LARGE)  # noqa: TRY301  handled with the errors of the functions
        result: QueryResult = {"rows": {name: packed_rows.to_text() for name, packed_rows in packed.items()}}
    except Exception as failure:  # noqa: BLE001  Lambda would log its text
        code, message, error = _describe_failure(failure)
        result = {"error": code, "message": message, "sqlstate": getattr(failure, "pgcode", None) or ""}
    row_count = sum(packed_rows.row_count for packed_rows in packed.values())
    return result, QueryStats(list(packed), row_count, sum(map(len, result.get("rows", {}).values())), error)


def wait_for_writers(
    database: connection,
    tables: Iterable[str],
    timeout_seconds: float = WRITER_TIMEOUT_SECONDS,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Wait until all transactions that were writing to the tables have ended.

    Their rows already have write times, but are not visible until they commit. A query as of an earlier instant would
    miss these rows.

    Args:
        database: connection outside of a transaction.
        tables: names of the tables.
        timeout_seconds: maximum wait.
        sleep: `time.sleep`, or a fake.

    Raises:
        QueryError: a writing transaction has not ended in time. The message describes it.
    """
    deadline = time.monotonic() + timeout_seconds
    writers: dict[str, str] | None = None  # descriptions by transaction; only those that the first query found
    while True:
        with database.cursor() as cursor:
            cursor.execute(_OPEN_WRITERS, {"tables": [f"{SCHEMA}.{table}" for table in tables]})
            current: dict[str, str] = dict(cursor.fetchall())
        database.rollback()
        writers = {name: text for name, text in current.items() if writers is None or name in writers}
        if not writers:
            return
        if time.monotonic() > deadline:
            names = " and ".join(sorted(writers.values()))
            message = (
                f"transactions have been writing rows for longer than {timeout_seconds} s: {names}; a result as of an "
                "earlier instant might miss these rows, so try again when the transactions have ended"
            )
            raise QueryError(ErrorCode.FAILED, message, "writer timeout")
        sleep(_POLL_SECONDS)


def begin_snapshot(database: connection) -> None:
    """Begin a transaction whose statements all see the same snapshot."""
    database.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    with database.cursor() as cursor:
        cursor.execute(_BEGIN)


def _describe_failure(failure: Exception) -> tuple[ErrorCode, str, str]:
    """Return the error code and message for the caller, and the error for the log."""
    match failure:
        case InvalidRequestError():
            return ErrorCode.INVALID_REQUEST, str(failure), ErrorCode.INVALID_REQUEST
        case QueryError():
            return failure.code, str(failure), failure.error
        case psycopg2.Error():
            return ErrorCode.FAILED, error_message(failure), f"{type(failure).__name__} {failure.pgcode or ''}".strip()
    return ErrorCode.FAILED, type_and_location(failure), type_and_location(failure)


def _parse(event: Any, catalogue: Catalogue) -> tuple[dict[str, dict[str, object]], float]:
    try:
        statements, timeout = event["read"].items(), float(event["timeout"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidRequestError("expected keys: read, timeout") from None
    return {name: catalogue.parse_values(name, values) for name, values in statements}, timeout


def _connect(parameters: Callable[[], Parameters], timeouts: Timeouts, deadline: float) -> connection:
    try:
        current = parameters()
    except Exception as error:  # noqa: BLE001  fetching or parsing the secret failed
        message = f"the password cannot be fetched: {error}"
        raise QueryError(ErrorCode.FAILED, message, type_and_location(error)) from None
    settings = {**_SETTINGS, "statement_timeout": _remaining_ms(deadline)}
    try:
        return connect(current, "ponto read", timeouts, settings=settings)
    except (psycopg2.Error, CannotConnectError) as error:
        code = ErrorCode.DATABASE_LOGIN if is_login_refused(error) else ErrorCode.UNREACHABLE
        raise QueryError(code, str(error).partition("\n")[0], f"{code}: {type(error).__name__}") from None


def _fetch_chunks(
    database: connection, name: str, sql: str, values: Mapping[str, object], deadline: float
) -> Iterator[tuple[list[int], list[tuple[Any, ...]]]]:
    """Yield the column types and rows of a statement in chunks, of which the last is empty."""
    with database.cursor(name=f"ponto_{name}") as cursor, database.cursor() as settings_cursor:
        cursor.execute(sql, values)
        rows = None
        while rows is None or rows:
            # Set before each FETCH, because PostgreSQL applies the timeout to every single statement.
            settings_cursor.execute(_SET_TIMEOUT, {"milliseconds": str(_remaining_ms(deadline))})
            rows = cursor.fetchmany(MAX_CHUNK_ROWS)
            yield [column.type_code for column in cursor.description or ()], rows


def _remaining_ms(deadline: float) -> int:
    """Return the milliseconds until the deadline, at least one, because 0 would mean no limit."""
    return max(1, round(1000 * (deadline - time.monotonic())))
