"""The roles that the migrations make: how they sign in, and what they may not keep or use up."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg2.extensions
from psycopg2.extensions import encrypt_password, quote_ident

from ponto.admin.owner import connected
from ponto.connection import Parameters
from ponto.own_schema import schema_of

_SQL = Path(__file__).parent / "sql"
_MAKE = (_SQL / "roles_make.sql").read_text(encoding="utf-8")
_PROTECT = (_SQL / "roles.sql").read_text(encoding="utf-8")
_LOGIN = (_SQL / "roles_login.sql").read_text(encoding="utf-8")

_CREATES = re.compile(r"^create role (\w+) (login|nologin);", re.MULTILINE)

# Of a function's reserved concurrency. Environments that a deploy replaced keep their connections for a minute more
# (idle_session_timeout): two deploys within it are three times the concurrency, and one time is to spare.
_REPLACED = 4
_PEOPLE = {"ponto_reader": 20}  # connections of those who sign in by themselves


def make(cursor: psycopg2.extensions.cursor, files: Mapping[str, str]) -> None:
    """Make the roles that are not there, and let those of slices that are gone sign in no more.

    Args:
        cursor: of a transaction of the migrations.
        files: what stands in `roles.sql` of each slice that is there, by its name; empty where it has no roles.

    Raises:
        psycopg2.Error: the user may not make them; the message says what it lacks.
    """
    roles = [
        {"role": role, "kind": kind, "slice": name}
        for name, text in files.items()
        for role, kind in _CREATES.findall(text)
    ]
    cursor.execute(_MAKE, {"schema": schema_of(cursor), "roles": json.dumps(roles), "slices": list(files)})


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
    return _noticed(parameters, _PROTECT, {"limits": json.dumps(limits)})


def set_login(parameters: Parameters, roles: Iterable[str], *, by_iam: bool) -> list[str]:
    """Let roles sign in by IAM alone, and take their passwords; or no more by IAM.

    Sessions that are open stay as they are. Who is a member of such a role, its maker too, signs in by IAM as well.

    Args:
        parameters: as of `set_password`.
        roles: their names.
        by_iam: by IAM; otherwise whoever has `set_password` gives them passwords.

    Returns:
        A line for each role for which that changed.

    Raises:
        psycopg2.Error: no connection, no such server, or the user may not do that; the message says what it lacks.
    """
    return _noticed(parameters, _LOGIN, {"roles": list(roles), "by_iam": by_iam})


def _noticed(parameters: Parameters, statement: str, values: Mapping[str, object]) -> list[str]:
    """Run a statement in a transaction, and give its notices."""
    with connected(parameters) as connection, connection.cursor() as cursor:
        cursor.execute("set local client_min_messages = notice")
        cursor.execute(statement, values)
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
