"""The punch that proves a deployment: of nobody, and looked for among the rows."""

import uuid
from contextlib import closing
from pathlib import Path

from ponto.connection import Parameters, connect

EMPLOYEE = 9_007_199_254_740_991
"""The largest `usuarioId`, which is given to nobody: reports leave its punches out."""

_FIND = (Path(__file__).parent / "sql" / "find.sql").read_text(encoding="utf-8")


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
    with closing(connect(parameters, "batidaPonto smoke")) as connection, connection.cursor() as cursor:
        cursor.execute(_FIND, {"id": wanted})
        [(found,)] = cursor.fetchall()
        return bool(found)
