"""A real PostgreSQL server on a Unix socket, with a separate database for each test."""

import itertools
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import psycopg2
import psycopg2.extensions
import pytest
from psycopg2.extensions import parse_dsn

from ponto import enabled_slices
from ponto.schema.migrations import BASE_FOLDERS, migrate
from ponto.schema.repeatable import select_files
from ponto.shared.sql_names import SCHEMA as SCHEMA_NAME
from tools.kit import slice_manifests
from tools.local import postgres as local_postgres
from tools.local import temporary

TIME_ZONE = "America/Sao_Paulo"
SCHEMA = BASE_FOLDERS | enabled_slices.schema_folders()
"""The migrations of the base and of all slices."""
ROLES = {
    "ponto_drain": "DRAIN",
    "ponto_reader": "READ",
    **{entry["role"]: name.upper() for name, entry in slice_manifests.endpoints()},
}
"""Database role of each function -> prefix of its variables in the environment of the function `schema`."""
SCHEMA_ENVIRONMENT = {
    "SLICES": ",".join(enabled_slices.schema_folders()),
    "ROLES": ",".join(f"{role}:{prefix}" for role, prefix in ROLES.items()),
}
"""The variables that packaging sets for the function `schema`."""


def migrations(schema: Mapping[str, Path] = SCHEMA) -> list[str]:
    """Return the names of migrations and view files, in the order in which they are applied to an empty database."""

    def contents(pattern: str) -> dict[str, str]:
        return {
            f"{name}/{path.relative_to(folder).as_posix()}": path.read_text(encoding="utf-8")
            for name, folder in schema.items()
            for path in sorted(folder.glob(pattern))
        }

    return [*contents("[0-9]*.sql"), *select_files(contents("views/*.sql"))]


_numbers = itertools.count(1)


class Database:
    """A test's database, with a session that is separate from those of the code under test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.owner = parse_dsn(url)  # libpq's keywords, to connect as the owner
        self.drain = self.owner | {"user": "ponto_drain"}
        self.session = self.connect()
        self.session.autocommit = True

    def connect(self, **more: Any) -> psycopg2.extensions.connection:
        """Open another session, without autocommit."""
        session: psycopg2.extensions.connection = psycopg2.connect(self.url, **more)
        return session

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one or several statements in autocommit mode; return the rows of the last."""
        return _rows(self.session, statement, values)

    def close(self) -> None:
        self.session.close()


def execute(database: Mapping[str, Any] | str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one or several statements on a new connection; return the rows of the last.

    Args:
        database: libpq's keywords, or a URI.
        statement: One or several statements.
        values: Values of the placeholders.
    """
    parameters = {"dsn": database} if isinstance(database, str) else database
    with closing(psycopg2.connect(**parameters)) as connection:
        connection.autocommit = True  # CREATE DATABASE cannot run in a transaction
        return _rows(connection, statement, values)


def _rows(
    connection: psycopg2.extensions.connection, statement: str, values: tuple[object, ...]
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("unit tests must not open sockets")

    if "unit" in request.path.parts:
        monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL server; yield the libpq URI of its database `postgres`."""
    with temporary.unsafe_server() as server:
        yield f"postgresql://{local_postgres.USER}@/postgres?host={quote(server.host)}"


EMPTY_TEMPLATE = "ponto_empty"
"""The name of a database that records the base's roles, without the migrations, to be cloned."""


@pytest.fixture(scope="session")
def template_database(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a database with all migrations applied, to be cloned."""
    name = "ponto_template"
    roles = tmp_path_factory.mktemp("roles")
    shutil.copy(BASE_FOLDERS["ponto"] / "roles.sql", roles)
    for database, template, folders in (
        (EMPTY_TEMPLATE, "template0", {"ponto": roles}),
        (name, EMPTY_TEMPLATE, SCHEMA),
    ):
        execute(parse_dsn(postgres), f"create database {database} template {template}")
        migrate(parse_dsn(_url(postgres, database)), TIME_ZONE, folders)
    return name


@pytest.fixture
def migrated_url(postgres: str, template_database: str) -> Iterator[str]:
    """Yield the libpq URI of a database with all migrations applied and no punches."""
    with cloned(postgres, template_database) as url:
        yield url


@pytest.fixture
def empty(postgres: str, template_database: str) -> Iterator[Database]:  # noqa: ARG001  it creates EMPTY_TEMPLATE
    """Yield a database that records the base's roles, without the migrations."""
    with cloned(postgres, EMPTY_TEMPLATE) as url, closing(Database(url)) as database:
        yield database


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """Yield a database with all migrations applied and no punches."""
    with closing(Database(migrated_url)) as database:
        yield database


@contextmanager
def cloned(postgres: str, template: str) -> Iterator[str]:
    """Yield the libpq URI of a copy of a database, which is dropped at the end."""
    server, name = parse_dsn(postgres), f"ponto_{next(_numbers)}"
    statements = [
        f"create database {name} template {template} strategy file_copy",  # writes less WAL
        # Only the statements of tests need a search path; those of the project name their schema.
        f"alter database {name} set search_path = {SCHEMA_NAME}, public",
    ]
    if template != "template0":  # CREATE DATABASE copies no settings of the database
        statements.append(f"alter database {name} set timezone = '{TIME_ZONE}'")
    try:
        for statement in statements:
            execute(server, statement)
        yield _url(postgres, name)
    finally:
        execute(server, f"drop database if exists {name} with (force)")


def _url(postgres: str, name: str) -> str:
    parameters = parse_dsn(postgres)
    return f"postgresql://{parameters['user']}@/{name}?host={quote(parameters['host'], safe='')}"
