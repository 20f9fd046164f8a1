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
    describe_problems,
    fetch,
    run_generated_statements,
)
from ponto.shared.sql_names import ROLE_PREFIX

_CREATES = re.compile(r"^create role ponto_(\w+) (login|nologin);", re.MULTILINE)

# Connections that a role may have for each concurrent execution of its function. Execution environments that a deploy
# has replaced keep their connections for another minute (idle_session_timeout), so after two deploys within a minute
# there are up to three; the fourth is spare.
_CONNECTIONS_PER_EXECUTION = 4
_EXTRA_CONNECTIONS = {f"{ROLE_PREFIX}reader": 20}  # for people, who use this role too


def create(cursor: Cursor, files: dict[str, str]) -> list[str]:
    """Create the missing roles that `roles.sql` of each slice declares; disable logins of removed slices' roles.

    A declared role that exists, but was not created by a migration, is taken over and loses its password.

    Args:
        cursor: cursor in a transaction of the migrations.
        files: the text of `roles.sql` by slice.

    Raises:
        MigrationError: such a role cannot be taken over, because its creator, a member or another database can use it,
            or because it has more attributes than a function's role; or the user lacks a privilege.
        LockTimeoutError: the migrations of another database create or alter the roles at the same time.
    """
    declared = {
        ROLE_PREFIX + role: {"role": ROLE_PREFIX + role, "kind": kind, "slice": name}
        for name, text in reversed(files.items())  # a role that two slices declare belongs to the first
        for role, kind in _CREATES.findall(text)
    }
    if problems := fetch(cursor, "role_problems", names=list(declared)):
        raise MigrationError(f"others created roles with the names of this project: {describe_problems(problems)}")
    without_password = []
    if cursor.connection.info.parameter_status("is_superuser") == "on":
        without_password = [role for (role,) in fetch(cursor, "roles_without_password")]
    declared_json = json.dumps(list(declared.values()))
    remedy = _describe_remedy(declared | dict(fetch(cursor, "slices_by_role", prefix=ROLE_PREFIX)))
    try:
        notices = run_generated_statements(
            cursor, "create_roles", remedy, roles=declared_json, without_password=without_password
        )
        cursor.execute(SQL["record_roles"], {"roles": declared_json})
        return notices + run_generated_statements(
            cursor, "update_role_logins", remedy, roles=declared_json, prefix=ROLE_PREFIX
        )
    except (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_) as error:
        # Another database creates or alters the role: "tuple concurrently updated". The next try checks its creator.
        raise LockTimeoutError("roles") from error


def describe_owned_objects(cursor: Cursor, roles: Collection[str]) -> list[str]:
    """Return a notice if roles of the project own objects, with the query that lists them; otherwise none.

    Whoever was once a member of a role could leave a function there that runs with the role's privileges.
    """
    values = {"roles": list(roles)}
    if not (owned := fetch(cursor, "owned_objects", **values) + fetch(cursor, "owned_elsewhere", **values)):
        return []
    objects = "; ".join(f"{what} of {role}" for role, what in owned)
    query = cursor.mogrify(re.sub(r"--.*|\s+", " ", SQL["owned_objects"]), values).decode()
    return [
        f"roles of this project own objects, which may run with their privileges: {objects}. Check and drop them. In "
        f"each database this lists them: {' '.join(query.split())}"
    ]


def _describe_remedy(roles: Collection[str]) -> str:
    return (
        f"alter role {{user}} createrole; and, where they exist: grant {', '.join(roles)} to {{user}} with admin option"
    )


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
        notices = run_generated_statements(cursor, "limit_roles", _describe_remedy(limits), limits=json.dumps(limits))
    connection.commit()
    return notices


def set_login_method(connection: Connection, roles: Collection[str], *, uses_iam: bool) -> list[str]:
    """Make roles log in with IAM tokens only, which removes their passwords, or without IAM.

    Members of a role that uses IAM, including its creator, log in with IAM tokens too.
    """
    remedy = _describe_remedy(["rds_iam", *roles]) if uses_iam else f"revoke rds_iam from {', '.join(roles)}"
    try:
        with connection.cursor() as cursor:
            notices = run_generated_statements(cursor, "set_login_method", remedy, roles=list(roles), uses_iam=uses_iam)
            if notices and not uses_iam and (problems := fetch(cursor, "indirect_iam", roles=list(roles))):
                raise MigrationError(f"passwords would be ignored: {describe_problems(problems)}")
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
