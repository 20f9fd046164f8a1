"""The PostgreSQL that is measured against: one of its own, configured as it comes, on a Unix socket."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

import handler
from lab.bench import peers, proxy
from lab.bench.events import Context
from slices import enabled
from tools.local import postgres, socket_folder, temporary


class Server:
    """A running PostgreSQL with databases of the project's schema."""

    def __init__(self, postgresql: postgres.Postgres) -> None:
        self._postgresql = postgresql
        self._postmaster = psutil.Process(postgresql.pid)
        self._database: psycopg2.extensions.connection | None = None

    def at_distance(self, milliseconds: float) -> AbstractContextManager[str]:
        """Yield the folder of a socket behind a proxy with this round trip; see `proxy.run_proxy`."""
        return proxy.run_proxy(str(Path(self._postgresql.host) / socket_folder.SOCKET), milliseconds)

    def use_database(self, database: str, folder: str | None = None) -> None:
        """Have the handler and the peers connect to a database, made with the project's schema if it is not there.

        Args:
            database: its name.
            folder: of the socket by which they connect; the server's own if None, as this class itself always does.
        """
        self.close()
        with closing(self._connect("postgres")) as connection, suppress(psycopg2.errors.DuplicateDatabase):
            connection.cursor().execute(f"create database {database}")
        for name in [name for name in os.environ if name.startswith(("DB_", "PG"))]:
            del os.environ[name]
        # What the handler reads, and what libpq does, of which the peers make use.
        host, user = folder or self._postgresql.host, postgres.USER
        os.environ |= {"DB_HOST": host, "DB_NAME": database, "DB_USER": user}
        os.environ |= {"PGHOST": host, "PGDATABASE": database, "PGUSER": user}
        os.environ |= {"SLICES": ",".join(enabled.schema_folders()), "ROLES": ""}
        handler.schema({}, Context())
        self._database = self._connect(database)

    def query(self, statement: str) -> Any:
        """Run a statement; return the first value of its answer, if it has one."""
        assert self._database is not None, "use a database first"  # noqa: S101
        with self._database.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def row_count(self) -> int:
        """Count the punches."""
        return int(self.query("select count(*) from ponto.batida"))

    def truncate(self) -> None:
        """Remove all punches, and write out what is unwritten, so that no run pays for the one before."""
        # As a replica, for the table's trigger refuses it to everybody else.
        self.query("set session_replication_role = replica; truncate ponto.batida; reset session_replication_role")
        self.query("checkpoint")

    def cpu_seconds(self) -> float:
        """Give the CPU seconds of all its processes, those that ended included."""
        times = self._postmaster.cpu_times()
        seconds: float = times.user + times.system + times.children_user + times.children_system
        for process in self._postmaster.children():
            with suppress(psutil.NoSuchProcess):  # ended meanwhile
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds

    def close(self) -> None:
        """Close its own connection, and have the handler and the peers drop those that they have kept."""
        handler.environment_drain.cache_clear()
        peers.connection.cache_clear()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        # Wherever the environment has the others connect.
        connection = psycopg2.connect(host=self._postgresql.host, port=5432, user=postgres.USER, dbname=database)
        connection.autocommit = True
        return connection


@contextmanager
def run_server(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
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
        with temporary.temporary_server(settings) as started:
            os.environ |= {"DLQ_URL": "unused: every punch is good", "TIME_ZONE": "America/Sao_Paulo"}
            server = Server(started)
            try:
                yield server
            finally:
                server.close()
    finally:
        os.environ.clear()
        os.environ.update(environment)
