"""The rows of a run, whose employees nobody else has."""

from typing import TYPE_CHECKING

from psycopg2 import sql

from loadtest.ledger import PunchKey, StoredPunch
from ponto.punch import INSTANT_COLUMN, SUBJECT_COLUMN

if TYPE_CHECKING:
    from psycopg2.extensions import connection

_ROWS = sql.SQL("""
select id, {whose}, {at}, coalesce(mensagem_id, ''), gravada_em
from ponto.batida where {whose} >= %s and {whose} < %s order by {at}
""").format(whose=sql.Identifier(SUBJECT_COLUMN), at=sql.Identifier(INSTANT_COLUMN))


def read_rows(database: "connection", employees: range) -> list[StoredPunch]:
    """Read the punches of some employees, the earliest first; the key of each is the id of its message."""
    with database.cursor() as cursor:
        cursor.execute(_ROWS, (employees.start, employees.stop))
        return [StoredPunch(PunchKey(*punch), key, stored_at) for *punch, key, stored_at in cursor]
