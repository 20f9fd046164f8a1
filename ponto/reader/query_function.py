"""The function `read`: statements of its catalogue, by name, all on one snapshot.

Values and rows are in its result only, never in a log: an error's text may quote a value.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from enum import StrEnum
from typing import Any, NamedTuple, NotRequired, TypedDict

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

from ponto.connection import CannotConnectError, Parameters, Settings, Timeouts, connect, error_message, is_refused
from ponto.log import type_and_location
from ponto.reader.packed_rows import MAX_CHUNK_ROWS, PackedRows
from ponto.reader.statements import REFERENCE, Catalogue, InvalidRequestError, is_historical
from ponto.sql_names import SCHEMA

MAX_RESULT_BYTES = 4_400_000
"""Of all rows of a result, but for what zlib still holds back: a third more in base64, and Lambda admits 6 MB."""

WRITER_TIMEOUT_SECONDS = 6
"""For transactions that may commit rows of an earlier instant: more than a statement of the drain may take."""

TIMEOUTS = Timeouts(connect_seconds=8, attempt_seconds=4)
"""A database that resumes takes longer to connect to: the caller tries again."""

_POLL_SECONDS = 0.05  # between two queries for writers
_RESPONSE_SECONDS = 5  # of the function's time that statements leave for the rest
_SETTINGS: Settings = {"default_transaction_read_only": "on", "timezone": "UTC", "max_parallel_workers_per_gather": 0}
# A cursor's rows are read to the end: plan for all of them. Instants come as UTC.
_BEGIN = "set local cursor_tuple_fraction = 1; set local timezone = 'UTC'"
_SET_TIMEOUT = "select set_config('statement_timeout', %(milliseconds)s, true)"


class ErrorCode(StrEnum):
    """Why there is no result."""

    INVALID_REQUEST = "not asked"  # of another version
    UNREACHABLE = "unreachable"  # no connection: a paused database resumes meanwhile
    SIGN_IN = "sign-in"  # the role has another password, or IAM does not let it in
    TOO_LARGE = "too large"  # for one result
    FAILED = "failed"  # PostgreSQL refused, or the function's own code failed


class Result(TypedDict):
    """Rows by statement, as `packed_rows` packs them; or why there are none."""

    rows: NotRequired[dict[str, str]]
    why: NotRequired[str]  # an ErrorCode
    message: NotRequired[str]  # for the caller; it may quote the request
    sqlstate: NotRequired[str]


class QueryStats(NamedTuple):
    """Figures of a request that may be logged."""

    statements: list[str]  # that were run
    rows: int
    bytes: int
    error: str  # its type, and where it was raised; empty: none


class QueryError(Exception):
    """There is no result. The message is for the caller, `error` for the log."""

    def __init__(self, code: ErrorCode, message: str = "", error: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.error = error or code


def handle(
    event: Any,
    parameters: Callable[[], Parameters],
    seconds: float,
    catalogue: Catalogue,
    max_bytes: int = MAX_RESULT_BYTES,
    timeouts: Timeouts = TIMEOUTS,
    writer_timeout_seconds: float = WRITER_TIMEOUT_SECONDS,
) -> tuple[Result, QueryStats]:
    """Run statements in one transaction that only reads.

    Args:
        event: {"read": {statement: its values, as of `statements.to_json_values`}, "timeout": seconds that all of them
            may take; 0: as many as are left}.
        parameters: as of `Session`.
        seconds: that the function has left.
        catalogue: the statements that there are.
        max_bytes: of all rows, compressed.
    """
    end = time.monotonic() + seconds
    packed: dict[str, PackedRows] = {}
    error = ""
    try:
        request, timeout = _parse(event, catalogue)
        end = min(time.monotonic() + (timeout or seconds), end - _RESPONSE_SECONDS)
        with closing(_connect(parameters, timeouts, end)) as database:
            if any(map(is_historical, request.values())):
                wait_for_writers(database, catalogue.tables_with_write_time, writer_timeout_seconds)
            begin_snapshot(database)
            for name, values in request.items():
                for types, rows in _chunks(database, name, catalogue.sql[name], values, end):
                    packed.setdefault(name, PackedRows()).add(types, rows)
                    if sum(each.size for each in packed.values()) > max_bytes:
                        raise QueryError(ErrorCode.TOO_LARGE)  # noqa: TRY301  handled like those of the functions
        result: Result = {"rows": {name: each.to_text() for name, each in packed.items()}}
    except Exception as failed:  # noqa: BLE001  Lambda would log its text
        code, message, error = _explain(failed)
        result = {"why": code, "message": message, "sqlstate": getattr(failed, "pgcode", None) or ""}
    row_count = sum(each.rows for each in packed.values())
    return result, QueryStats(list(packed), row_count, sum(map(len, result.get("rows", {}).values())), error)


def wait_for_writers(
    database: connection,
    tables: Iterable[str],
    timeout_seconds: float = WRITER_TIMEOUT_SECONDS,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Wait, outside of a transaction, until all that may have an earlier instant than now is committed or rolled back.

    Raises:
        QueryError: a transaction that writes to one of the tables has not ended in time. The message names it.
    """
    end = time.monotonic() + timeout_seconds
    writers: dict[str, str] | None = None  # since the first query, by transaction
    while True:
        with database.cursor() as cursor:
            cursor.execute(REFERENCE.sql["writing"], {"tables": [f"{SCHEMA}.{table}" for table in tables]})
            current: dict[str, str] = dict(cursor.fetchall())
        database.rollback()
        writers = {name: who for name, who in current.items() if writers is None or name in writers}
        if not writers:
            return
        if time.monotonic() > end:
            message = (
                f"rows are being written by {' and '.join(sorted(writers.values()))}, for longer than "
                f"{timeout_seconds} s; a report of an earlier instant might miss them: try again when that has ended"
            )
            raise QueryError(ErrorCode.FAILED, message, "writer timeout")
        sleep(_POLL_SECONDS)


