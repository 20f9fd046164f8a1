"""Connections as the owner of the schema, and helpers that run statements on them.

Statements of the owner call functions and fire triggers of the schema. If others could create or change these objects,
their code would run with the owner's privileges.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, extensions
from psycopg2.extensions import quote_ident

from ponto.schema import SQL
from ponto.shared.connection import SAFE_SETTINGS, Parameters, Timeouts, connect
from ponto.shared.sql_names import SCHEMA, substitute_names

Connection = extensions.connection
Cursor = extensions.cursor

_ROOT = Path(__file__).parents[2]
_CREATES_FUNCTION = re.compile(r"^create (?:or replace )?function ponto\.(\w+)", re.MULTILINE)

# The deploy may have granted the owner's login permission only seconds ago.
_OWNER_TIMEOUTS = Timeouts(iam_propagation_seconds=120)


class MigrationError(Exception):
    """Statements of the owner failed or could not start. The message says where, why, and what was changed."""


class SchemaNotExclusiveError(MigrationError):
    """Others can create or own objects in the schema. The message says which, and what to do."""


class LockTimeoutError(Exception):
    """A step timed out waiting for a lock. The message is the name of the step."""


@contextmanager
def translate_errors(step: str) -> Iterator[None]:
    """Raise LockTimeoutError or MigrationError for a database error in a step, such as a migration file."""
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise LockTimeoutError(step) from error
    except psycopg2.DatabaseError as error:
        raise MigrationError(f"{step}: {str(error).strip()}") from error


@contextmanager
def connect_as_owner(parameters: Parameters) -> Iterator[Connection]:
    """Connect, and close the connection on exit, which rolls back uncommitted changes.

    Yields:
        A connection with the isolation level READ COMMITTED.

    Raises:
        MigrationError: the session acts as another role than the one that signed in.
        SchemaNotExclusiveError: see `lock_and_check_tables`. A missing schema is no error.
        psycopg2.Error: all attempts of `connect` failed.
    """
    settings = {"default_transaction_isolation": "read committed"}
    with closing(connect(parameters, "ponto schema", _OWNER_TIMEOUTS, settings=settings)) as connection:
        with connection.cursor() as cursor:
            _refuse_other_role(cursor)
            _require_exclusive_schema(cursor)
        connection.commit()
        yield connection


def lock_and_check_tables(cursor: Cursor, *, all_tables: bool) -> None:
    """Lock the tables, then check them, so that later writes cannot run other users' code as the owner.

    Args:
        cursor: a cursor whose transaction has not written yet.
        all_tables: lock all tables, or only those that record the migrations.

    Raises:
        SchemaNotExclusiveError: others own the schema or an object in it, or can create objects in it; or it has a
            trigger, a foreign key, a rule, row security or an inheriting table that no migration created.
    """
    run_generated_statements(cursor, "lock_tables", all_tables=all_tables)
    _require_exclusive_schema(cursor)


def _refuse_other_role(cursor: Cursor) -> None:
    """Refuse a session in which a default of the setting `role` makes another role the owner of what it creates."""
    for (remedy,) in fetch(cursor, "role_default"):
        raise MigrationError(
            "the session acts as another role than the one that signed in, by a default of the setting role. Nothing "
            f"was changed. As an administrator, run: {remedy}; and try again"
        )


def _require_exclusive_schema(cursor: Cursor) -> None:
    for owner, user in fetch(cursor, "other_owner"):
        raise SchemaNotExclusiveError(
            f"schema {SCHEMA} belongs to {owner}, but {user} signed in. Nothing was changed. Sign in as its owner: set "
            "the parameter dbUser. If the owner is wrong, an administrator has to change it"
        )
    if problems := fetch(cursor, "schema_problems", functions=_read_function_names()):
        remedies = dict.fromkeys(remedy for _, remedy in problems if remedy)
        raise SchemaNotExclusiveError(
            f"schema {SCHEMA}: other users can run code as its owner, or an older version created it (`make clean` "
            f"empties a local database): {'; '.join(line for line, _ in problems)}. Nothing was changed. As an "
            "administrator, check these objects, "
            + (f"then run: {'; '.join(remedies)}; and try again" if remedies else "and move or remove them")
        )


@cache
def _read_function_names() -> list[str]:
    """Return the names of the functions that the project's files create."""
    files = (path for folder in ("ponto", "slices") for path in (_ROOT / folder).glob("**/*.sql"))
    return [name for path in files for name in _CREATES_FUNCTION.findall(path.read_text(encoding="utf-8"))]


def run_file(cursor: Cursor, statements: str) -> None:
    """Run the statements of a migration file, in which unqualified names may refer to objects of the schema."""
    cursor.execute(f"set search_path = {quote_ident(SCHEMA, cursor)}, pg_temp")
    cursor.execute(substitute_names(statements))
    cursor.execute(f"set search_path = {SAFE_SETTINGS['search_path']}")


def fetch(cursor: Cursor, query: str, **values: object) -> list[tuple[Any, ...]]:
    """Run a named query and return its rows; `values` and `schema` fill its placeholders."""
    cursor.execute(SQL[query], {"schema": SCHEMA, **values})
    return cursor.fetchall()


def run_generated_statements(cursor: Cursor, query: str, remedy: str = "{statement}", **values: object) -> list[str]:
    """Run the statements that a named query returns, each with a notice; one of both may be null.

    Returns:
        The notices, formatted like PostgreSQL's.

    Raises:
        MigrationError: the user may not run a `{statement}`; an administrator has to run the remedy.
    """
    rows = fetch(cursor, query, **values)
    for statement in (statement for statement, _ in rows if statement):
        try:
            cursor.execute(statement)
        except errors.InsufficientPrivilege as error:
            user = quote_ident(cursor.connection.info.user, cursor)
            raise MigrationError(
                f"{user} may not run `{statement}`: {error.diag.message_primary}. Nothing was changed. "
                f"As an administrator, run: {remedy.format(statement=statement, user=user)}; and try again"
            ) from error
    return [f"NOTICE:  {notice}" for _, notice in rows if notice]


def try_statement(cursor: Cursor, statement: str, *expected_errors: type[psycopg2.Error]) -> psycopg2.Error | None:
    """Run a statement; if it fails with an expected error, undo it and return the error."""
    cursor.execute("savepoint one_statement")
    try:
        cursor.execute(statement)
    except expected_errors as error:
        cursor.execute("rollback to savepoint one_statement")
        return error
    return None


def create_database(parameters: Parameters, maintenance_database: str) -> list[str]:
    """Create the database of the parameters if it does not exist; safe to call concurrently.

    Args:
        parameters: parameters of the database to create.
        maintenance_database: an existing database of the server, to connect to for this.

    Returns:
        One notice if the database was created, otherwise none.
    """
    name = str(parameters["dbname"])
    existing = {**parameters, "dbname": maintenance_database}
    with closing(connect(existing, "ponto schema", _OWNER_TIMEOUTS)) as connection:
        connection.autocommit = True  # CREATE DATABASE cannot run in a transaction
        with connection.cursor() as cursor:
            _refuse_other_role(cursor)
            cursor.execute("select from pg_database where datname = %s", [name])
            if cursor.fetchone() is None:
                with suppress(errors.DuplicateDatabase, errors.UniqueViolation):  # created concurrently
                    cursor.execute(f"create database {quote_ident(name, cursor)}")
                    return [f"database created: {name}"]
    return []
