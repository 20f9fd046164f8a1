"""A separate PostgreSQL server for tests of roles and passwords, and fixtures of the function's store."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import pytest

from ponto.drain.store import Store
from ponto.schema.migrations import migrate
from ponto.schema.owner import Connection, connect_as_owner
from tests.database import ROLES, SCHEMA, TIME_ZONE, Database, execute
from tests.postgres.storing import QUICK
from tools.local import postgres, temporary

T = TypeVar("T")

HBA = "local all postgres trust\nlocal all +rds_iam trust\nlocal all all scram-sha-256\n"
"""Contents of pg_hba.conf. Members of rds_iam are trusted because rds.py has checked their token."""


_PRIVILEGES = """
select relname, null, privilege
from pg_class
    cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) privilege
where relnamespace = 'ponto'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    and has_table_privilege('ROLE', pg_class.oid, privilege)
union all
select relname, attname, privilege
from pg_class
    join pg_attribute on attrelid = pg_class.oid
    cross join unnest(array['select', 'insert', 'update', 'references']) privilege
where relnamespace = 'ponto'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') and attnum > 0 and not attisdropped
    and has_column_privilege('ROLE', pg_class.oid, attnum, privilege)
"""

# Statements that no role of a function may run.
STATEMENTS_REFUSED_TO_ALL_ROLES = [
    "drop table batida",
    "create table more ()",
    "create temporary table more ()",
    "alter table batida disable trigger all",
    "copy batida to program 'cat'",
]


def as_owner(owner: dict[str, str], action: Callable[[Connection], T]) -> T:
    """Run an action on a connection of the owner; return its result."""
    with connect_as_owner(owner) as connection:
        return action(connection)


def filter_permitted(parameters: dict[str, str], statements: Iterable[str]) -> list[str]:
    """Run statements as a user; return those that do not fail for lack of privileges."""
    permitted = []
    for statement in statements:
        with suppress(psycopg2.errors.InsufficientPrivilege):
            execute(parameters, statement)
            permitted.append(statement)
    return permitted


class Server:
    """Server that trusts its superuser and asks all other users for a password (SCRAM)."""

    def __init__(self, running: postgres.Postgres) -> None:
        self._running = running

    @property
    def log(self) -> Path:
        """Path of the server's log."""
        return self._running.log

    def as_superuser(self, database: str = "postgres") -> dict[str, str]:
        """Return the superuser's connection parameters."""
        return {"host": self._running.host, "dbname": database, "user": postgres.USER}

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; return its rows."""
        return execute(self.as_superuser(database), statement)

    def create_owner(self, name: str, attributes: str = "createrole createdb") -> dict[str, str]:
        """Create a user, by default with the attributes of Aurora's master user, and a database that it owns.

        Returns:
            The user's connection parameters.
        """
        self.execute(f"create role {name} login password '{name}' {attributes}")
        self.execute(f"create database {name} owner {name}")
        self.execute(f"alter database {name} set search_path = ponto, public")  # for the tests' own statements
        return self.as_superuser(name) | {"user": name, "password": name}

    def set_passwords(self) -> None:
        """Set the password of each function's role, for `log_in`."""
        self.execute("".join(f"alter role {role} password 'its own';" for role in ROLES))

    def end_sessions(self) -> None:
        """End the functions' database sessions, as an idle timeout does."""
        self.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename ~ '^ponto_'")

    def run_printed_statements(self, error: Exception, database: str = "postgres") -> None:
        """Run the statements that an error message asks an administrator to run."""
        [statements] = re.findall(r"[Aa]s an administrator.*? run.*?: (.+); and try again", str(error))
        for statement in statements.split("; "):
            self.execute(statement, database)

    def privileges(self, role: str, database: str) -> set[tuple[Any, ...]]:
        """Return a role's privileges in schema `ponto`: relation, column (None for the whole relation), privilege."""
        return set(self.execute(_PRIVILEGES.replace("ROLE", role), database))

    def clear(self) -> None:
        """Drop all databases and roles that a test created."""
        for (name,) in self.execute("select datname from pg_database where datname !~ '^(postgres|template[01])$'"):
            self.execute(f'drop database "{name}" with (force)')
        roles = [
            name
            for (name,) in self.execute("select quote_ident(rolname) from pg_roles where rolname !~ '^(postgres|pg_)'")
        ]
        if roles:
            self.execute(f"drop owned by {', '.join(roles)} cascade; drop role {', '.join(roles)}")


def log_in(role: str, owner: dict[str, str]) -> dict[str, str]:
    """Return a role's connection parameters for the owner's database, after `Server.set_passwords`."""
    return {**owner, "user": role, "password": "its own"}


@pytest.fixture(scope="session")
def _scram() -> Iterator[Server]:
    with temporary.unsafe_server() as running:
        (running.data / "pg_hba.conf").write_text(HBA)
        server = Server(running)
        server.execute("select pg_reload_conf()")
        server.clear()  # the server was created with a database
        yield server


@pytest.fixture
def server(_scram: Server) -> Iterator[Server]:
    """Yield a server without databases or roles of this project."""
    yield _scram
    _scram.clear()


@pytest.fixture
def owner(server: Server) -> dict[str, str]:
    """Migrate the database `master`; return the parameters of its owner, who is not a superuser, as on RDS."""
    owner = server.create_owner("master")
    migrate(owner, TIME_ZONE, SCHEMA)
    server.set_passwords()
    return owner


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """Yield the function's store, connected to `database` as its role."""
    with closing(Store(lambda: database.drain, QUICK)) as store:
        yield store