def begin_snapshot(database: connection) -> None:
    """Begin the transaction in which statements are run."""
    database.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    with database.cursor() as cursor:
        cursor.execute(_BEGIN)


def _explain(failed: Exception) -> tuple[ErrorCode, str, str]:
    """Return why there is no result, the message for the caller, and what the log may say."""
    match failed:
        case InvalidRequestError():
            return ErrorCode.INVALID_REQUEST, str(failed), ErrorCode.INVALID_REQUEST
        case QueryError():
            return failed.code, str(failed), failed.error
        case psycopg2.Error():
            return ErrorCode.FAILED, error_message(failed), f"{type(failed).__name__} {failed.pgcode or ''}".strip()
    return ErrorCode.FAILED, type_and_location(failed), type_and_location(failed)


def _parse(event: Any, catalogue: Catalogue) -> tuple[dict[str, dict[str, object]], float]:
    try:
        statements, timeout = event["read"].items(), float(event["timeout"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidRequestError("expected keys: read, timeout") from None
    return {name: catalogue.parse_values(name, values) for name, values in statements}, timeout


def _connect(parameters: Callable[[], Parameters], timeouts: Timeouts, end: float) -> connection:
    try:
        current = parameters()
    except Exception as error:  # noqa: BLE001  of Secrets Manager, or of what it holds
        message = f"the password cannot be read: {error}"
        raise QueryError(ErrorCode.FAILED, message, type_and_location(error)) from None
    settings = {**_SETTINGS, "statement_timeout": _remaining_ms(end)}
    try:
        return connect(current, "ponto read", timeouts, settings=settings)
    except (psycopg2.Error, CannotConnectError) as error:
        code = ErrorCode.SIGN_IN if is_refused(error) else ErrorCode.UNREACHABLE
        raise QueryError(code, str(error).partition("\n")[0], f"{code}: {type(error).__name__}") from None


def _chunks(
    database: connection, name: str, sql: str, values: Mapping[str, object], end: float
) -> Iterator[tuple[list[int], list[tuple[Any, ...]]]]:
    """Yield the columns' types and the rows of a statement, part by part; the last part is empty."""
    with database.cursor(name=f"ponto_{name}") as cursor, database.cursor() as session:
        cursor.execute(sql, values)
        rows = None
        while rows is None or rows:
            # PostgreSQL applies the timeout to each FETCH.
            session.execute(_SET_TIMEOUT, {"milliseconds": str(_remaining_ms(end))})
            rows = cursor.fetchmany(MAX_CHUNK_ROWS)
            yield [column.type_code for column in cursor.description or ()], rows


def _remaining_ms(end: float) -> int:
    """Return the ms until then, at least one: 0 would be no limit."""
    return max(1, round(1000 * (end - time.monotonic())))
