"""Finding a punch among the rows."""

from ponto.admin import SQL
from ponto.admin.owner import connected
from ponto.connection import Parameters
from ponto.fields import read_uuid


def is_stored(parameters: Parameters, punch_id: str) -> bool:
    """Return whether a punch is a row.

    Raises:
        ValueError: the id is not a UUID.
        psycopg2.Error: no connection, or no table.
    """
    canonical_id = read_uuid(punch_id)
    with connected(parameters) as connection, connection.cursor() as cursor:
        cursor.execute(SQL["find_punch"], {"id": canonical_id})
        return cursor.fetchone() is not None
