"""Connections to PostgreSQL: attempts until one succeeds, and the session that a function keeps.

A database that resumes refuses or drops the first attempts.
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
"""Keyword arguments of `psycopg2.connect`, without `options`. The password may be a function, called for each attempt:
a token of a login by IAM is checked when connecting only, and is valid for minutes."""

Settings = Mapping[str, str | int]
"""PostgreSQL's settings of a session, by name."""

SAFE_SETTINGS: Settings = {
    # A built-in is found where PostgreSQL has it, and nowhere else. Our own statements name their schema.
    "search_path": "pg_catalog, pg_temp",
    # How our statements are written; a database may have another default.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
}
"""Settings of every session, whatever the defaults of its server, database and role are."""

_RETRY_PAUSE_SECONDS = 1
_MIN_CONNECT_SECONDS = 2  # libpq waits no shorter for a connection
# In English only: PostgreSQL's text for a wrong password, and Amazon's for whom IAM refuses.
_WRONG_PASSWORD = "password authentication failed"  # noqa: S105
_REFUSED_BY_IAM = "PAM authentication failed"
SET_SETTINGS = (Path(__file__).parent / "sql" / "settings.sql").read_text(encoding="utf-8")
"""The first statement of every session."""


class Timeouts(NamedTuple):
    """Time limits of a session.

    The function ends after 75 s. The slowest `Store.save` of one statement takes 55 s: `max_execute_seconds`,
    and the look-up (5 s).
    """

    connect_seconds: int = 40  # all attempts and a look at the secret: Aurora takes 15 to 40 s to resume from 0 ACU
    attempt_seconds: int = 4  # so that silence costs no more; below network_ms, which bounds unanswered SYNs too
    statement_ms: int = 5_000
    lock_ms: int = 3_000  # below statement_ms, so that the error says that a lock was the reason
    network_ms: int = 5_000  # for a peer that no longer acknowledges: a frozen function does not see the FIN
    idle_ms: int = 60_000  # a frozen function cannot close its connection, and an open one keeps Aurora awake
    iam_propagation_seconds: int = 0  # while IAM refuses a token, for a new right to be known everywhere

    def max_execute_seconds(self, password_seconds: float) -> float:
        """Return how long `Session.execute` takes at most: on a dead connection, then on a new one.

        Only the first connection also waits for the password, for `password_seconds`.
        """
        statement_seconds = self.statement_ms / 1000
        longest_wait = max(password_seconds, statement_seconds, self.network_ms / 1000)
        return longest_wait + self.connect_seconds + statement_seconds


TIMEOUTS = Timeouts()


class Driver:
    """psycopg2 and the clock; a test passes its own."""

    def connect(self, **arguments: Any) -> _Connection:
        connection: _Connection = psycopg2.connect(**arguments)
        return connection

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


DRIVER = Driver()


class CannotConnectError(Exception):
    """There is no connection; the message says why: Secrets Manager does not answer, no time is left, IAM refuses."""


class NoTimeLeftError(Exception):
    """The deadline is past: no statement was started."""


QUERY_ERRORS = (NoTimeLeftError, CannotConnectError, psycopg2.Error)
"""What a statement of a session may raise."""


def is_refused(error: Exception | str) -> bool:
    """Return whether the database refuses the login, so that the same attempt would fail again; in English only."""
    return any(text in str(error) for text in (_WRONG_PASSWORD, _REFUSED_BY_IAM))


def error_message(error: psycopg2.Error) -> str:
    """Return the message of PostgreSQL or libpq, without the DETAIL, which quotes rows."""
    return error.diag.message_primary or str(error)  # an error of libpq's own has a text only


