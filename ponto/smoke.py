"""The punch that proves a deployment: of nobody, and looked for among the rows."""

import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

EMPLOYEE = 9_007_199_254_740_991
"""The largest `usuarioId`, which is given to nobody: reports leave its punches out."""

_FIND = (Path(__file__).parent / "sql" / "find.sql").read_text(encoding="utf-8")


def is_stored(parameters: Mapping[str, str | int], punch_id: str) -> bool:
    """Tell whether a punch is a row.

    Args:
        parameters: keyword arguments of `psycopg2.connect`.
        punch_id: the punch's id, a UUID.

    Raises:
        ValueError: it is not a UUID.
        psycopg2.Error: no connection, or no table.
    """
    wanted = str(uuid.UUID(punch_id))
    arguments: dict[str, Any] = {"application_name": "batidaPonto smoke", **parameters}
    with closing(psycopg2.connect(**arguments)) as connection, connection.cursor() as cursor:
        cursor.execute(_FIND, {"id": wanted})
        return bool(cursor.fetchone()[0])
