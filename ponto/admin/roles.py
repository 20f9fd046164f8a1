"""The roles that the migrations create: how they sign in, and which limits and settings they have.

Each function raises `psycopg2.Error` if the user may not do that; the message says what it lacks. Open sessions stay as
they are.
"""

import json
import re
from collections.abc import Iterable, Mapping

import psycopg2.extensions
from psycopg2.extensions import encrypt_password, quote_ident

from ponto.admin import SQL
from ponto.admin.errors import LockTimeoutError, MigrationError
from ponto.admin.owner import connected
from ponto.connection import Parameters
from ponto.database_names import ROLE_PREFIX

_CREATES = re.compile(r"^create role ponto_(\w+) (login|nologin);", re.MULTILINE)

# Of a function's reserved concurrency. Environments that a deploy replaced keep their connections for a minute more
# (idle_session_timeout): two deploys within it are three times the concurrency, and one time is to spare.
_CONNECTIONS_PER_EXECUTION = 4
_CONNECTIONS_OF_PEOPLE = {f"{ROLE_PREFIX}reader": 20}


def create(cursor: psycopg2.extensions.cursor, files: dict[str, str]) -> None:
    """Create missing roles, and disable the login of roles that are no longer declared.

    Args:
        cursor: of a transaction of the migrations.
        files: the text of `roles.sql` of each slice that is there, by its name; empty where it has no roles.

    Raises:
        MigrationError: a role exists that no migration created, and its creator, a member or another database can use
            it, or it may do more than these roles do. The password of other such roles is removed.
        LockTimeoutError: another database creates or alters the roles.
    """
    declared = {
        ROLE_PREFIX + role: {"role": ROLE_PREFIX + role, "kind": kind, "slice": name}
        for name, text in reversed(files.items())  # of a role that two slices declare, the first is the slice
        for role, kind in _CREATES.findall(text)
    }
    cursor.execute(SQL["role_problems"], {"names": list(declared)})
    if problems := cursor.fetchall():
        remedies = dict.fromkeys(remedy for _, remedy in problems)
        what_to_do = (
            "Give this intake other roles: set ROLE_PREFIX in ponto/database_names.py"
            if None in remedies
            else f"As an administrator: {'; '.join(remedies)}; and try again"
        )
        raise MigrationError(
            f"others created roles of these names: {'; '.join(problem for problem, _ in problems)}. Nothing was "
            f"changed. {what_to_do}"
        )
    try:
        cursor.execute(SQL["create_roles"], {"roles": json.dumps(list(declared.values())), "prefix": ROLE_PREFIX})
    except psycopg2.errors.InternalError_ as error:  # "tuple concurrently updated"
        raise LockTimeoutError("roles") from error


def describe_members(cursor: psycopg2.extensions.cursor) -> list[str]:
    """Return a line for each other role that is a member of a function's role, with the statement that ends it."""
    cursor.execute(SQL["role_members"], {})
    return [line for (line,) in cursor.fetchall()]


def slices_by_role(cursor: psycopg2.extensions.cursor) -> dict[str, str]:
    """Return the slice of each role of this intake, also of one that is removed; names as SQL writes them."""
    cursor.execute(SQL["slices_by_role"], {"prefix": ROLE_PREFIX})
    return dict(cursor.fetchall())


class RoleMismatchError(ValueError):
    """A function's secret names another role."""


def set_function_password(parameters: Parameters, role: str, user: str, password: str) -> None:
    """Set the password of a function's role to that of its secret, as `set_password` does.

    Raises:
        RoleMismatchError: the secret's `user` is another role, whose password a writer of the secret may not set.
    """
    if user != role:
        raise RoleMismatchError(f"The function's secret has the username {user!r}; it must be {role}. It was not used.")
    set_password(parameters, role, password)


def reset_role_limits(parameters: Parameters, concurrency: Mapping[str, int | None]) -> list[str]:
    """Limit the connections of the functions' roles, and reset settings that they made for their own sessions.

    Args:
        parameters: of who may alter the roles.
        concurrency: concurrent executions of each role's function, to which people's own connections are added; None:
            not known, and the limit of a role that people do not use stays as it is.

    Returns:
        A line for each role whose settings were reset.
    """
    limits = {
        role: _CONNECTIONS_PER_EXECUTION * (executions or 0) + _CONNECTIONS_OF_PEOPLE.get(role, 0) or None
        for role, executions in concurrency.items()
    }
    return _run(parameters, SQL["limit_roles"], {"limits": json.dumps(limits)})


def set_login(parameters: Parameters, roles: Iterable[str], *, by_iam: bool) -> list[str]:
    """Let roles sign in by IAM alone, and remove their passwords; or let them no longer sign in by IAM.

    A member of such a role, its creator too, signs in by IAM as well.

    Returns:
        A line for each role for which that changed.
    """
    return _run(parameters, SQL["set_login"], {"roles": list(roles), "by_iam": by_iam})


def set_password(parameters: Parameters, role: str, password: str) -> None:
    """Set a role's password. It is hashed here, so that neither the server nor its log sees it."""
    with connected(parameters) as connection, connection.cursor() as cursor:
        hashed = encrypt_password(password, role, connection, "scram-sha-256")
        cursor.execute(f"alter role {quote_ident(role, cursor)} password %s", [hashed])
        connection.commit()


def _run(parameters: Parameters, statement: str, values: Mapping[str, object]) -> list[str]:
    """Run a statement in a transaction, and return its notices."""
    with connected(parameters) as connection, connection.cursor() as cursor:
        cursor.execute("set local client_min_messages = notice")
        cursor.execute(statement, values)
        connection.commit()
        return [notice.strip() for notice in connection.notices]
