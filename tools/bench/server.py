"""The PostgreSQL that is measured against: one of its own, configured as it comes, on a Unix socket."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2

import handler
from tools.bench import peers
from tools.bench.events import Context
from tools.local import postgres

# What the handler reads, and what libpq does, of which the peers make use.
_NAMES = {"host": ("DB_HOST", "PGHOST"), "dbname": ("DB_NAME", "PGDATABASE"), "user": ("DB_USER", "PGUSER")}


class Server:
    """A running PostgreSQL with databases of the project's schema."""

    def __init__(self, running: postgres.Postgres) -> None:
        self._running = running
        self._postmaster = psutil.Process(running.pid)
        self._database: psycopg2.extensions.connection | None = None

    def use(self, database: str) -> None:
        """Have the handler and the peers connect to a database, made with the project's schema if it is not there."""
        self.close()
        _execute(self._connect("postgres"), f"create database {database}", ignore=psycopg2.errors.DuplicateDatabase)
        for keyword, value in {"host": self._running.host, "dbname": database, "user": postgres.USER}.items():
            os.environ |= dict.fromkeys(_NAMES[keyword], value)
        forget()
        handler.schema({}, Context())
        self._database = self._connect(database)

    def ask(self, statement: str) -> Any:
        """Run a statement; return the first value of its answer, if it has one."""
        assert self._database is not None, "use a database first"  # noqa: S101
        with self._database.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def rows(self) -> int:
        """Count the punches."""
        return int(self.ask("select count(*) from batida"))

    def empty(self) -> None:
        """Remove all punches, and write out what is unwritten, so that no run pays for the one before."""
        # As a replica, for the table's trigger refuses it to everybody else.
        self.ask("set session_replication_role = replica; truncate batida; reset session_replication_role")
        self.ask("checkpoint")

    def cpu(self) -> float:
        """Tell the CPU seconds of all its processes, those that ended included."""
        ended = self._postmaster.cpu_times()
        seconds: float = ended.user + ended.system + ended.children_user + ended.children_system
        for process in self._postmaster.children():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue  # ended meanwhile
            seconds += times.user + times.system
        return seconds

    def close(self) -> None:
        """Close its own connection."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        connection = psycopg2.connect(host=self._running.host, user=postgres.USER, dbname=database)
        connection.autocommit = True
        return connection


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server in a folder of its own, and remove it. Sets the environment that the handler reads.

    Args:
        settings: of PostgreSQL, where its own are not wanted.

    Yields:
        The server, with no database in use.

    Raises:
        LocalError: PostgreSQL does not start: it has no such setting, or not that value.
    """
    folder = Path(tempfile.mkdtemp(prefix="ponto-bench-"))
    environment = dict(os.environ)
    try:
        started = postgres.start(folder / "postgres", settings)
        os.environ |= {"DLQ_URL": "unused: every punch is good", "TIME_ZONE": "America/Sao_Paulo"}
        server = Server(started)
        try:
            yield server
        finally:
            server.close()
            forget()
            started.stop()
    finally:
        os.environ.clear()
        os.environ.update(environment)
        shutil.rmtree(folder, ignore_errors=True)


def forget() -> None:
    """Have the handler and the peers drop the connections that they have kept."""
    handler._drain.cache_clear()
    peers.connection.cache_clear()


def _execute(
    connection: psycopg2.extensions.connection,
    statement: str,
    ignore: type[psycopg2.Error] | tuple[()] = (),
) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except ignore:
        pass
    finally:
        connection.close()