class Session:
    """A connection that is opened when first needed and replaced when it turns out dead. For one thread.

    Each statement is a transaction.
    """

    def __init__(
        self,
        parameters: Callable[[], Parameters],
        timeouts: Timeouts,
        application_name: str = "batidaPonto",
        settings: Settings = MappingProxyType({}),
        driver: Driver = DRIVER,
    ) -> None:
        """Set up the session without a connection.

        Args:
            parameters: called for the first connection, and when a later one fails, for the password may have rotated.
            timeouts: time limits of the session.
            application_name: the session's name in PostgreSQL.
            settings: of the session, in addition to its timeouts.
            driver: opens connections and has the clock.
        """
        self._application_name = application_name
        self._load_parameters = parameters
        self._timeouts = timeouts
        self._driver = driver
        self._settings: Settings = {
            "statement_timeout": timeouts.statement_ms,
            "lock_timeout": timeouts.lock_ms,
            "idle_session_timeout": timeouts.idle_ms,
            "synchronous_commit": "on",  # what is answered for as stored is on disk, whatever the server's default
            **settings,
        }
        self._parameters: Parameters | None = None
        self._connection: _Connection | None = None

    def execute(self, statement: str, values: Mapping[str, object], deadline: float) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; when the kept connection turns out dead, once more on a fresh one.

        Args:
            statement: SQL with psycopg2's named placeholders.
            values: for the placeholders.
            deadline: in seconds of the driver's clock, `time.monotonic()`: no statement starts later, and no
                connection is waited for. A statement that starts just before takes up to 5 s: see `Timeouts`.

        Raises:
            QUERY_ERRORS: CannotConnectError also for an exception of `parameters`.
        """
        if self._driver.monotonic() >= deadline:
            raise NoTimeLeftError("no time left")
        if self._connection is not None:
            try:
                return self._run(self._connection, statement, values)
            except psycopg2.Error as error:
                # Without an SQLSTATE it is libpq's own error: after a crash the connection looks open until it is read.
                if error.pgcode is not None and not self._connection.closed:
                    raise
            self.close()
        self._connection = self._connect(deadline)
        return self._run(self._connection, statement, values)

    def close(self) -> None:
        """Close the connection if there is one. The next statement opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, connection: _Connection, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def _connect(self, deadline: float) -> _Connection:
        refresh = None if self._parameters is None else self._refresh  # those of a first connection are new
        parameters = self._parameters or self._refresh()
        # What is left after that, which may have taken seconds; one of the two is finite.
        seconds = min(self._timeouts.connect_seconds, deadline - self._driver.monotonic())
        connection = connect(
            parameters,
            self._application_name,
            self._timeouts._replace(connect_seconds=int(seconds)),
            settings=self._settings,
            refresh=refresh,
            driver=self._driver,
        )
        connection.autocommit = True  # a statement is a transaction, without the round trips of begin and commit
        return connection

    def _refresh(self) -> Parameters:
        self._parameters = _call(self._load_parameters)
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
    """Connect, with an attempt each second until `timeouts.connect_seconds` are over.

    libpq gives no SQLSTATE for a connection that failed, and its text is in the server's language. So whatever the
    reason, another attempt is made, which costs time only; except after a wrong password where the text is in English.
    A token of IAM that is refused is replaced once, or for `timeouts.iam_propagation_seconds`.

    Args:
        parameters: they override what is set here.
        application_name: the session's name in PostgreSQL.
        timeouts: limits of all attempts and of each.
        settings: of the session.
        refresh: fetches the parameters again, for the password may have rotated. Called once, after the first attempt
            failed, and only if there is time for another. If it raises CannotConnectError, the old ones are kept.
        driver: opens connections and has the clock.

    Raises:
        psycopg2.Error: of the last attempt.
        CannotConnectError: there was no time for the first attempt; or the last one failed, and `refresh` did before;
            or a login by IAM is refused; or its token cannot be made.
    """
    credentials = _Credentials(parameters, refresh, timeouts.iam_propagation_seconds)
    error: Exception = CannotConnectError("no time left to connect")
    start, seconds = driver.monotonic(), timeouts.connect_seconds
    end = start + seconds
    while seconds >= _MIN_CONNECT_SECONDS:
        try:
            return _attempt(driver, credentials.parameters, application_name, timeouts, settings, seconds)
        except psycopg2.OperationalError as failure:
            error = failure
        end = max(end, start + credentials.reject(error))
        last_pause = end - _RETRY_PAUSE_SECONDS - _MIN_CONNECT_SECONDS
        if driver.monotonic() > last_pause:
            break
        if not credentials.refresh():  # new ones are tried at once
            if credentials.are_final or driver.monotonic() > last_pause:
                break
            driver.sleep(_RETRY_PAUSE_SECONDS)
        seconds = int(end - driver.monotonic())  # libpq takes whole ones
    raise credentials.explain(error)


