"""The passwords of the roles that the migrations make."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extensions import encrypt_password, quote_ident


def set_password(parameters: Mapping[str, str | int], role: str, password: str) -> None:
    """Give a role its password. Sessions that are open stay so.

    It is hashed here, so that neither the server nor its log sees it.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, of a user who may alter the role.
        role: its name.
        password: the new one.

    Raises:
        psycopg2.Error: no connection, no such role, or the user may not alter it; the message says what it lacks.
    """
    arguments: dict[str, Any] = {"application_name": "batidaPonto schema", **parameters}
    with closing(psycopg2.connect(**arguments)) as connection, connection.cursor() as cursor:
        hashed = encrypt_password(password, role, connection, "scram-sha-256")
        cursor.execute(f"alter role {quote_ident(role, cursor)} password %s", [hashed])
        connection.commit()
