"""The roles that the migrations make: their passwords, and what they may not keep or use up."""

import json
from collections.abc import Mapping
from pathlib import Path

from psycopg2.extensions import encrypt_password, quote_ident

from ponto.admin.owner import connected
from ponto.connection import Parameters

_PROTECT = (Path(__file__).parent / "sql" / "roles.sql").read_text(encoding="utf-8")

# Of a function's reserved concurrency. Environments that a deploy replaced keep their connections for a minute more
# (idle_session_timeout): two deploys within it are three times the concurrency, and one time is to spare.
_REPLACED = 4
_PEOPLE = {"ponto_reader": 20}  # connections of those who sign in by themselves


class NotTheFunction(ValueError):
    """A function's secret names another role."""


def set_function_password(parameters: Parameters, role: str, user: str, password: str) -> None:
    """Give the role of a function the password of its secret, as `set_password` does.

    Args:
        parameters: as of `set_password`.
        role: its name.
        user: whom the secret names: whoever may write it is not to set anybody else's password.
        password: what the secret holds.

    Raises:
        NotTheFunction: the secret names another role.
        psycopg2.Error: as of `set_password`.
    """
    if user != role:
        raise NotTheFunction(f"The function's secret has the username {user!r}; it must be {role}. It was not used.")
    set_password(parameters, role, password)


def protect(parameters: Parameters, concurrency: Mapping[str, int | None]) -> list[str]:
    """Limit the connections of the functions' roles, and take back settings that they made for their own sessions.

    Sessions that are open stay as they are.

    Args:
        parameters: as of `set_password`.
        concurrency: executions at once of each role's function, to which people's own connections come; None: not
            known, and the limit of a role that people do not use stays as it is.

    Returns:
        A line for each role whose settings were taken back.

    Raises:
        psycopg2.Error: no connection, or the user may not alter the roles; the message says what it lacks.
    """
    limits = {role: _REPLACED * (known or 0) + _PEOPLE.get(role, 0) or None for role, known in concurrency.items()}
    with connected(parameters) as connection, connection.cursor() as cursor:
        cursor.execute("set local client_min_messages = notice")
        cursor.execute(_PROTECT, {"limits": json.dumps(limits)})
        connection.commit()
        return [notice.strip() for notice in connection.notices]


def set_password(parameters: Parameters, role: str, password: str) -> None:
    """Give a role its password. Sessions that are open stay so.

    It is hashed here, so that neither the server nor its log sees it.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, of a user who may alter the role.
        role: its name.
        password: the new one.

    Raises:
        psycopg2.Error: no connection, no such role, or the user may not alter it; the message says what it lacks.
    """
    with connected(parameters) as connection, connection.cursor() as cursor:
        hashed = encrypt_password(password, role, connection, "scram-sha-256")
        cursor.execute(f"alter role {quote_ident(role, cursor)} password %s", [hashed])
        connection.commit()
