"""Finding a punch among the rows."""

import uuid
from pathlib import Path

from ponto.admin.owner import connected
from ponto.connection import Parameters
from ponto.own_schema import schema_of

_FIND = (Path(__file__).parent / "sql" / "find_punch.sql").read_text(encoding="utf-8")


def is_stored(parameters: Parameters, punch_id: str) -> bool:
    """Tell whether a punch is a row.

    Args:
        parameters: keyword arguments of `psycopg2.connect`.
        punch_id: the punch's id, a UUID.

    Raises:
        ValueError: it is not a UUID.
        psycopg2.Error: no connection, or no table.
    """
    wanted = str(uuid.UUID(punch_id))
    with connected(parameters) as connection, connection.cursor() as cursor:
        cursor.execute(_FIND, {"schema": schema_of(cursor), "id": wanted})
        return cursor.fetchone() is not None
