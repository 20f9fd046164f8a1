"""What is given to a store, and what it answers."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  a class

from ponto.connection import Timeouts
from ponto.parser import FIELDS, parse
from ponto.punch import Punch
from ponto.store import Entry, Outcome, Status
from tests.events import RECEIVED_MS, punch

EIGHT = datetime(2026, 10, 1, 8, tzinfo=timezone(timedelta(hours=-3)))
QUICK = Timeouts(connect_seconds=2, statement_ms=2_000, lock_ms=200)
STORED, DUPLICATE, REDELIVERED = map(Outcome, (Status.STORED, Status.DUPLICATE, Status.REDELIVERED))


_NOT_COMPUTED = dict.fromkeys(column for column in Punch._fields if column not in FIELDS)


def entry(employee_id: int = 1, instant: datetime = EIGHT, punch_id: str | None = None, **more: Any) -> Entry:
    """Make an entry, by default of a new punch; `more` are columns."""
    columns: dict[str, Any] = {**_NOT_COMPUTED, "id": punch_id or str(uuid.uuid4()), **more}
    return Entry(
        parse(punch(employee_id, instant.isoformat()), UTC)._replace(**columns), str(uuid.uuid4()), RECEIVED_MS
    )


def statuses(outcomes: Sequence[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def add_punch(
    database: Connection | Mapping[str, Any] | str, employee_id: int = 1, instant: datetime = EIGHT, **columns: Any
) -> str:
    """Add a row as somebody with the right to do so; give its id.

    Args:
        database: a session, libpq's keywords, or a URI.
        whose: as of `entry`.
        when: as of `entry`.
        columns: others of the table, or other values.
    """
    row = entry(employee_id, instant).punch._asdict() | columns
    statement = sql.SQL("insert into ponto.batida ({}) values ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
    )
    with ExitStack() as own:
        if isinstance(database, Connection):
            session = database
        else:
            parameters: dict[str, Any] = {"dsn": database} if isinstance(database, str) else {**database}
            session = own.enter_context(own.enter_context(closing(psycopg2.connect(**parameters))))
        own.enter_context(session.cursor()).execute(statement, list(row.values()))
    return str(row["id"])


TEXTS = [column for column, field in FIELDS.items() if field.keywords.get("maxLength", 0) >= 64]
"""Columns with room for a text of 64 characters: an event may have none."""


def fill_texts(value: str | None) -> dict[str, Any]:
    """Return a value for each of these columns."""
    return dict.fromkeys(TEXTS, value)
