"""Faults of a running system: each lasts as long as its `with`, and is mended after it."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from random import Random

import psutil
import psycopg2
import psycopg2.extensions

from tools.local import postgres

_REFUSE = f"alter database {postgres.DATABASE} allow_connections false"
_ALLOW = f"alter database {postgres.DATABASE} allow_connections true"
_READ_ONLY = f"alter database {postgres.DATABASE} set default_transaction_read_only = on"
_WRITABLE = f"alter database {postgres.DATABASE} reset default_transaction_read_only"
# Waiting up to 10 s for each to be gone: until then it takes up a connection.
_END_SESSIONS = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'batidaPonto'"


class DatabaseFaults:
    """The faults of one PostgreSQL server."""

    def __init__(self, server: postgres.Postgres) -> None:
        self._server = server

    @property
    def kinds(self) -> dict[str, Callable[[], contextlib.AbstractContextManager[None]]]:
        """All faults, by name."""
        return {
            "stopped": self.stopped,
            "refusing": self.refusing,
            "read-only": self.read_only,
            "locked": self.locked,
            "exhausted": self.exhausted,
            "frozen": self.frozen,
        }

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """PostgreSQL crashes, and recovers afterwards from its log."""
        self._server.crash()
        try:
            yield
        finally:
            self._server.restart()

    def refusing(self) -> contextlib.AbstractContextManager[None]:
        """The database ends all sessions and takes no new ones."""
        return self._altered(_REFUSE, _ALLOW)

    def read_only(self) -> contextlib.AbstractContextManager[None]:
        """Nothing can be written, as on a reader after a failover."""
        return self._altered(_READ_ONLY, _WRITABLE)

    @contextlib.contextmanager
    def _altered(self, statement: str, undo: str) -> Iterator[None]:
        try:
            self._administer(statement, _END_SESSIONS)
            yield
        finally:
            self._administer(undo)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody has the table of punches to themselves, as a migration would."""
        with contextlib.closing(self._connect(postgres.DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute("begin; lock table ponto.batida in access exclusive mode")
            yield

    @contextlib.contextmanager
    def exhausted(self) -> Iterator[None]:
        """All of max_connections are taken, the functions' own sessions among those that were ended."""
        sessions: list[psutil.Process] = []
        with contextlib.ExitStack() as taken:
            taken.callback(psutil.wait_procs, sessions, 10)  # last: a closed session is counted until its process ends

            def take_all() -> None:
                with contextlib.suppress(psycopg2.OperationalError):  # too many clients already
                    while True:
                        connection = taken.enter_context(contextlib.closing(self._connect("postgres")))
                        sessions.append(psutil.Process(connection.info.backend_pid))

            spare = taken.enter_context(contextlib.closing(self._connect("postgres")))
            take_all()
            with spare.cursor() as cursor:
                cursor.execute(_END_SESSIONS)
            take_all()
            yield

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """PostgreSQL's processes stand still, as on a machine that stalls: connected, and no answer."""
        try:
            self._signal_all(signal.SIGSTOP)
            yield
        finally:
            self._signal_all(signal.SIGCONT)

    def mend(self) -> None:
        """Undo every fault, also those of a run that was killed itself."""
        self._server.restart()
        self._signal_all(signal.SIGCONT)
        self._administer(_ALLOW, _WRITABLE)

    def _signal_all(self, number: signal.Signals) -> None:
        server = psutil.Process(self._server.pid)
        for process in (server, *server.children()):
            _signal(process, number)

    def _administer(self, *statements: str) -> None:
        with contextlib.closing(self._connect("postgres")) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        connection: psycopg2.extensions.connection = psycopg2.connect(
            self._server.url, dbname=database, application_name="chaos", connect_timeout=10
        )
        connection.autocommit = True
        return connection


def kill_worker(emulator: psutil.Process, chance: Random) -> bool:
    """Kill -9 one of the emulator's processes in which the function runs, at whatever point of a batch it is.

    Returns:
        Whether there was one.
    """
    workers = emulator.children()
    if workers:
        _signal(chance.choice(workers), signal.SIGKILL)
    return bool(workers)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
