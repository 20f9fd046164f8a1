"""The function's store; and a PostgreSQL of its own for what concerns a whole server: roles, and passwords."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ponto.store import Store
from tests.database import Database, execute
from tests.postgres.storing import QUICK
from tools.local import postgres, temporary

HBA = "local all postgres trust\nlocal all +rds_iam trust\nlocal all all scram-sha-256\n"
"""Who may sign in, and how: pg_hba.conf. Whoever has rds_iam has shown a token to rds.py before."""


_RIGHTS = """
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

# What no role of a function may do.
STATEMENTS_REFUSED_TO_ALL_ROLES = [
    "drop table batida",
    "create table more ()",
    "create temporary table more ()",
    "alter table batida disable trigger all",
    "copy batida to program 'cat'",
]


def filter_permitted(way: dict[str, str], statements: Iterable[str]) -> list[str]:
    """Return those of the statements for which a user does not lack the right."""

    def is_refused(statement: str) -> bool:
        try:
            execute(way, statement)
        except psycopg2.errors.InsufficientPrivilege:
            return True
        return False

    return [statement for statement in statements if not is_refused(statement)]


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

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as superuser."""
        return execute(self.as_superuser(database), statement)

    def create_owner(self, name: str, attributes: str = "createrole createdb") -> dict[str, str]:
        """Make a user, by default with what Aurora's master user may do, and a database of its own.

        Returns:
            libpq's keywords of the owner.
        """
        self.execute(f"create role {name} login password '{name}' {attributes}")
        self.execute(f"create database {name} owner {name}")
        self.execute(f"alter database {name} set search_path = ponto, public")  # for the tests' own statements
        return self.as_superuser(name) | {"user": name, "password": name}

    def run_printed_statements(self, error: Exception, database: str = "postgres") -> None:
        """Run the statements that an error asks an administrator to run; roles that it names may not exist."""
        [_, statements] = re.split(r"As an administrator(?:, check these objects, then run|, run): ", str(error))
        for statement in statements.removesuffix("; and try again").split("; "):
            with suppress(psycopg2.errors.UndefinedObject):
                self.execute(statement.removeprefix("and, where they exist: "), database)

    def privileges(self, role: str, database: str) -> set[tuple[Any, ...]]:
        """What a role may do with what of ours: relation, column (None: all of it), privilege."""
        return set(self.execute(_RIGHTS.replace("ROLE", role), database))

    def clear(self) -> None:
        """Drop all databases and roles of a test."""
        for (name,) in self.execute("select datname from pg_database where datname !~ '^(postgres|template[01])$'"):
            self.execute(f'drop database "{name}" with (force)')
        roles = [
            name
            for (name,) in self.execute("select quote_ident(rolname) from pg_roles where rolname !~ '^(postgres|pg_)'")
        ]
        if roles:
            self.execute(f"drop owned by {', '.join(roles)} cascade; drop role {', '.join(roles)}")


@pytest.fixture(scope="session")
def _scram() -> Iterator[Server]:
    with temporary.unsafe_server() as running:
        (running.data / "pg_hba.conf").write_text(HBA)
        server = Server(running)
        server.execute("select pg_reload_conf()")
        server.clear()  # it was made with a database
        yield server


@pytest.fixture
def server(_scram: Server) -> Iterator[Server]:
    """Yield a server without databases or roles of ours."""
    yield _scram
    _scram.clear()


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """Yield the function's store of `database`, as its role."""
    with closing(Store(lambda: database.function, QUICK)) as store:
        yield store


@pytest.fixture
def person(database: Database) -> Iterator[str]:
    """Yield a login of somebody's own, who may write corrections."""
    database.execute("create role ana login in role ponto_correctors")
    yield "ana"
    database.execute("drop role ana")
