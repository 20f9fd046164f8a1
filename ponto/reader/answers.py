"""The function that reads: statements that are deployed with it, by name, all on one snapshot.

What it is given and what it reads is in its result only, never in a log: an error's text may quote a value.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from enum import StrEnum
from typing import Any, NamedTuple, NotRequired, TypedDict

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

from ponto.connection import CannotConnectError, Parameters, Settings, Timeouts, connect, error_message, is_refused
from ponto.errors import kind_and_line
from ponto.reader import columns, statements

MOST_BYTES = 4_400_000
"""Of all rows of a result, but for what zlib still holds back: a third more in base64, and Lambda admits 6 MB."""

TIMEOUTS = Timeouts(connect_seconds=8, attempt_seconds=4)
"""A database that resumes takes longer to connect to; whoever asks is told, and asks again."""

SETTLES_S = 6
"""s within which a transaction has to end that may commit a row of an earlier instant: more than a statement of the
drain may take."""

_LOOKS_S = 0.05  # between two looks at who writes
_TO_ANSWER_S = 5  # that a statement leaves of the function's time
_SETTINGS: Settings = {"default_transaction_read_only": "on", "timezone": "UTC", "max_parallel_workers_per_gather": 0}


class Why(StrEnum):
    """Why there is no result."""

    NOT_ASKED = "not asked"  # a request of another version
    UNREACHABLE = "unreachable"  # no connection: a paused database resumes meanwhile
    SIGN_IN = "sign-in"  # the role has another password, or IAM does not let it in
    TOO_LARGE = "too large"  # for one result
    FAILED = "failed"  # PostgreSQL refused, or our own code failed


class Result(TypedDict):
    """Rows by statement, as `columns` packs them; or why there are none."""

    rows: NotRequired[dict[str, str]]
    why: NotRequired[str]  # one of Why
    message: NotRequired[str]  # for who asked; it may quote what they gave
    sqlstate: NotRequired[str]


class Read(NamedTuple):
    """What the log may say."""

    statements: list[str]  # of those that there are
    rows: int
    bytes: int
    error: str  # the kind of the error, and where it was; empty: none


class NotSettledError(Exception):
    """What was written before an instant may be committed still. The message names who writes it."""


class _NoResult(Exception):
    def __init__(self, why: Why, message: str = "", error: str = "", sqlstate: str = "") -> None:
        super().__init__(message)
        self.result: Result = {"why": why.value, "message": message, "sqlstate": sqlstate}
        self.error = error or why.value


def answer(
    event: Any, parameters: Callable[[], Parameters], seconds: float, most_bytes: int = MOST_BYTES
) -> tuple[Result, Read]:
    """Run statements in one transaction that only reads.

    Args:
        event: {"read": {statement: its values, as `statements.written` has them}, "timeout": seconds that all of
            them may take; 0: as many as are left}.
        parameters: as of `Session`.
        seconds: how long it may take.
        most_bytes: of all rows, compressed.

    Returns:
        The result, and what may be logged of it.
    """
    end = time.monotonic() + seconds
    packed: dict[str, columns.Packed] = {}
    found: Result
    error = ""
    try:
        asked, timeout = _asked(event)
        asks_earlier = any(map(statements.asks_earlier, asked.values()))
        end = min(time.monotonic() + (timeout or seconds), end - _TO_ANSWER_S)
        with _connected(parameters, end, asks_earlier) as database:
            for name, values in asked.items():
                _read(database, name, values, packed, most_bytes, end)
        found = {"rows": {name: each.text() for name, each in packed.items()}}
    except _NoResult as none:
        found, error = none.result, none.error
    except psycopg2.Error as failed:
        error = f"{type(failed).__name__} {failed.pgcode or ''}".strip()
        found = {"why": Why.FAILED.value, "message": error_message(failed), "sqlstate": failed.pgcode or ""}
    except Exception as unexpected:  # noqa: BLE001  Lambda would log its text
        error = kind_and_line(unexpected)
        found = {"why": Why.FAILED.value, "message": error}
    rows = sum(each.rows for each in packed.values())
    return found, Read(list(packed), rows, sum(map(len, found.get("rows", {}).values())), error)


def settle(database: connection) -> None:
    """Wait, outside of a transaction, until all that may have an earlier instant than now is committed or rolled back.

    Raises:
        NotSettledError: somebody has not ended within `SETTLES_S`.
    """
    end = time.monotonic() + SETTLES_S
    writing = _writing(database)
    while writing:
        if time.monotonic() > end:
            raise NotSettledError(
                f"rows are being written by {' and '.join(sorted(writing.values()))}, for longer "
                f"than {SETTLES_S} s; a report of an earlier instant might miss them: try again when that has ended"
            )
        time.sleep(_LOOKS_S)
        now = _writing(database)
        writing = {transaction: who for transaction, who in writing.items() if transaction in now}


def _writing(database: connection) -> dict[str, str]:
    """Say who writes, by transaction."""
    with database.cursor() as cursor:
        cursor.execute(statements.WRITING, {"tables": statements.WRITTEN})
        found: dict[str, str] = dict(cursor.fetchall())
    database.rollback()
    return found


def _asked(event: Any) -> tuple[dict[str, dict[str, object]], float]:
    try:
        asked, timeout = event["read"], float(event["timeout"])
        return {name: statements.read(name, values) for name, values in asked.items()}, timeout
    except statements.NotAsked as error:
        raise _NoResult(Why.NOT_ASKED, str(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _NoResult(Why.NOT_ASKED, "it takes read and timeout") from None


@contextmanager
def _connected(parameters: Callable[[], Parameters], end: float, asks_earlier: bool) -> Iterator[connection]:
    try:
        given = parameters()
    except Exception as error:  # noqa: BLE001  of Secrets Manager, or of what it holds
        raise _NoResult(Why.FAILED, f"the password cannot be read: {error}", kind_and_line(error)) from None
    settings = {**_SETTINGS, "statement_timeout": _left_ms(end)}
    try:
        database = connect(given, "ponto read", TIMEOUTS, settings=settings)
    except (psycopg2.Error, CannotConnectError) as error:
        why = Why.SIGN_IN if is_refused(error) else Why.UNREACHABLE
        raise _NoResult(why, str(error).partition("\n")[0], f"{why}: {type(error).__name__}") from None
    with closing(database):
        try:
            if asks_earlier:
                settle(database)
        except NotSettledError as error:
            raise _NoResult(Why.FAILED, str(error), type(error).__name__) from None
        database.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        with database.cursor() as cursor:
            cursor.execute(statements.BEGIN)
        yield database


def _read(
    database: connection,
    name: str,
    values: Mapping[str, object],
    packed: dict[str, columns.Packed],
    most_bytes: int,
    end: float,
) -> None:
    """Pack the rows of a statement beside those of others."""
    with database.cursor(name=f"ponto_{name}") as cursor, database.cursor() as session:

        def fetch() -> list[tuple[Any, ...]]:
            # PostgreSQL counts anew for each FETCH.
            session.execute(statements.LEFT, {"milliseconds": str(_left_ms(end))})
            return cursor.fetchmany(columns.AT_ONCE)

        cursor.execute(statements.sql_of(name), values)
        rows = fetch()
        packed[name] = columns.Packed([column.type_code for column in cursor.description or ()])
        while rows:
            packed[name].add(rows)
            if sum(each.size for each in packed.values()) > most_bytes:
                raise _NoResult(Why.TOO_LARGE)
            rows = fetch()


def _left_ms(end: float) -> int:
    """Give the ms until then, at least one: 0 would be for ever."""
    return max(1, round(1000 * (end - time.monotonic())))
