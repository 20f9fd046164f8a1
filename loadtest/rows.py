"""Rows of a run, read directly from the database."""

from typing import TYPE_CHECKING

from psycopg2 import sql

from loadtest.ledger import PunchKey, StoredPunch
from ponto.punch import EVENT
from ponto.shared.sql_names import SCHEMA

if TYPE_CHECKING:
    from psycopg2.extensions import connection

_ROWS = sql.SQL("""
select id, {subject}, {instant}, coalesce(mensagem_id, ''), gravada_em
from {table} where {subject} >= %s and {subject} < %s order by {instant}
""").format(
    subject=sql.Identifier(EVENT.subject),
    instant=sql.Identifier(EVENT.instant),
    table=sql.Identifier(SCHEMA, EVENT.table),
)


def read_rows(database: "connection", employees: range) -> list[StoredPunch]:
    """Return the rows of a range of employees, in order of their instants, with the message id as key."""
    with database.cursor() as cursor:
        cursor.execute(_ROWS, (employees.start, employees.stop))
        return [StoredPunch(PunchKey(*punch), key, stored_at) for *punch, key, stored_at in cursor]
