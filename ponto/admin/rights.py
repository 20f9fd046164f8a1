"""Rights on the objects of the schema, as the files `rights.sql` declare them.

Default privileges, and grants by hand, are compared with the declaration at each run of the migrations.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from psycopg2 import errors
from psycopg2.extensions import cursor

from ponto.admin.owner import fetch, translate_errors, try_statement
from ponto.database_names import with_names


class Right(NamedTuple):
    """A right of a role on an object of the schema."""

    name: str  # "select on table ponto.batida", or of one column: "select (id) on table ponto.batida"
    grantee: str  # a role's name as SQL has it, or public
    grant: str  # the statement that grants it
    revoke: str  # the statement that takes it away, and what the grantee has granted to others
    is_reading: bool  # it only permits reading


def read_rights(session: cursor) -> list[Right]:
    """Return the rights that others than the owner have in the schema."""
    return [Right(*row) for row in fetch(session, "rights")]


def enforce(
    session: cursor,
    declarations: Mapping[str, str] | None,
    initial: Sequence[Right],
    own_roles: Collection[str],
    removed_roles: Collection[str] = (),
) -> list[str]:
    """Grant what is declared, and revoke everything else, except rights to read that were granted by hand.

    Args:
        session: of a transaction of the migrations.
        declarations: the text of `rights.sql` of each slice, by its name. None: the declarations do not fit the
            schema, and of this intake's roles the initial rights stay.
        initial: rights at the beginning of the transaction. Other current rights come from default privileges.
        own_roles: of this intake, whose rights the declaration alone decides.
        removed_roles: those of them that lose all their rights with their slice; these are not reported.

    Returns:
        A line for each right that was revoked, and for each that was granted by hand and stays.

    Raises:
        MigrationError, LockTimeoutError: a declaration cannot be applied.
    """
    current = read_rights(session)
    session.execute("savepoint rights")
    for right in current:
        session.execute(right.revoke)
    if declarations is None:
        for right in set(current).intersection(initial):
            if right.grantee in own_roles and right.grantee not in removed_roles:
                session.execute(right.grant)
    for name, declaration in (declarations or {}).items():
        if declaration.strip():
            with translate_errors(f"rights of {name}"):
                session.execute(with_names(declaration, names_roles=True))
    declared = set(read_rights(session))

    notices = []
    for right in initial:
        if right in declared:
            continue
        if not right.is_reading or right.grantee in own_roles:
            if right in current and right.grantee not in removed_roles:
                notices.append(f"revoked: {right.name} from {right.grantee}")
        elif try_statement(session, right.grant, errors.UndefinedTable, errors.UndefinedColumn):
            notices.append(f"lost with its object: {right.name} of {right.grantee}")
        else:
            notices.append(f"granted by hand: {right.name} to {right.grantee}; to end it: {right.revoke}")
    if set(read_rights(session)) == set(current):  # nothing to write, so cached plans stay valid
        session.execute("rollback to savepoint rights")
    return notices
