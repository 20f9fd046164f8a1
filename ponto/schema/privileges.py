"""Privileges on the objects of the schema, as declared in the files `privileges.sql`.

Each run of the migrations revokes other privileges, which default privileges or people have granted.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from psycopg2 import errors

from ponto.schema.owner import Cursor, fetch, translate_errors, try_statement
from ponto.shared.sql_names import substitute_names


class Privilege(NamedTuple):
    """A privilege of a role on an object of the schema."""

    name: str  # "select on table ponto.batida", or for one column "select (id) on table ponto.batida"
    grantee: str  # the role's name, quoted for SQL, or public
    grant: str  # the statement that grants it
    revoke: str  # the statement that revokes it, also from roles to which the grantee has granted it
    is_read_only: bool


def read_privileges(cursor: Cursor) -> list[Privilege]:
    """Return the privileges in the schema of all roles but the owner."""
    return [Privilege(*row) for row in fetch(cursor, "privileges")]


def enforce(
    cursor: Cursor,
    declarations: Mapping[str, str] | None,
    initial: Sequence[Privilege],
    own_roles: Collection[str],
    removed_roles: Collection[str] = (),
) -> list[str]:
    """Grant the declared privileges, and revoke all others except read privileges that were granted by hand.

    Args:
        cursor: cursor in a transaction of the migrations.
        declarations: the text of `privileges.sql` by slice. None if the declarations do not fit the schema; then the
            project's roles keep their initial privileges.
        initial: privileges at the start of the transaction. Later ones come from default privileges.
        own_roles: the project's roles, whose privileges are exactly the declared ones.
        removed_roles: the roles in own_roles whose slice was removed. They lose all privileges, without a notice.

    Returns:
        A notice for each privilege that was revoked, and for each that was granted by hand and stays.

    Raises:
        MigrationError, LockTimeoutError: a declaration cannot be applied.
    """
    current = read_privileges(cursor)
    cursor.execute("savepoint privileges")
    for privilege in current:
        cursor.execute(privilege.revoke)
    if declarations is None:
        for privilege in set(current).intersection(initial):
            if privilege.grantee in own_roles and privilege.grantee not in removed_roles:
                cursor.execute(privilege.grant)
    for name, declaration in (declarations or {}).items():
        if declaration.strip():
            with translate_errors(f"privileges of {name}"):
                cursor.execute(substitute_names(declaration, replace_roles=True))
    declared = set(read_privileges(cursor))

    notices = []
    for privilege in initial:
        if privilege in declared:
            continue
        if not privilege.is_read_only or privilege.grantee in own_roles:
            if privilege in current and privilege.grantee not in removed_roles:
                notices.append(f"revoked: {privilege.name} from {privilege.grantee}")
        elif try_statement(cursor, privilege.grant, errors.UndefinedTable, errors.UndefinedColumn):
            notices.append(f"lost because its object was dropped: {privilege.name} of {privilege.grantee}")
        else:
            notices.append(
                f"granted by hand, and kept: {privilege.name} to {privilege.grantee}; to revoke it, run: "
                f"{privilege.revoke}"
            )
    if set(read_privileges(cursor)) == set(current):  # write nothing, so that cached plans stay valid
        cursor.execute("rollback to savepoint privileges")
    return notices
