"""The PostgreSQL that is measured against: one of its own, configured as it comes, on a Unix socket."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2

import handler
from lab.bench import peers, proxy
from lab.bench.events import Context
from tools.local import postgres, temporary

# What the handler reads, and what libpq does, of which the peers make use.
_NAMES = {
    "host": ("DB_HOST", "PGHOST"),
    "dbname": ("DB_NAME", "PGDATABASE"),
    "user": ("DB_USER", "PGUSER"),
    "password": ("DB_PASSWORD", "PGPASSWORD"),
    "port": ("DB_PORT", "PGPORT"),
    "sslmode": ("DB_SSLMODE", "PGSSLMODE"),
}

_COUNT = "select count(*) from batida"


class Server:
    """A running PostgreSQL with databases of the project's schema."""

    def __init__(self, running: postgres.Postgres) -> None:
        self._running = running
        self._postmaster = psutil.Process(running.pid)
        self._database: psycopg2.extensions.connection | None = None

    @contextmanager
    def at(self, milliseconds: float) -> Iterator[proxy.Address]:
        """Give a way to it, until the end of the context, on which a round trip takes so long; see `proxy.running`."""
        with proxy.running(str(Path(self._running.host) / postgres.SOCKET), milliseconds) as way:
            yield way

    def use(self, database: str, way: proxy.Address | None = None, copy_of: str = "template1") -> None:
        """Have the handler and the peers connect to a database, made with the project's schema if it is not there.

        Args:
            database: its name.
            way: by which they connect; by default the server's own socket, as this class itself always does.
            copy_of: another database, of which it is made where it is not there.
        """
        self.close()
        _execute(
            self._connect("postgres"),
            f"create database {database} template {copy_of}",
            ignore=psycopg2.errors.DuplicateDatabase,
        )
        parameters = {"host": way.folder if way else self._running.host, "dbname": database, "user": postgres.USER}
        for keyword, names in _NAMES.items():
            for name in names:
                os.environ.pop(name, None)
            if keyword in parameters:
                os.environ |= dict.fromkeys(names, parameters[keyword])
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

    @contextmanager
    def open_transaction(self, database: str) -> Iterator[None]:
        """Hold a transaction open that has read the punches of a database, until the end of the context.

        Raises:
            RuntimeError: it did not last, so that whatever ran beside it ran beside nothing.
        """
        connection = self._connect(database)
        try:
            connection.set_session(isolation_level="REPEATABLE READ", autocommit=False)
            with connection.cursor() as cursor:
                cursor.execute(_COUNT)
                before = cursor.fetchone()
                yield
                cursor.execute(_COUNT)
                if cursor.fetchone() != before:
                    raise RuntimeError("the transaction that was to be open saw what came after it")
        finally:
            connection.close()

    def rows(self) -> int:
        """Count the punches."""
        return int(self.ask(_COUNT))

    def empty(self) -> None:
        """Remove all punches, and write out what is unwritten, so that no run pays for the one before."""
        # As a replica, for the table's trigger refuses it to everybody else.
        self.ask("set session_replication_role = replica; truncate batida; reset session_replication_role")
        self.ask("checkpoint")

    def cpu(self) -> float:
        """Tell the CPU seconds of all its processes, those that ended included."""
        return cpu_of(self._postmaster)

    def close(self) -> None:
        """Close its own connection."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        # Wherever the environment has the others connect.
        connection = psycopg2.connect(host=self._running.host, port=5432, user=postgres.USER, dbname=database)
        connection.autocommit = True
        return connection


def cpu_of(postmaster: psutil.Process) -> float:
    """Tell the CPU seconds of all processes of a PostgreSQL server, those that ended included."""
    ended = postmaster.cpu_times()
    seconds: float = ended.user + ended.system + ended.children_user + ended.children_system
    for process in postmaster.children():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # ended meanwhile
        seconds += times.user + times.system
    return seconds


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
    environment = dict(os.environ)
    try:
        with temporary.postgresql(settings) as started:
            os.environ |= {"DLQ_URL": "unused: every punch is good", "TIME_ZONE": "America/Sao_Paulo"}
            server = Server(started)
            try:
                yield server
            finally:
                server.close()
                forget()
    finally:
        os.environ.clear()
        os.environ.update(environment)


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
