"""Connections to PostgreSQL with retries, and sessions that functions reuse.

A paused database that resumes refuses or drops the first connection attempts.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import psycopg2
import psycopg2.extensions

_Connection = psycopg2.extensions.connection
_Value = TypeVar("_Value")

Parameters = Mapping[str, str | int | Callable[[], str]]
"""Keyword arguments of `psycopg2.connect`, without `options`. The password may be a function, which is called for each
attempt, because an IAM token expires after minutes. A token is only checked when connecting."""

Settings = Mapping[str, str | int]
"""PostgreSQL settings of a session, by name."""

SAFE_SETTINGS: Settings = {
    # Unqualified names refer only to built-in objects. The project's statements qualify other names with their schema.
    "search_path": "pg_catalog, pg_temp",
    # The project's statements rely on these values; a database may have other defaults.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
}
"""Settings of every session. They override the defaults of the server, the database and the role."""

_RETRY_PAUSE_SECONDS = 1
_MIN_CONNECT_SECONDS = 2  # libpq's minimum
# The server's English messages for a wrong password, and for a token that IAM rejects.
_WRONG_PASSWORD = "password authentication failed"  # noqa: S105
_REJECTED_BY_IAM = "PAM authentication failed"
SET_SETTINGS = (Path(__file__).parent / "sql" / "settings.sql").read_text(encoding="utf-8")
"""The first statement of every session."""


class Timeouts(NamedTuple):
    """Time limits of a session.

    The drain's function times out after 75 s. A `Store.save` with one insert takes up to 55 s: `max_execute_seconds`
    for the insert, and 5 s to look up existing rows.
    """

    connect_seconds: int = 40  # for all attempts and a fetch of the secret: Aurora resumes from 0 ACU in 15 to 40 s
    attempt_seconds: int = 4  # for an unresponsive server; below network_ms, which also limits unanswered SYNs
    statement_ms: int = 5_000
    lock_ms: int = 3_000  # below statement_ms, so that the error names the lock as the reason
    network_ms: int = 5_000  # for unacknowledged data: a frozen function may not notice that a connection was closed
    idle_ms: int = 60_000  # the server closes idle connections: a frozen function cannot, and they keep Aurora awake
    iam_propagation_seconds: int = 0  # how long to retry a rejected IAM token: a new permission takes time to propagate

    def max_execute_seconds(self, password_seconds: float) -> float:
        """Return the maximum duration of `Session.execute`, which may try a dead connection first and then a new one.

        Args:
            password_seconds: maximum duration of fetching the password, which only the first connection waits for.
        """
        statement_seconds = self.statement_ms / 1000
        longest_wait = max(password_seconds, statement_seconds, self.network_ms / 1000)
        return longest_wait + self.connect_seconds + statement_seconds


TIMEOUTS = Timeouts()


class Driver:
    """psycopg2 and the clock. Tests pass a fake."""

    def connect(self, **arguments: Any) -> _Connection:
        connection: _Connection = psycopg2.connect(**arguments)
        return connection

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


DRIVER = Driver()


class CannotConnectError(Exception):
    """Connecting failed. The message says why, for example because the credentials could not be fetched."""


class NoTimeLeftError(Exception):
    """The deadline is past, so no statement was started."""


QUERY_ERRORS = (NoTimeLeftError, CannotConnectError, psycopg2.Error)
"""Exceptions of `Session.execute`."""


def is_login_refused(error: Exception | str) -> bool:
    """Return whether a connection error means that the login was rejected. Recognizes English messages only."""
    return any(text in str(error) for text in (_WRONG_PASSWORD, _REJECTED_BY_IAM))


def error_message(error: psycopg2.Error) -> str:
    """Return the message of PostgreSQL or libpq, without the DETAIL, which quotes rows."""
    return error.diag.message_primary or str(error)  # libpq's own errors have no diagnostics


def message_for_log(error: psycopg2.Error) -> str:
    """Return `error_message`, or an empty text if PL/pgSQL raised it: a trigger that users added may quote values."""
    return "" if error.diag.source_file == "pl_exec.c" else error_message(error)


class Session:
    """A connection that is opened on first use, and replaced if it is dead. Each statement is a transaction.

    Sessions are not thread-safe.
    """

    def __init__(
        self,
        parameters: Callable[[], Parameters],
        timeouts: Timeouts,
        application_name: str = "ponto drain",
        settings: Settings = MappingProxyType({}),
        driver: Driver = DRIVER,
    ) -> None:
        """Create a session. It connects when it is used.

        Args:
            parameters: called for the first connection, and again if a later one fails, because the password may have
                been rotated.
            timeouts: time limits of the session.
            application_name: name of the session in PostgreSQL.
            settings: PostgreSQL settings, in addition to the timeouts.
            driver: psycopg2 and the clock.
        """
        self._application_name = application_name
        self._load_parameters = parameters
        self._timeouts = timeouts
        self._driver = driver
        self._settings: Settings = {
            "statement_timeout": timeouts.statement_ms,
            "lock_timeout": timeouts.lock_ms,
            "idle_session_timeout": timeouts.idle_ms,
            "synchronous_commit": "on",  # stored punches must be on disk; a server may have another default
            **settings,
        }
        self._parameters: Parameters | None = None
        self._connection: _Connection | None = None

    def execute(self, statement: str, values: Mapping[str, object], deadline: float) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows. If the connection is dead, repeat the statement on a new one.

        Args:
            statement: SQL with psycopg2's named placeholders.
            values: values of the placeholders.
            deadline: time in `time.monotonic()` seconds after which no statement or connection attempt is started. A
                statement that starts just before takes up to `Timeouts.statement_ms`.

        Raises:
            QUERY_ERRORS: the statement failed. CannotConnectError is also raised if `parameters` raises an exception.
        """
        if self._driver.monotonic() >= deadline:
            raise NoTimeLeftError("no time left")
        if self._connection is not None:
            try:
                return self._run(self._connection, statement, values)
            except psycopg2.Error as error:
                # Errors without an SQLSTATE are libpq's own. After a server crash they are the only sign that the
                # connection is dead, because it still looks open.
                if error.pgcode is not None and not self._connection.closed:
                    raise
            self.close()
        self._connection = self._connect(deadline)
        return self._run(self._connection, statement, values)

    def close(self) -> None:
        """Close the connection, if any. The next statement opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, connection: _Connection, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def _connect(self, deadline: float) -> _Connection:
        refresh = None if self._parameters is None else self._refresh  # parameters of a first connection are fresh
        parameters = self._parameters or self._refresh()
        # Computed after the refresh, which may have taken seconds. The deadline may be infinite.
        seconds = min(self._timeouts.connect_seconds, deadline - self._driver.monotonic())
        connection = connect(
            parameters,
            self._application_name,
            self._timeouts._replace(connect_seconds=int(seconds)),
            settings=self._settings,
            refresh=refresh,
            driver=self._driver,
        )
        connection.autocommit = True  # saves the round trips of BEGIN and COMMIT
        return connection

    def _refresh(self) -> Parameters:
        self._parameters = _translate_errors(self._load_parameters)
        return self._parameters


def connect(
    parameters: Parameters,
    application_name: str,
    timeouts: Timeouts = TIMEOUTS,
    *,
    settings: Settings = MappingProxyType({}),
    refresh: Callable[[], Parameters] | None = None,
    driver: Driver = DRIVER,
) -> _Connection:
    """Connect, with an attempt each second until `timeouts.connect_seconds` have passed.

    libpq reports no SQLSTATE for a failed connection, and its message may be in any language. So every error is
    retried, except a wrong password if the message is in English. After a rejected IAM token, a new token is tried
    once, or for `timeouts.iam_propagation_seconds`.

    Args:
        parameters: connection parameters. They override those that this function sets.
        application_name: name of the session in PostgreSQL.
        timeouts: time limits of the attempts.
        settings: PostgreSQL settings of the session.
        refresh: fetches the parameters again, because the password may have been rotated. Called once, after a failed
            attempt, if there is time for another. If it raises CannotConnectError, the old parameters are kept.
        driver: psycopg2 and the clock.

    Raises:
        psycopg2.Error: error of the last attempt.
        CannotConnectError: there was no time for an attempt; the last attempt and an earlier `refresh` failed; an IAM
            login was rejected; or no IAM token could be generated.
    """
    credentials = _Credentials(parameters, refresh, timeouts.iam_propagation_seconds)
    error: Exception = CannotConnectError("no time left to connect")
    start, remaining_seconds = driver.monotonic(), timeouts.connect_seconds
    end = start + remaining_seconds
    while remaining_seconds >= _MIN_CONNECT_SECONDS:
        try:
            return _connect_once(
                driver, credentials.parameters, application_name, timeouts, settings, remaining_seconds
            )
        except psycopg2.OperationalError as failure:
            error = failure
        end = max(end, start + credentials.reject(error))
        last_pause = end - _RETRY_PAUSE_SECONDS - _MIN_CONNECT_SECONDS
        if driver.monotonic() > last_pause:
            break
        if not credentials.refresh():  # try new credentials without a pause
            if credentials.are_final or driver.monotonic() > last_pause:
                break
            driver.sleep(_RETRY_PAUSE_SECONDS)
        remaining_seconds = int(end - driver.monotonic())  # libpq accepts whole seconds only
    raise credentials.explain(error)


class _Credentials:
    """Connection parameters that can be refreshed once."""

    def __init__(
        self, parameters: Parameters, refresh: Callable[[], Parameters] | None, iam_propagation_seconds: int
    ) -> None:
        self.parameters = parameters
        self.are_final = False  # whether another attempt is useless
        self._refresh = refresh
        self._refresh_error: CannotConnectError | None = None
        self._has_token = callable(parameters.get("password"))
        self._rejected_tokens = 0
        self._iam_propagation_seconds = iam_propagation_seconds

    def reject(self, error: Exception) -> int:
        """Handle the error of an attempt; return for how many seconds after the first attempt to retry at least."""
        self.are_final = is_login_refused(error)
        if not (self.are_final and self._has_token):
            return 0
        self._rejected_tokens += 1
        self.are_final = self._rejected_tokens > 1 and not self._iam_propagation_seconds
        return self._iam_propagation_seconds

    def refresh(self) -> bool:
        """Fetch the parameters again, but only once; return whether they have changed."""
        refresh, self._refresh, previous = self._refresh, None, self.parameters
        if refresh is not None:
            try:
                self.parameters = refresh()
            except CannotConnectError as error:  # keep the old parameters, which may still be valid
                self._refresh_error = error
        return self.parameters != previous

    def explain(self, error: Exception) -> Exception:
        """Return the last error, or an error that explains a rejected IAM login or the failed refresh."""
        if is_login_refused(error) and (self._has_token or _REJECTED_BY_IAM in str(error)):
            return _iam_login_error(error, has_token=self._has_token)
        if self._refresh_error is None:
            return error
        first_line = str(error).partition("\n")[0]
        explained = CannotConnectError(f"{self._refresh_error}, after {_strip_address(first_line)}")
        explained.__cause__ = error
        return explained


def _connect_once(
    driver: Driver, parameters: Parameters, name: str, timeouts: Timeouts, settings: Settings, seconds: int
) -> _Connection:
    """Make one attempt, of at most `seconds`."""
    arguments: dict[str, Any] = {
        "application_name": name,
        "connect_timeout": min(seconds, max(timeouts.attempt_seconds, _MIN_CONNECT_SECONDS)),
        "tcp_user_timeout": timeouts.network_ms,
        # Detect a server that dies while a statement runs, by probes after 2 s of silence.
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        **resolve_password(parameters),
    }
    connection = driver.connect(**arguments)
    apply_settings(connection, {**SAFE_SETTINGS, **settings})
    return connection


def apply_settings(connection: _Connection, settings: Settings) -> None:
    """Apply settings to a session, and close the connection if that fails.

    They are not passed as libpq's keyword `options`, which RDS Proxy and PgBouncer reject or ignore.
    """
    try:
        connection.autocommit = True  # one round trip
        with connection.cursor() as cursor:
            cursor.execute(SET_SETTINGS, {"settings": json.dumps(dict(settings))})
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise


def resolve_password(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters for one `psycopg2.connect`, with the result of a password function. Never log them."""
    password = parameters.get("password")
    return {**parameters, "password": _translate_errors(password)} if callable(password) else dict(parameters)


def _translate_errors(function: Callable[[], _Value]) -> _Value:
    try:
        return function()
    except Exception as error:
        raise CannotConnectError(f"{type(error).__name__}: {error}") from error


def _iam_login_error(error: Exception, *, has_token: bool) -> CannotConnectError:
    message = next(line for line in str(error).splitlines() if is_login_refused(line))
    reason = (
        "the function lacks the permission rds-db:connect, or the role is not a member of rds_iam"
        if has_token
        else "the role is a member of rds_iam, perhaps through another role, so it cannot use a password"
    )
    return CannotConnectError(f"{_strip_address(message)}: {reason}")


def _strip_address(line: str) -> str:
    """Remove the server's address, with which libpq's messages begin, so that the message fits in the log."""
    return line.rpartition(" failed: ")[2]
