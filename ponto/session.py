"""The life of the connection that the function keeps: opened when first needed, replaced when it turns out dead."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
import psycopg2.extensions

from ponto.connection import CannotConnectError, Parameters, Timeouts, connect


class NoTimeLeftError(Exception):
    """The deadline is past: no statement was started."""


UNANSWERED = (NoTimeLeftError, CannotConnectError, psycopg2.Error)
"""What a statement may raise."""


def message_of(error: psycopg2.Error) -> str:
    """Give what PostgreSQL or libpq says, without the DETAIL, which quotes rows."""
    return error.diag.message_primary or str(error)  # an error of libpq's own has a text only


class Session:
    """Runs statements on one connection, each in a transaction of its own. For one thread."""

    def __init__(
        self,
        parameters: Callable[[], Parameters],
        timeouts: Timeouts,
        application_name: str = "batidaPonto",
        options: str = "",
    ) -> None:
        """Does not connect.

        Args:
            parameters: gives the keyword arguments of `psycopg2.connect`. Called for the first connection, and
                after one has failed, for the password may have rotated.
            timeouts: how long a session may wait.
            application_name: what PostgreSQL shows of the session.
            options: of the session, as libpq's keyword `options` has them, besides its timeouts.
        """
        self._application_name = application_name
        self._options = options
        self._parameters = parameters
        self._timeouts = timeouts
        self._given: Parameters | None = None  # by parameters
        self._connection: psycopg2.extensions.connection | None = None

    def execute(self, statement: str, values: Mapping[str, object], deadline: float) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; when the kept connection turns out dead, once more on a fresh one.

        Args:
            statement: SQL with psycopg2's named placeholders.
            values: for the placeholders.
            deadline: in seconds on the clock of `time.monotonic()`: past it no statement is started, and no connection
                is waited for. A statement started just before takes up to 5 s: see `Timeouts`.

        Raises:
            NoTimeLeftError: the deadline is past.
            CannotConnectError: see there; or what `parameters` raised.
            psycopg2.Error: of the statement, or of the last try to connect.
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
        given, wait = self._given or self._ask(), self._timeouts
        left = min(wait.connect_s, deadline - time.monotonic())  # the deadline may be infinite
        options = (
            f"-c statement_timeout={wait.statement_ms} -c lock_timeout={wait.lock_ms} "
            f"-c idle_session_timeout={wait.idle_ms} "
            "-c synchronous_commit=on "  # what is answered for as stored is on disk, whatever the server's default
            + self._options
        )
        wait = wait._replace(connect_s=int(left))
        connection = connect(given, self._application_name, wait, options=options, renew=renew)
        connection.autocommit = True  # a statement is a transaction, without the round trips of begin and commit
        return connection

    def _ask(self) -> Parameters:
        try:
            self._given = self._parameters()
        except Exception as error:
            raise CannotConnectError(f"{type(error).__name__}: {error}") from error
        return self._given
