"""The roles that the migrations create: how they sign in, and which limits and settings they have.

Each function raises `MigrationError` if the user may not do that; the message says what it lacks. Lists that functions
return have a line for each role that changed. Open sessions stay as they are.
"""

import json
import re
from collections.abc import Collection, Mapping

from psycopg2 import errors
from psycopg2.extensions import cursor, encrypt_password, quote_ident

from ponto.admin import SQL
from ponto.admin.owner import (
    LockTimeoutError,
    MigrationError,
    connect_as_owner,
    describe_problems,
    fetch,
    run_generated_statements,
)
from ponto.connection import Parameters
from ponto.database_names import ROLE_PREFIX

_CREATES = re.compile(r"^create role ponto_(\w+) (login|nologin);", re.MULTILINE)

# Of a function's reserved concurrency. Environments that a deploy replaced keep their connections for a minute more
# (idle_session_timeout): two deploys within it are three times the concurrency, and one time is to spare.
_CONNECTIONS_PER_EXECUTION = 4
_CONNECTIONS_OF_PEOPLE = {f"{ROLE_PREFIX}reader": 20}


def create(session: cursor, files: dict[str, str]) -> list[str]:
    """Create the missing ones of the roles in `roles.sql` of each slice, and disable the login of others.

    Raises:
        MigrationError: also if a role exists that no migration created, and its creator, a member or another database
            can use it, or it may do more than these roles do. The password of other such roles is removed.
        LockTimeoutError: another database creates or alters the roles.
    """
    declared = {
        ROLE_PREFIX + role: {"role": ROLE_PREFIX + role, "kind": kind, "slice": name}
        for name, text in reversed(files.items())  # of a role that two slices declare, the first is the slice
        for role, kind in _CREATES.findall(text)
    }
    if problems := fetch(session, "role_problems", names=list(declared)):
        raise MigrationError(f"others created roles of these names: {describe_problems(problems)}")
    without_password = []
    if session.connection.info.parameter_status("is_superuser") == "on":
        without_password = [role for (role,) in fetch(session, "roles_without_password")]
    given = json.dumps(list(declared.values()))
    remedy = _remedy(declared | dict(fetch(session, "slices_by_role", prefix=ROLE_PREFIX)))
    try:
        notices = run_generated_statements(
            session, "create_roles", remedy, roles=given, without_password=without_password
        )
        session.execute(SQL["record_roles"], {"roles": given})
        return notices + run_generated_statements(session, "admit_roles", remedy, roles=given, prefix=ROLE_PREFIX)
    except (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_) as error:
        # Another database creates it, or alters it: "tuple concurrently updated". The next try looks at who created it.
        raise LockTimeoutError("roles") from error


def _remedy(roles: Collection[str]) -> str:
    return (
        f"alter role {{user}} createrole; and, where they exist: grant {', '.join(roles)} to {{user}} with admin option"
    )


def reset_role_limits(parameters: Parameters, concurrency: Mapping[str, int | None]) -> list[str]:
    """Limit the connections of the functions' roles, and reset settings that they made for their own sessions.

    Args:
        parameters: of who may alter the roles.
        concurrency: concurrent executions of each role's function, to which people's own connections are added; None:
            not known, and the limit of a role that people do not use stays as it is.
    """
    limits = {
        role: _CONNECTIONS_PER_EXECUTION * (executions or 0) + _CONNECTIONS_OF_PEOPLE.get(role, 0) or None
        for role, executions in concurrency.items()
    }
    with connect_as_owner(parameters) as connection, connection.cursor() as session:
        notices = run_generated_statements(session, "limit_roles", _remedy(limits), limits=json.dumps(limits))
        connection.commit()
        return notices


def set_login_method(parameters: Parameters, roles: Collection[str], *, uses_iam: bool) -> list[str]:
    """Set roles to sign in by IAM alone, without a password; or set them to sign in without IAM.

    A member of such a role, its creator too, signs in by IAM as well.
    """
    remedy = _remedy(["rds_iam", *roles]) if uses_iam else f"revoke rds_iam from {', '.join(roles)}"
    try:
        with connect_as_owner(parameters) as connection, connection.cursor() as session:
            notices = run_generated_statements(session, "set_login", remedy, roles=list(roles), uses_iam=uses_iam)
            if notices and not uses_iam and (problems := fetch(session, "indirect_iam", roles=list(roles))):
                raise MigrationError(f"a password would not count: {describe_problems(problems)}")
            connection.commit()
            return notices
    except errors.UndefinedObject as error:
        raise MigrationError(
            "there is no role rds_iam, so this is no RDS: set dbLogin to secret, and deploy"
        ) from error


def set_password(parameters: Parameters, role: str, password: str) -> None:
    """Set a role's password. It is hashed here, so that neither the server nor its log sees it."""
    with connect_as_owner(parameters) as connection, connection.cursor() as session:
        hashed = encrypt_password(password, role, connection, "scram-sha-256")
        session.execute(f"alter role {quote_ident(role, session)} password %s", [hashed])
        connection.commit()
