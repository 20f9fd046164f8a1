"""The programs that run beside each other, each in a thread, which stops before every statement and commit."""

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
_WORDS = 5  # of a statement, in a story

_here = threading.local()


class SessionKilledError(BaseException):
    """The process of a session was killed. No code of its own sees it: it ends the thread."""


class ScheduledSession:
    """A program, with a slot of its own: the number by which the gates in the database know it."""

    def __init__(self, slot: int, name: str, changed: threading.Condition) -> None:
        """Does not start it.

        Args:
            slot: from 1 on.
            name: in stories.
            changed: is notified when the session stops or ends.
        """
        self.slot, self.name = slot, name
        self.work: Callable[[], None] = lambda: None
        self.stopped_before: str | None = None  # what it stopped before, in this process
        self.has_ended = False
        self.is_killed = False  # its process
        self.has_follow_ups = False  # whoever comes after it was asked for
        self.is_interrupted = False  # it was killed, or cut, or given up waiting
        self.is_unscheduled = True  # it stops nowhere yet
        self.is_serial = False  # it stops between transactions only
        self.mutant = NONE
        self.error: BaseException | None = None
        self.connection: psycopg2.extensions.connection | None = None  # that it used last
        self.pid = 0  # of that connection's server process
        self._changed = changed

    def start(self) -> None:
        """Run it, up to its first stop."""
        threading.Thread(target=self._run, daemon=True).start()

    def resume(self) -> None:
        """Let it leave the stop that it waits at."""
        with self._changed:
            self.stopped_before = None
            self._changed.notify_all()

    def stop_before(self, position: str) -> None:
        """Wait for the scheduler; called by the session's own thread.

        Raises:
            Killed: this is where it ends.
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
        """Let the client's end of the connection vanish, as with its process. The server goes on."""
        assert self.connection is not None  # noqa: S101  it waits for an answer
        with (
            suppress(psycopg2.InterfaceError, OSError),  # its own thread closes it just now
            socket.socket(fileno=socket.dup(self.connection.fileno())) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        _here.session = self
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
    """Give the session of this thread."""
    return getattr(_here, "session", None)


def first_words(query: str | bytes) -> str:
    """Give the first words of a statement."""
    text = query.decode() if isinstance(query, bytes) else query
    return " ".join(_COMMENT.sub("", text).split()[:_WORDS])


class _Cursor(psycopg2.extensions.cursor):
    def execute(self, query: Any, values: Any = None) -> None:
        session = current_session()
        if session is None or query == SET_SETTINGS:  # which concerns no other session
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
    """Let every connection that a session makes stop at its boundaries."""
    connect = psycopg2.connect

    def gated(*dsn: str, **options: Any) -> psycopg2.extensions.connection:
        session = current_session()
        if session is None:
            made: psycopg2.extensions.connection = connect(*dsn, **options)
            return made
        slot = "" if session.is_serial else f" -c gates.slot={session.slot}"
        options["options"] = options.get("options", "") + slot
        return connect(*dsn, connection_factory=_Connection, cursor_factory=_Cursor, **options)

    psycopg2.connect = gated  # type: ignore[assignment]
    try:
        yield
    finally:
        psycopg2.connect = connect
