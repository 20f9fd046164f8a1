"""Rows of a run, read directly from the database."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from psycopg2 import sql

from loadtest.ledger import PunchKey, StoredPunch
from ponto.punch import EVENT
from ponto.shared.event import Subject
from ponto.shared.sql_names import SCHEMA

if TYPE_CHECKING:
    from psycopg2.extensions import connection

_ROWS = sql.SQL("""
select id, {subject}, {instant}, coalesce(mensagem_id, ''), gravada_em
from {table} where %(all)s or {subject} = any(%(employees)s::{type}[]) order by {instant}
""").format(
    type=sql.SQL(EVENT.fields[EVENT.subject].kind.column_type),
    subject=sql.Identifier(EVENT.subject),
    instant=sql.Identifier(EVENT.instant),
    table=sql.Identifier(SCHEMA, EVENT.table),
)


def read_rows(database: "connection", employees: Iterable[Subject] | None = None) -> list[StoredPunch]:
    """Return the rows of some employees, or of all, in order of their instants, with the message id as key."""
    with database.cursor() as cursor:
        cursor.execute(_ROWS, {"all": employees is None, "employees": list(employees or ())})
        return [StoredPunch(PunchKey(*punch), key, stored_at) for *punch, key, stored_at in cursor]
