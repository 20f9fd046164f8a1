"""Storage of employees in `funcionario`, with counts of inserted and changed rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2

from ponto.schema.migrations import locked_connection
from ponto.schema.owner import connect_as_owner, lock_and_check_tables
from ponto.shared.connection import Parameters, error_message
from ponto.shared.sql_names import SCHEMA, read_sql

_SQL = Path(__file__).parent / "sql"
_COMPARE = read_sql(_SQL / "compare.sql")
_STORE = read_sql(_SQL / "store.sql")

Employees = Sequence[Mapping[str, Any]]
"""Rows of `funcionario` with JSON values, by column; a cut-off is HH:MM."""


class Counts(NamedTuple):
    """Numbers of employees by the effect of a load; the row that compare.sql returns."""

    inserted: int
    changed: int
    unchanged: int
    others: int  # in the table, but not in the load


def load(parameters: Parameters, rows: Employees, *, dry_run: bool) -> dict[str, Any]:
    """Store all of the employees or none, as the owner of the schema.

    Args:
        parameters: keyword arguments of `psycopg2.connect` for the owner.
        rows: the employees; the constraints of the table refuse invalid values.
        dry_run: count the employees without storing them.

    Returns:
        `counts`, the fields of `Counts`; or `refused`, the error of PostgreSQL. The error is returned and not raised,
        because it may quote a value, which must not be logged.

    Raises:
        MigrationError: see `locked_connection` and `lock_and_check_tables`.
        psycopg2.Error: `connect` failed, after its retries.
    """
    values = {"employees": json.dumps(rows)}
    connect = connect_as_owner if dry_run else locked_connection
    with connect(parameters) as connection, connection.cursor() as cursor:
        try:
            if not dry_run:
                lock_and_check_tables(cursor, all_tables=True)
                # Blocks other writers, so that the counts stay true, but no readers.
                cursor.execute(f"lock table {SCHEMA}.funcionario in share row exclusive mode")
            cursor.execute(_COMPARE, values)
            counts = Counts(*cursor.fetchone() or ())
            if not dry_run:
                cursor.execute(_STORE, values)
                connection.commit()
        except psycopg2.Error as error:
            return {"refused": error_message(error)}
    return {"counts": counts._asdict()}
