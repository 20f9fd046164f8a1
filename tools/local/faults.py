"""Faults of a running system, as context managers: each fault ends with its context."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from random import Random

import psutil
import psycopg2
import psycopg2.extensions

from ponto.punch import EVENT
from ponto.shared.sql_names import SCHEMA
from tools.local import postgres

_REFUSE = f"alter database {postgres.DATABASE} allow_connections false"
_ALLOW = f"alter database {postgres.DATABASE} allow_connections true"
_READ_ONLY = f"alter database {postgres.DATABASE} set default_transaction_read_only = on"
_WRITABLE = f"alter database {postgres.DATABASE} reset default_transaction_read_only"
# Waits up to 10 s for each session to end, as it occupies a connection until then.
_END_SESSIONS = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'ponto drain'"
_LOCK = f"begin; lock table {SCHEMA}.{EVENT.table} in access exclusive mode"


class DatabaseFaults:
    """Faults of a PostgreSQL server."""

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
        """Crash PostgreSQL; it then recovers from its log."""
        self._server.crash()
        try:
            yield
        finally:
            self._server.ensure_running()

    def refusing(self) -> contextlib.AbstractContextManager[None]:
        """End all sessions of the database, and refuse new ones."""
        return self._run_with_undo(_REFUSE, _ALLOW)

    def read_only(self) -> contextlib.AbstractContextManager[None]:
        """Make the database read-only, as a reader is after a failover."""
        return self._run_with_undo(_READ_ONLY, _WRITABLE)

    @contextlib.contextmanager
    def _run_with_undo(self, statement: str, undo: str) -> Iterator[None]:
        try:
            self._administer(statement, _END_SESSIONS)
            yield
        finally:
            self._administer(undo)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the table of punches exclusively, as a migration might."""
        with contextlib.closing(self._connect(postgres.DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute(_LOCK)
            yield

    @contextlib.contextmanager
    def exhausted(self) -> Iterator[None]:
        """Use all connections of max_connections, after ending the functions' sessions."""
        sessions: list[psutil.Process] = []
        with contextlib.ExitStack() as connections:
            # Runs last: a closed session counts until its process has ended.
            connections.callback(psutil.wait_procs, sessions, 10)

            def use_all() -> None:
                with contextlib.suppress(psycopg2.OperationalError):  # too many clients already
                    while True:
                        connection = connections.enter_context(contextlib.closing(self._connect("postgres")))
                        sessions.append(psutil.Process(connection.info.backend_pid))

            spare = connections.enter_context(contextlib.closing(self._connect("postgres")))
            use_all()
            with spare.cursor() as cursor:
                cursor.execute(_END_SESSIONS)
            use_all()
            yield

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspend PostgreSQL's processes, as on a stalled machine: connections stay open without answers."""
        try:
            self._signal_all(signal.SIGSTOP)
            yield
        finally:
            self._signal_all(signal.SIGCONT)

    def undo_all(self) -> None:
        """Undo all faults, also those of a run that was killed."""
        self._server.ensure_running()
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


def kill_worker(emulator: psutil.Process, random: Random) -> bool:
    """Kill a random worker of the emulator with SIGKILL.

    Returns:
        Whether there was a worker.
    """
    workers = emulator.children()
    if workers:
        _signal(random.choice(workers), signal.SIGKILL)
    return bool(workers)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
