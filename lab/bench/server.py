"""Temporary PostgreSQL of the benchmarks, with its default settings, on a Unix socket."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

import handler
from lab.bench import peers, proxy
from lab.bench.events import LambdaContext
from slices import enabled
from tools.local import postgres, socket_folder, temporary


class BenchServer:
    """Running PostgreSQL with databases that have the schema of the project."""

    def __init__(self, postgresql: postgres.Postgres) -> None:
        self._postgresql = postgresql
        self._postmaster = psutil.Process(postgresql.pid)
        self._database: psycopg2.extensions.connection | None = None

    def at_distance(self, milliseconds: float) -> AbstractContextManager[str]:
        """Yield the folder of a socket behind a proxy with this round trip; see `proxy.run_proxy`."""
        return proxy.run_proxy(str(Path(self._postgresql.host) / socket_folder.SOCKET), milliseconds)

    def use_database(self, database: str, folder: str | None = None) -> None:
        """Make the handler and its peers connect to a database, which is created if it does not exist.

        Args:
            database: name of the database.
            folder: folder of the socket to which they connect; None: that of the server.
        """
        self.close()
        with closing(self._connect("postgres")) as connection, suppress(psycopg2.errors.DuplicateDatabase):
            connection.cursor().execute(f"create database {database}")
        for name in [name for name in os.environ if name.startswith(("DB_", "PG"))]:
            del os.environ[name]
        # The handler reads DB_*, and libpq, which the peers use, reads PG*.
        host, user = folder or self._postgresql.host, postgres.USER
        os.environ |= {"DB_HOST": host, "DB_NAME": database, "DB_USER": user}
        os.environ |= {"PGHOST": host, "PGDATABASE": database, "PGUSER": user}
        os.environ |= {"SLICES": ",".join(enabled.schema_folders()), "ROLES": ""}
        handler.schema({}, LambdaContext())
        self._database = self._connect(database)

    def query(self, statement: str) -> Any:
        """Run a statement; return the first value of its result, or None."""
        assert self._database is not None, "use a database first"  # noqa: S101
        with self._database.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def row_count(self) -> int:
        """Return the number of punches."""
        return int(self.query("select count(*) from ponto.batida"))

    def truncate(self) -> None:
        """Remove all punches, and write a checkpoint, so that the next run writes no pages of the previous one."""
        # In the role `replica` the trigger that forbids a truncate does not fire.
        self.query("set session_replication_role = replica; truncate ponto.batida; reset session_replication_role")
        self.query("checkpoint")

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of all server processes, including those that have ended."""
        times = self._postmaster.cpu_times()
        seconds: float = times.user + times.system + times.children_user + times.children_system
        for process in self._postmaster.children():
            with suppress(psutil.NoSuchProcess):  # the process has ended
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds

    def close(self) -> None:
        """Close the connection, and make the handler and its peers drop their connections."""
        handler.environment_drain.cache_clear()
        peers.connection.cache_clear()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        # Connects directly, even if the environment makes the handler connect through a proxy.
        connection = psycopg2.connect(host=self._postgresql.host, port=5432, user=postgres.USER, dbname=database)
        connection.autocommit = True
        return connection


@contextmanager
def run_server(settings: Mapping[str, str] | None = None) -> Iterator[BenchServer]:
    """Run a temporary server for the context, and set the environment variables that the handler reads.

    Args:
        settings: settings of PostgreSQL, in place of its defaults.

    Yields:
        The server, with no database in use.

    Raises:
        LocalError: PostgreSQL did not start, for example because a setting is unknown.
    """
    environment = dict(os.environ)
    try:
        with temporary.temporary_server(settings) as started:
            os.environ |= {"DLQ_URL": "unused, because every punch is good", "TIME_ZONE": "America/Sao_Paulo"}
            server = BenchServer(started)
            try:
                yield server
            finally:
                server.close()
    finally:
        os.environ.clear()
        os.environ.update(environment)
