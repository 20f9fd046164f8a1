"""Connections to PostgreSQL: how one is made, tried again until it works, and the one that a function keeps.

A database that resumes refuses or drops the first tries.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import psycopg2
import psycopg2.extensions

Parameters = Mapping[str, str | int | Callable[[], str]]
"""Keyword arguments of `psycopg2.connect`, but for `options`. The password may be a function that gives it, called for
each try: a token of a login by IAM is looked at when connecting only, and is good for minutes."""

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

_PAUSE = 1  # s between two tries
_LIBPQ_LEAST = 2  # s: libpq waits no shorter for a connection
# What PostgreSQL says in English of a wrong password, and Amazon's of whom IAM does not let in.
_WRONG_PASSWORD = "password authentication failed"  # noqa: S105
_NOT_LET_IN = "PAM authentication failed"
SET_SETTINGS = (Path(__file__).parent / "sql" / "settings.sql").read_text(encoding="utf-8")
"""The first statement of every session."""


class Timeouts(NamedTuple):
    """How long a session may wait.

    The function ends after 75 s. The slowest `Store.save` of one statement takes 55 s: `max_execute_seconds`,
    and the look-up (5 s).
    """

    connect_seconds: int = 40  # all tries: Aurora takes 15 to 40 s to resume from 0 ACU; includes a look at the secret
    attempt_seconds: int = (
        4  # one try, so that silence costs no more; below network_ms, which bounds unanswered SYNs too
    )
    statement_ms: int = 5_000
    lock_ms: int = 3_000  # below statement_ms, so that the error says that a lock was the reason
    network_ms: int = 5_000  # for a peer that no longer acknowledges: a frozen function does not see the FIN
    idle_ms: int = 60_000  # a frozen function cannot close its connection, and an open one keeps Aurora awake
    iam_propagation_seconds: int = (
        0  # for a login by IAM that is refused: a right that is new takes a while to be known everywhere
    )

    def max_execute_seconds(self, password_s: float) -> float:
        """Tell how long `Session.execute` takes at most: on a dead connection, then on a new one.

        Only the first connection waits for the password besides, for `password_s`.
        """
        statement_s = self.statement_ms / 1000
        return max(password_s, statement_s, self.network_ms / 1000) + self.connect_seconds + statement_s


TIMEOUTS = Timeouts()


class CannotConnectError(Exception):
    """No connection was tried: Secrets Manager does not answer, for example, or there is no time left for one. Or IAM
    does not let in who signs in; the message says what may be missing."""


class NoTimeLeftError(Exception):
    """The deadline is past: no statement was started."""


QUERY_ERRORS = (NoTimeLeftError, CannotConnectError, psycopg2.Error)
"""What a statement of a session may raise."""


def is_refused(error: Exception | str) -> bool:
    """Tell whether the database refuses who signs in, which asking again does not mend; known in English only."""
    return any(text in str(error) for text in (_WRONG_PASSWORD, _NOT_LET_IN))


def error_message(error: psycopg2.Error) -> str:
    """Give what PostgreSQL or libpq says, without the DETAIL, which quotes rows."""
    return error.diag.message_primary or str(error)  # an error of libpq's own has a text only


class Session:
    """Runs statements on a connection, each in a transaction of its own. For one thread.

    The connection is opened when it is first needed, and replaced when it turns out dead.
    """

    def __init__(
        self,
        parameters: Callable[[], Parameters],
        timeouts: Timeouts,
        application_name: str = "batidaPonto",
        settings: Settings = MappingProxyType({}),
    ) -> None:
        """Does not connect.

        Args:
            parameters: called for the first connection, and after one has failed, for the password may have rotated.
            timeouts: how long a session may wait.
            application_name: what PostgreSQL shows of the session.
            settings: of the session, besides its timeouts.
        """
        self._application_name = application_name
        self._parameters = parameters
        self._timeouts = timeouts
        self._settings: Settings = {
            "statement_timeout": timeouts.statement_ms,
            "lock_timeout": timeouts.lock_ms,
            "idle_session_timeout": timeouts.idle_ms,
            "synchronous_commit": "on",  # what is answered for as stored is on disk, whatever the server's default
            **settings,
        }
        self._given: Parameters | None = None  # by parameters
        self._connection: psycopg2.extensions.connection | None = None

    def execute(self, statement: str, values: Mapping[str, object], deadline: float) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; when the kept connection turns out dead, once more on a fresh one.

        Args:
            statement: SQL with psycopg2's named placeholders.
            values: for the placeholders.
            deadline: `time.monotonic()` seconds, past which no statement is started, and no connection is waited for.
                A statement started just before takes up to 5 s: see `Timeouts`.

        Raises:
            QUERY_ERRORS: CannotConnectError also for what `parameters` raised.
        """
        if time.monotonic() >= deadline:
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

    def _run(
        self, connection: psycopg2.extensions.connection, statement: str, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def _connect(self, deadline: float) -> psycopg2.extensions.connection:
        renew = None if self._given is None else self._ask
        given = self._given or self._ask()
        left = min(self._timeouts.connect_seconds, deadline - time.monotonic())  # the deadline may be infinite
        timeouts = self._timeouts._replace(connect_seconds=int(left))
        connection = connect(given, self._application_name, timeouts, settings=self._settings, renew=renew)
        connection.autocommit = True  # a statement is a transaction, without the round trips of begin and commit
        return connection

    def _ask(self) -> Parameters:
        try:
            self._given = self._parameters()
        except Exception as error:
            raise CannotConnectError(f"{type(error).__name__}: {error}") from error
        return self._given


def connect(
    parameters: Parameters,
    application_name: str,
    timeouts: Timeouts = TIMEOUTS,
    *,
    settings: Settings = MappingProxyType({}),
    renew: Callable[[], Parameters] | None = None,
) -> psycopg2.extensions.connection:
    """Connect, trying again each second until `timeouts.connect_seconds` are over.

    libpq gives no SQLSTATE for a connection that failed, and its text is in the server's language. So whatever the
    reason, another try is made, which costs time only; but for a wrong password where the text is in English. A token
    of a login by IAM that is refused is made anew once, or for `timeouts.iam_propagation_seconds`.

    Args:
        parameters: they win over what is set here.
        application_name: what PostgreSQL shows of the session.
        timeouts: how long all tries and each of them may take.
        settings: of the session.
        renew: gives the parameters anew, for the password may have been rotated. Called once, after the first try
            failed, and only if there is time for another. Where it raises CannotConnectError, the old ones are kept.

    Raises:
        psycopg2.Error: of the last try.
        CannotConnectError: there was no time for the first try; or the last one failed, and `renew` did before; or a
            login by IAM is refused; or its token cannot be made.
    """
    began = time.monotonic()
    end = began + timeouts.connect_seconds
    failed: psycopg2.OperationalError | None = None  # the last try
    not_renewed: CannotConnectError | None = None
    left = timeouts.connect_seconds
    tokens = 0  # that were refused
    while left >= _LIBPQ_LEAST:
        try:
            return _try(parameters, application_name, timeouts, settings, left)
        except psycopg2.OperationalError as error:
            failed = error
        refused = is_refused(failed)
        if refused and callable(parameters.get("password")):
            tokens += 1
            end = max(end, began + timeouts.iam_propagation_seconds)
            refused = tokens > 1 and not timeouts.iam_propagation_seconds

        current = parameters
        if renew and _is_time_for_another(end):
            try:
                current = renew()
            except CannotConnectError as error:  # the password may well be what it was
                not_renewed = error
            renew = None

        if current != parameters:
            parameters = current  # tried at once
        elif refused or not _is_time_for_another(end):
            break
        else:
            time.sleep(_PAUSE)
        left = int(end - time.monotonic())  # libpq takes whole ones
    if failed is None:
        raise CannotConnectError("no time left to connect")
    if is_refused(failed) and (tokens or _NOT_LET_IN in str(failed)):
        raise _access_denied(failed, by_token=tokens > 0) from None
    if not_renewed is None:
        raise failed
    first_line = str(failed).partition("\n")[0]
    raise CannotConnectError(f"{not_renewed}, after {_without_address(first_line)}") from failed


def _try(
    parameters: Parameters, application_name: str, timeouts: Timeouts, settings: Settings, left: int
) -> psycopg2.extensions.connection:
    """Try once to connect, for at most `left` seconds."""
    arguments: dict[str, Any] = {
        "application_name": application_name,
        "connect_timeout": min(left, max(timeouts.attempt_seconds, _LIBPQ_LEAST)),
        "tcp_user_timeout": timeouts.network_ms,
        # For a server that dies while its answer is awaited: probes after 2 s of silence.
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        **with_password(parameters),
    }
    connection: psycopg2.extensions.connection = psycopg2.connect(**arguments)
    apply_settings(connection, {**SAFE_SETTINGS, **settings})
    return connection


def apply_settings(connection: psycopg2.extensions.connection, settings: Settings) -> None:
    """Give a session its settings; one that does not take them is closed.

    Not by libpq's keyword `options`, which RDS Proxy and PgBouncer refuse or ignore.
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
    """Give what `psycopg2.connect` takes, for one connection: with a password if a function gives it. Never log it."""
    password = parameters.get("password")
    if not callable(password):
        return dict(parameters)
    try:
        return {**parameters, "password": password()}
    except Exception as error:
        raise CannotConnectError(f"{type(error).__name__}: {error}") from error


def _access_denied(failed: psycopg2.Error, *, by_token: bool) -> CannotConnectError:
    reason = next(line for line in str(failed).splitlines() if is_refused(line))
    why = (
        "its function lacks the right rds-db:connect, or the role lacks rds_iam"
        if by_token
        else "it has rds_iam, maybe by way of another role, so no password counts"
    )
    return CannotConnectError(f"{_without_address(reason)}: {why}")


def _without_address(line: str) -> str:
    """Leave out the server's address, with which libpq begins: what is said has to find room in the log."""
    return line.rpartition(" failed: ")[2]


def _is_time_for_another(end: float) -> bool:
    return time.monotonic() + _PAUSE + _LIBPQ_LEAST <= end
