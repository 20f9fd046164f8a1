"""Sessions: threads that run one program each, and stop before every statement and commit."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from lab.interleavings.mutants import NONE
from ponto.connection import SET_SETTINGS

_COMMENT = re.compile(r"--.*")
_MAX_WORDS = 5  # of a statement, when it is printed

_thread = threading.local()


class SessionKilledError(BaseException):
    """The process of a session was killed. A BaseException, so that no code of its program catches it."""


class ScheduledSession:
    """Thread that runs a program; its slot is the number of its gates in the database."""

    def __init__(self, slot: int, name: str, changed: threading.Condition) -> None:
        """Create a session that has not started.

        Args:
            slot: from 1.
            name: name in steps.
            changed: is notified when the session stops or ends.
        """
        self.slot, self.name = slot, name
        self.work: Callable[[], None] = lambda: None
        self.stopped_before: str | None = None  # statement or action at which it waits for the scheduler
        self.has_ended = False
        self.is_killed = False
        self.has_follow_ups = False  # the programs that follow it have been started
        self.is_interrupted = False  # it was killed, its connection was cut, or its wait was cancelled
        self.is_unscheduled = True  # it does not stop yet
        self.is_serial = False  # it stops between transactions only
        self.mutant = NONE
        self.error: BaseException | None = None
        self.connection: psycopg2.extensions.connection | None = None  # the last one
        self.pid = 0  # server process of that connection
        self._changed = changed

    def start(self) -> None:
        """Start the thread, which runs up to its first stop."""
        threading.Thread(target=self._run, daemon=True).start()

    def resume(self) -> None:
        """Resume the session after a stop."""
        with self._changed:
            self.stopped_before = None
            self._changed.notify_all()

    def stop_before(self, position: str) -> None:
        """Wait until the scheduler resumes the session; called in its thread.

        Args:
            position: the next statement or action, for the printed steps.

        Raises:
            SessionKilledError: the scheduler killed the session.
        """
        if self.is_unscheduled:
            return
        with self._changed:
            self.stopped_before = position
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.stopped_before is None)
        if self.is_killed:
            raise SessionKilledError

    def disconnect(self) -> None:
        """Shut down the socket, as the end of the client's process would; the server process continues."""
        assert self.connection is not None  # noqa: S101  the session waits for a statement
        with (
            suppress(psycopg2.InterfaceError, OSError),  # its thread may close it at the same time
            socket.socket(fileno=socket.dup(self.connection.fileno())) as duplicate,
        ):
            duplicate.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        _thread.session = self
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001  the scheduler raises it
            if not self.is_killed:
                self.error = error
        if self.is_killed and self.connection is not None:
            self.connection.close()
        with self._changed:
            self.has_ended = True
            self._changed.notify_all()


def current_session() -> ScheduledSession | None:
    """Return the session of this thread, or None."""
    return getattr(_thread, "session", None)


def first_words(query: str | bytes) -> str:
    """Return the first words of a statement."""
    text = query.decode() if isinstance(query, bytes) else query
    return " ".join(_COMMENT.sub("", text).split()[:_MAX_WORDS])


class _Cursor(psycopg2.extensions.cursor):
    def execute(self, query: Any, values: Any = None) -> None:
        session = current_session()
        if session is None or query == SET_SETTINGS:  # it does not affect other sessions
            return super().execute(query, values)
        session.connection, session.pid = self.connection, self.connection.info.backend_pid
        if not session.is_serial or self.connection.info.transaction_status == TRANSACTION_STATUS_IDLE:
            session.stop_before(first_words(query))
        self._last_query = query
        try:
            return super().execute(session.mutant.rewrite(query), values)
        except psycopg2.Error:
            if session.is_killed:
                raise SessionKilledError from None
            raise

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows = super().fetchall()
        session = current_session()
        return session.mutant.read_result(session.slot, self._last_query, rows) if session else rows


class _Connection(psycopg2.extensions.connection):
    def commit(self) -> None:
        session = current_session()
        if session and not session.is_serial:
            session.stop_before("commit")
        super().commit()

    def set_session(self, *arguments: Any, **settings: Any) -> None:
        session = current_session()
        super().set_session(*arguments, **(session.mutant.settings(settings) if session else settings))


@contextmanager
def intercept_connections() -> Iterator[None]:
    """Make the connections of sessions stop at statements, commits and gates, for the context."""
    connect = psycopg2.connect

    def connect_with_stops(*dsn: str, **options: Any) -> psycopg2.extensions.connection:
        session = current_session()
        if session is None:
            plain: psycopg2.extensions.connection = connect(*dsn, **options)
            return plain
        slot = "" if session.is_serial else f" -c gates.slot={session.slot}"
        options["options"] = options.get("options", "") + slot
        return connect(*dsn, connection_factory=_Connection, cursor_factory=_Cursor, **options)

    psycopg2.connect = connect_with_stops  # type: ignore[assignment]
    try:
        yield
    finally:
        psycopg2.connect = connect
