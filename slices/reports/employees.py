"""The table of employees: what a file of them would change, and storing it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2

from ponto.admin.owner import connect_as_owner, lock_and_check_tables
from ponto.connection import Parameters, error_message
from ponto.database_names import SCHEMA, read_sql

_SQL = Path(__file__).parent / "sql"
_COMPARE = read_sql(_SQL / "compare.sql")
_STORE = read_sql(_SQL / "store.sql")

Employees = Sequence[Mapping[str, Any]]
"""Rows of `funcionario` by column, as JSON has them: a cut-off is HH:MM."""


class Counts(NamedTuple):
    """Numbers of employees that a load inserts, changes and leaves, and of others; the row of compare.sql."""

    inserted: int
    changed: int
    unchanged: int
    others: int


def lock(cursor: psycopg2.extensions.cursor) -> None:
    """Make another load wait, so that the counts are true; readers go on."""
    cursor.execute(f"lock table {SCHEMA}.funcionario in share row exclusive mode")


def store(cursor: psycopg2.extensions.cursor, found: Employees, *, dry_run: bool) -> dict[str, int]:
    """Store employees, in the transaction of the cursor, unless it is only to be tried.

    Returns:
        How many are inserted, changed, unchanged, and how many others there are.
    """
    document = {"employees": json.dumps(found)}
    if not dry_run:
        lock(cursor)
    cursor.execute(_COMPARE, document)
    counts = Counts(*cursor.fetchone() or ())
    if not dry_run:
        cursor.execute(_STORE, document)
    return counts._asdict()


def load(parameters: Parameters, found: Employees, *, dry_run: bool) -> dict[str, Any]:
    """Store employees, all or none.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, of the owner.
        found: whoever sends them has checked them; the table does so too.
        dry_run: only count.

    Returns:
        `counts`, as of `store`; or `refused`, what PostgreSQL says, which may quote a value: so it is raised to no log.

    Raises:
        SchemaNotExclusiveError: see `lock_and_check_tables`.
        psycopg2.Error: no connection, after all tries of `connect`.
    """
    with connect_as_owner(parameters) as connection, connection.cursor() as cursor:
        try:
            if not dry_run:
                lock_and_check_tables(cursor, all_tables=True)
            counts = store(cursor, found, dry_run=dry_run)
            if not dry_run:
                connection.commit()
        except psycopg2.Error as error:
            return {"refused": error_message(error)}
    return {"counts": counts}