class _Credentials:
    """Parameters of a connection, which can be refreshed once."""

    def __init__(
        self, parameters: Parameters, refresh: Callable[[], Parameters] | None, iam_propagation_seconds: int
    ) -> None:
        self.parameters = parameters
        self.are_final = False  # whether another attempt with them is of no use
        self._refresh = refresh
        self._refresh_error: CannotConnectError | None = None
        self._has_token = callable(parameters.get("password"))
        self._refused_tokens = 0
        self._iam_propagation_seconds = iam_propagation_seconds

    def reject(self, error: Exception) -> int:
        """Note why an attempt failed; return for how many seconds from the first one to try at least."""
        self.are_final = is_refused(error)
        if not (self.are_final and self._has_token):
            return 0
        self._refused_tokens += 1
        self.are_final = self._refused_tokens > 1 and not self._iam_propagation_seconds
        return self._iam_propagation_seconds

    def refresh(self) -> bool:
        """Fetch the parameters again, the first time only; return whether they have changed."""
        refresh, self._refresh, previous = self._refresh, None, self.parameters
        if refresh is not None:
            try:
                self.parameters = refresh()
            except CannotConnectError as error:  # the password may well be what it was
                self._refresh_error = error
        return self.parameters != previous

    def explain(self, error: Exception) -> Exception:
        """Return the last error, or one that names the refused login, or the refresh that failed before."""
        if is_refused(error) and (self._has_token or _REFUSED_BY_IAM in str(error)):
            return _access_denied(error, by_token=self._has_token)
        if self._refresh_error is None:
            return error
        first_line = str(error).partition("\n")[0]
        explained = CannotConnectError(f"{self._refresh_error}, after {_without_address(first_line)}")
        explained.__cause__ = error
        return explained


def _attempt(
    driver: Driver, parameters: Parameters, name: str, timeouts: Timeouts, settings: Settings, seconds: int
) -> _Connection:
    """Connect within `seconds`, or raise."""
    arguments: dict[str, Any] = {
        "application_name": name,
        "connect_timeout": min(seconds, max(timeouts.attempt_seconds, _MIN_CONNECT_SECONDS)),
        "tcp_user_timeout": timeouts.network_ms,
        # For a server that dies while its answer is awaited: probes after 2 s of silence.
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        **with_password(parameters),
    }
    connection = driver.connect(**arguments)
    apply_settings(connection, {**SAFE_SETTINGS, **settings})
    return connection


def apply_settings(connection: _Connection, settings: Settings) -> None:
    """Set a session's settings, and close the connection if that fails.

    libpq's keyword `options` would not do: RDS Proxy and PgBouncer refuse or ignore it.
    """
    try:
        connection.autocommit = True  # one round trip
        with connection.cursor() as cursor:
            cursor.execute(SET_SETTINGS, {"settings": json.dumps(dict(settings))})
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise


def with_password(parameters: Parameters) -> dict[str, Any]:
    """Return keyword arguments for one `psycopg2.connect`, with the password if it is a function. Never log them."""
    password = parameters.get("password")
    return {**parameters, "password": _call(password)} if callable(password) else dict(parameters)


def _call(function: Callable[[], _Value]) -> _Value:
    try:
        return function()
    except Exception as error:
        raise CannotConnectError(f"{type(error).__name__}: {error}") from error


def _access_denied(error: Exception, *, by_token: bool) -> CannotConnectError:
    reason = next(line for line in str(error).splitlines() if is_refused(line))
    why = (
        "its function lacks the right rds-db:connect, or the role lacks rds_iam"
        if by_token
        else "it has rds_iam, maybe by way of another role, so no password counts"
    )
    return CannotConnectError(f"{_without_address(reason)}: {why}")


def _without_address(line: str) -> str:
    """Remove the server's address, with which libpq begins: the message has to find room in the log."""
    return line.rpartition(" failed: ")[2]
