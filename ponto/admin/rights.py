"""Rights on the objects of the schema, as the files `rights.sql` declare them.

Default privileges, and grants by hand, are compared with the declaration at each run of the migrations.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from psycopg2 import errors
from psycopg2.extensions import cursor

from ponto.admin import SQL
from ponto.admin.errors import error_context
from ponto.database_names import SCHEMA, with_names


class Right(NamedTuple):
    """A right of a role on an object of the schema."""

    object: str  # "table ponto.batida"
    privilege: str  # "select", or of one column: "select (id)"
    grantee: str  # a role's name as SQL has it, or public
    is_grantable: bool  # the grantee may grant it to others

    def __str__(self) -> str:
        return f"{self.privilege} on {self.object}"

    @property
    def grant(self) -> str:
        """The statement that grants it."""
        return f"grant {self} to {self.grantee}{' with grant option' * self.is_grantable}"

    @property
    def revoke(self) -> str:
        """The statement that takes it away, and what the grantee has granted to others."""
        return f"revoke {self} from {self.grantee} cascade"

    @property
    def is_reading(self) -> bool:
        """Whether the right only permits reading."""
        return self.privilege.startswith("select") or (self.object, self.privilege) == (f"schema {SCHEMA}", "usage")


def read_rights(session: cursor) -> list[Right]:
    """Return the rights that others than the owner have in the schema."""
    session.execute(SQL["rights"], {"schema": SCHEMA})
    return [Right(*row) for row in session.fetchall()]


def revoke_defaults(session: cursor, initial: Iterable[Right]) -> None:
    """Revoke what default privileges granted on what this transaction created.

    Args:
        session: of a transaction of the migrations.
        initial: rights at its beginning.
    """
    for right in set(read_rights(session)).difference(initial):
        session.execute(right.revoke)


def revoke_of_others(session: cursor, initial: Collection[Right], own_roles: Collection[str]) -> list[str]:
    """Revoke the rights of others, except rights to read that were granted by hand.

    For a schema that is newer than the declarations: the rights of this intake's roles stay as they are.

    Returns:
        A line for each right that was revoked.
    """
    revoked = [
        right
        for right in read_rights(session)
        if right.grantee not in own_roles and not (right.is_reading and right in initial)
    ]
    for right in revoked:
        session.execute(right.revoke)
    return [f"revoked: {right} from {right.grantee}" for right in revoked]


def enforce(
    session: cursor,
    declarations: Mapping[str, str],
    initial: Sequence[Right],
    own_roles: Collection[str],
    removed_roles: Collection[str] = (),
) -> list[str]:
    """Grant what is declared, and revoke everything else, except rights to read that were granted by hand.

    Args:
        session: of a transaction of the migrations.
        declarations: the text of `rights.sql` of each slice, by its name; empty where it has none.
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
    for name, declaration in declarations.items():
        if declaration.strip():
            with error_context(f"rights of {name}"):
                session.execute(with_names(declaration, names_roles=True))
    declared = set(read_rights(session))

    notices = []
    for right in initial:
        if right in declared:
            continue
        if not right.is_reading or right.grantee in own_roles:
            if right in current and right.grantee not in removed_roles:
                notices.append(f"revoked: {right} from {right.grantee}")
        elif _grant(session, right):
            notices.append(f"granted by hand: {right} to {right.grantee}; to end it: {right.revoke}")
        else:
            notices.append(f"lost with its object: {right} of {right.grantee}")
    if set(read_rights(session)) == set(current):  # nothing to write, so cached plans stay valid
        session.execute("rollback to savepoint rights")
    return notices


def _grant(session: cursor, right: Right) -> bool:
    """Grant a right, and return False if its object no longer exists."""
    session.execute("savepoint one_right")
    try:
        session.execute(right.grant)
    except (errors.UndefinedTable, errors.UndefinedColumn):
        session.execute("rollback to savepoint one_right")
        return False
    return True
