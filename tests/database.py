"""A real PostgreSQL for the tests, on a Unix socket, with a database of its own for each test."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from ponto.admin.migrations import migrate
from tools.local import postgres as local_postgres
from tools.local import temporary

TIME_ZONE = "America/Sao_Paulo"

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a unit test opens no socket")

    if "unit" in request.path.parts:
        monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL server; give the libpq URI of its database `postgres`."""
    with temporary.throwaway() as server:
        yield f"postgresql://{local_postgres.USER}@/postgres?host={quote(server.host)}"


@pytest.fixture(scope="session")
def template_database(postgres: str) -> str:
    """Give the name of a database with all migrations applied, to be cloned."""
    name = "ponto_template"
    _execute(postgres, f"create database {name}")
    migrate(parse_dsn(_url(postgres, name)), TIME_ZONE)
    return name


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """Give the libpq URI of an empty database."""
    with _database(postgres, "template0") as url:
        yield url


@pytest.fixture
def migrated_url(postgres: str, template_database: str) -> Iterator[str]:
    """Give the libpq URI of a database with all migrations applied and no punches."""
    with _database(postgres, template_database) as url:
        yield url


@contextmanager
def _database(postgres: str, template: str) -> Iterator[str]:
    name = f"ponto_{next(_numbers)}"
    statements = [f"create database {name} template {template} strategy file_copy"]  # without its WAL
    if template != "template0":  # CREATE DATABASE copies no settings of the database
        statements.append(f"alter database {name} set timezone = '{TIME_ZONE}'")
    try:
        _execute(postgres, *statements)
        yield _url(postgres, name)
    finally:
        _execute(postgres, f"drop database if exists {name} with (force)")


def _url(postgres: str, name: str) -> str:
    parameters = parse_dsn(postgres)
    return f"postgresql://{parameters['user']}@/{name}?host={quote(parameters['host'], safe='')}"


def _execute(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True  # CREATE DATABASE runs in no transaction
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()
