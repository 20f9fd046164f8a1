"""The database roles that the migrations create: their logins, limits and settings.

The functions that return a list return a notice for each role that they changed, and raise `MigrationError` if the user
lacks a privilege, which the message names. Open sessions are not affected.
"""

import json
import re
from collections.abc import Collection, Mapping

from psycopg2 import errors
from psycopg2.extensions import encrypt_password, quote_ident

from ponto.schema import SQL
from ponto.schema.owner import (
    Connection,
    Cursor,
    LockTimeoutError,
    MigrationError,
    fetch,
    run_generated_statements,
)
from ponto.shared.sql_names import ROLE_PREFIX

_CREATES = re.compile(r"^create role ponto_(\w+) (login|nologin);", re.MULTILINE)

_REMEDY = "alter role {user} createrole"

# Connections that a role may have for each concurrent execution of its function. Execution environments that a deploy
# has replaced keep their connections for another minute (idle_session_timeout), so after two deploys within a minute
# there are up to three; the fourth is spare.
_CONNECTIONS_PER_EXECUTION = 4
_EXTRA_CONNECTIONS = {f"{ROLE_PREFIX}reader": 20}  # for people, who use this role too


def create(cursor: Cursor, files: dict[str, str]) -> dict[str, str]:
    """Create the missing roles that `roles.sql` of each slice declares; disable logins of removed slices' roles.

    A new role has a new identity: sessions, members, passwords and objects of an earlier role with its name do not
    affect it. A role that the owner did not create for this database is therefore refused.

    Args:
        cursor: cursor in a transaction of the migrations.
        files: the text of `roles.sql` by slice.

    Returns:
        The slice of each role of this database, removed ones included, by the role's name, quoted for SQL.

    Raises:
        MigrationError: the owner did not create such a role for this database, or lacks a privilege.
        LockTimeoutError: the migrations of another database create the roles at the same time.
    """
    declared = {
        ROLE_PREFIX + role: {"role": ROLE_PREFIX + role, "kind": kind, "slice": name}
        for name, text in reversed(files.items())  # a role that two slices declare belongs to the first
        for role, kind in _CREATES.findall(text)
    }
    names = {"declared": list(declared), "prefix": ROLE_PREFIX}
    rows = fetch(cursor, "existing_roles", **names)
    if foreign := [role for role, _, is_declared, is_own in rows if is_declared and not is_own]:
        raise MigrationError(
            f"roles that the owner of this database did not create for it: {', '.join(foreign)}. Nothing was changed. "
            "As an administrator, if no other stage uses them, run in each database that has their objects: "
            f"{'; '.join(f'drop owned by {role}; drop role {role}' for role in foreign)}; and try again. If another "
            "stage uses them, set the parameter rolePrefix"
        )
    declared_json = json.dumps(list(declared.values()))
    try:
        run_generated_statements(cursor, "create_roles", _REMEDY, roles=declared_json)
    except (errors.DuplicateObject, errors.UniqueViolation) as error:  # the next try refuses the other's role
        raise LockTimeoutError("roles") from error
    cursor.execute(SQL["record_roles"], {"roles": declared_json})
    own = [row for row in fetch(cursor, "existing_roles", **names) if row[-1]]
    kept, removed = ([role for role, _, is_declared, _ in own if is_declared is value] for value in (True, False))
    run_generated_statements(cursor, "update_role_logins", declared=kept, removed=removed)
    return {role: name for role, name, *_ in own}


def reset_role_limits(connection: Connection, concurrency: Mapping[str, int | None]) -> list[str]:
    """Limit the connections of the functions' roles, and reset defaults that the roles have set for their own sessions.

    Args:
        connection: connection of a user who can alter the roles.
        concurrency: concurrent executions of each role's function. None if unknown: the limit then stays as it is,
            unless people use the role too.
    """
    limits = {
        role: _CONNECTIONS_PER_EXECUTION * (executions or 0) + _EXTRA_CONNECTIONS.get(role, 0) or None
        for role, executions in concurrency.items()
    }
    with connection.cursor() as cursor:
        notices = run_generated_statements(cursor, "limit_roles", _REMEDY, limits=json.dumps(limits))
    connection.commit()
    return notices


def set_login_method(connection: Connection, roles: Collection[str], *, uses_iam: bool) -> list[str]:
    """Make roles log in with IAM tokens only, which removes their passwords, or without IAM.

    Members of a role that uses IAM, including its creator, log in with IAM tokens too.
    """
    remedy = (
        f"{_REMEDY}; grant rds_iam to {{user}} with admin option"
        if uses_iam
        else f"revoke rds_iam from {', '.join(roles)}"
    )
    try:
        with connection.cursor() as cursor:
            notices = run_generated_statements(cursor, "set_login_method", remedy, roles=list(roles), uses_iam=uses_iam)
            if notices and not uses_iam and (problems := fetch(cursor, "indirect_iam", roles=list(roles))):
                lines = "; ".join(line for (line,) in problems)
                raise MigrationError(f"passwords would be ignored: {lines}. Nothing was changed. Revoke that")
    except errors.UndefinedObject as error:
        raise MigrationError(
            "the role rds_iam does not exist, so the server is not RDS: set dbLogin to secret, and deploy"
        ) from error
    connection.commit()
    return notices


def set_password(connection: Connection, role: str, password: str) -> None:
    """Set a role's password. It is hashed here, so that the server and its log never receive the plain text."""
    with connection.cursor() as cursor:
        hashed = encrypt_password(password, role, connection, "scram-sha-256")
        cursor.execute(f"alter role {quote_ident(role, cursor)} password %s", [hashed])
    connection.commit()
