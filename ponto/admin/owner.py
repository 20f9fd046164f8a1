"""Connections as the owner of the schema, who alone may create objects in it and change them, and what runs on them.

Whatever runs as the owner calls functions and fires triggers of this schema. What others put there would run with the
owner's rights.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection, cursor, quote_ident

from ponto.admin import SQL
from ponto.connection import SAFE_SETTINGS, Parameters, Timeouts, connect
from ponto.database_names import SCHEMA, with_names

# The deploy may have granted the owner's login permission only seconds ago.
_OWNER_TIMEOUTS = Timeouts(iam_propagation_seconds=120)


class MigrationError(Exception):
    """Statements of the owner failed, or could not start. The message says where and why, and what was changed."""


class SchemaNotExclusiveError(MigrationError):
    """The schema is not its owner's alone. The message says why, and what to do."""


class LockTimeoutError(Exception):
    """The step of this name waited for a lock as long as it may."""


@contextmanager
def translate_errors(step: str) -> Iterator[None]:
    """Raise LockTimeoutError or MigrationError for an error of the database in a step: a file, or between files."""
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise LockTimeoutError(step) from error
    except psycopg2.DatabaseError as error:
        raise MigrationError(f"{step}: {str(error).strip()}") from error


@contextmanager
def connect_as_owner(parameters: Parameters) -> Iterator[connection]:
    """Connect, and close the connection in the end; what is not committed is rolled back.

    Yields:
        A connection of which each statement sees what was committed before it began, whatever the server's default.

    Raises:
        SchemaNotExclusiveError: see `lock_and_check_tables`. A schema that does not exist is fine.
        psycopg2.Error: no connection, after all tries of `connect`.
    """
    settings = {"default_transaction_isolation": "read committed"}
    with closing(connect(parameters, "batidaPonto schema", _OWNER_TIMEOUTS, settings=settings)) as owner:
        with owner.cursor() as session:
            _require_exclusive_schema(session)
        owner.commit()
        yield owner


def lock_and_check_tables(session: cursor, *, all_tables: bool) -> None:
    """Lock the tables, then check them, so that a write runs no code of others as the owner.

    Args:
        session: of a transaction that has written no row.
        all_tables: lock all tables, or only those in which the migrations keep their records.

    Raises:
        SchemaNotExclusiveError: others own the schema or an object in it, or can create objects in it; or it has a
            trigger, a foreign key, a rule, row security or an inheriting table that no migration created.
    """
    run_generated_statements(session, "lock_tables", all=all_tables)
    _require_exclusive_schema(session)


def _require_exclusive_schema(session: cursor) -> None:
    if problems := fetch(session, "schema_problems"):
        raise SchemaNotExclusiveError(
            f"others can change what the owner of schema {SCHEMA} runs: {describe_problems(problems)}"
        )


def describe_problems(problems: Sequence[tuple[str, str]]) -> str:
    """Return a part of a message about problems, each with the statement that ends it."""
    lines, remedies = zip(*problems, strict=True)
    return (
        f"{'; '.join(lines)}. Nothing was changed. As an administrator, check what it is, then: "
        f"{'; '.join(dict.fromkeys(remedies))}; and try again"
    )


def run_file(session: cursor, statements: str) -> None:
    """Run the statements of a file of the migrations. A name without a schema may be one of this schema."""
    session.execute(f"set search_path = {quote_ident(SCHEMA, session)}, pg_temp")
    session.execute(with_names(statements))
    session.execute(f"set search_path = {SAFE_SETTINGS['search_path']}")


def fetch(session: cursor, query: str, **values: object) -> list[tuple[Any, ...]]:
    """Return the rows of the query of a name; its placeholders are these values, and the schema's name."""
    session.execute(SQL[query], {"schema": SCHEMA, **values})
    return session.fetchall()


def run_generated_statements(session: cursor, query: str, remedy: str = "{statement}", **values: object) -> list[str]:
    """Run the statements that a query returns, each with a notice or null, and return the notices as PostgreSQL's.

    Raises:
        MigrationError: the user may not run a `{statement}`, and an administrator has to run the remedy.
    """
    rows = fetch(session, query, **values)
    for statement, _ in rows:
        try:
            session.execute(statement)
        except errors.InsufficientPrivilege as error:
            user = quote_ident(session.connection.info.user, session)
            raise MigrationError(
                f"{user} may not run `{statement}`: {error.diag.message_primary}. Nothing was changed. "
                f"As an administrator: {remedy.format(statement=statement, user=user)}; and try again"
            ) from error
    return [f"NOTICE:  {notice}" for _, notice in rows if notice]


def try_statement(session: cursor, statement: str, *refusals: type[psycopg2.Error]) -> psycopg2.Error | None:
    """Run a statement; if it is refused for one of these reasons, undo it and return the error."""
    session.execute("savepoint one_statement")
    try:
        session.execute(statement)
    except refusals as error:
        session.execute("rollback to savepoint one_statement")
        return error
    return None


def create_database(parameters: Parameters, maintenance_database: str) -> list[str]:
    """Create a database if it does not exist, from another one; several callers may do so at once.

    Returns:
        A line if it was created.
    """
    name = str(parameters["dbname"])
    with closing(
        connect({**parameters, "dbname": maintenance_database}, "batidaPonto schema", _OWNER_TIMEOUTS)
    ) as existing:
        existing.autocommit = True  # no transaction creates a database
        with existing.cursor() as session:
            session.execute("select from pg_database where datname = %s", [name])
            if session.fetchone() is None:
                with suppress(errors.DuplicateDatabase, errors.UniqueViolation):  # created meanwhile
                    session.execute(f"create database {quote_ident(name, session)}")
                    return [f"database made: {name}"]
    return []
