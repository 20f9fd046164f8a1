"""The function's store; and a PostgreSQL of its own for what concerns a whole server: roles, and passwords."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ponto.store import Store
from tests.database import Database, ask
from tests.postgres.storing import QUICK
from tools.local import postgres, temporary

HBA = "local all postgres trust\nlocal all all scram-sha-256\n"
"""Who may sign in, and how: pg_hba.conf."""


class Server:
    """A server that trusts its superuser, and asks everybody else for a password (SCRAM)."""

    def __init__(self, running: postgres.Postgres) -> None:
        self._running = running

    @property
    def log(self) -> Path:
        """What the server writes down."""
        return self._running.log

    def as_superuser(self, database: str = "postgres") -> dict[str, str]:
        """libpq's keywords of the superuser."""
        return {"host": self._running.host, "dbname": database, "user": postgres.USER}

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as superuser."""
        return ask(self.as_superuser(database), statement)

    def owner(self, name: str, attributes: str = "createrole createdb") -> dict[str, str]:
        """Make a user, by default with what Aurora's master user may do, and a database of its own.

        Returns:
            libpq's keywords of the owner.
        """
        self.ask(f"create role {name} login password '{name}' {attributes}")
        self.ask(f"create database {name} owner {name}")
        return self.as_superuser(name) | {"user": name, "password": name}

    def clear(self) -> None:
        """Drop all databases and roles of a test."""
        for (name,) in self.ask("select datname from pg_database where datname !~ '^(postgres|template[01])$'"):
            self.ask(f"drop database {name} with (force)")
        roles = [name for (name,) in self.ask("select rolname from pg_roles where rolname !~ '^(postgres|pg_)'")]
        for name in roles:
            self.ask(f"drop owned by {name} cascade")
        if roles:
            self.ask(f"drop role {', '.join(roles)}")


@pytest.fixture(scope="session")
def _scram() -> Iterator[Server]:
    with temporary.throwaway() as running:
        (running.data / "pg_hba.conf").write_text(HBA)
        server = Server(running)
        server.ask("select pg_reload_conf()")
        yield server


@pytest.fixture
def server(_scram: Server) -> Iterator[Server]:
    """Give a server without databases or roles of ours."""
    _scram.clear()
    yield _scram
    _scram.clear()


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """Give the function's store of `database`, as its role."""
    with closing(Store(lambda: database.function, QUICK)) as store:
        yield store


@pytest.fixture
def person(database: Database) -> Iterator[str]:
    """Give a login of somebody's own, who may write corrections."""
    database.ask("create role ana login in role ponto_correctors")
    yield "ana"
    database.ask("drop role ana")
