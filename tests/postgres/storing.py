"""Entries and outcomes of a store, and a helper that adds rows to the table of punches."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  a class

from ponto.drain.parser import parse
from ponto.drain.store import Entry, Outcome, Status
from ponto.punch import EVENT, Punch
from ponto.shared.connection import Timeouts
from tests.events import RECEIVED_MS, punch

EIGHT = datetime(2026, 10, 1, 8, tzinfo=timezone(timedelta(hours=-3)))
QUICK = Timeouts(connect_seconds=2, statement_ms=2_000, lock_ms=200)
STORED, DUPLICATE, REDELIVERED = map(Outcome, (Status.STORED, Status.DUPLICATE, Status.REDELIVERED))


_NOT_COMPUTED = dict.fromkeys(column for column in Punch._fields if column not in EVENT.fields)


def entry(employee_id: int = 1, instant: datetime = EIGHT, /, **more: Any) -> Entry:
    """Return an entry, by default with a new punch id; `more` sets columns of the punch."""
    columns: dict[str, Any] = {**_NOT_COMPUTED, "id": str(uuid.uuid4()), **more}
    return Entry(
        parse(punch(employee_id, instant.isoformat()), UTC)._replace(**columns), str(uuid.uuid4()), RECEIVED_MS
    )


def statuses(outcomes: Sequence[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def add_punch(
    database: Connection | Mapping[str, Any] | str, employee_id: int = 1, instant: datetime = EIGHT, /, **columns: Any
) -> str:
    """Insert a row directly into the table of punches; return its id.

    Args:
        database: Connection, connection parameters, or URI.
        employee_id: As for `entry`.
        instant: As for `entry`.
        columns: Values of other columns, or other values of the same columns.
    """
    row = entry(employee_id, instant).punch._asdict() | columns
    statement = sql.SQL("insert into ponto.batida ({}) values ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
    )
    with ExitStack() as stack:
        if isinstance(database, Connection):
            connection = database
        else:
            parameters: dict[str, Any] = {"dsn": database} if isinstance(database, str) else {**database}
            connection = stack.enter_context(stack.enter_context(closing(psycopg2.connect(**parameters))))
        stack.enter_context(connection.cursor()).execute(statement, list(row.values()))
    return str(row["id"])


TEXTS = [
    column
    for column, field in EVENT.fields.items()
    if field.kind.name == "display_text" and field.kind.keywords["maxLength"] >= 64
]
"""Columns that hold any line of text of 64 characters or more; another event may have none."""
