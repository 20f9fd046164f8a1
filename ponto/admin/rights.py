"""Rights on the objects of the schema, as the files `rights.sql` declare them.

Default privileges, and grants by hand, are compared with the declaration at each run of the migrations.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from psycopg2 import ProgrammingError, errors
from psycopg2.extensions import cursor

from ponto.admin import SQL
from ponto.database_names import SCHEMA, with_names


class DeclarationError(Exception):
    """A file `rights.sql` cannot be applied. The message names it."""


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


def held(session: cursor) -> list[Right]:
    """Return the rights that others than the owner have in the schema."""
    session.execute(SQL["rights_held"], {"schema": SCHEMA})
    return [Right(*row) for row in session.fetchall()]


def revoke_defaults(session: cursor, before: Iterable[Right]) -> None:
    """Revoke what default privileges granted on what this transaction created.

    Args:
        session: of a transaction of the migrations.
        before: what was held when it began.
    """
    for right in set(held(session)).difference(before):
        session.execute(right.revoke)


def revoke_of_others(session: cursor, before: Sequence[Right], own_roles: Collection[str]) -> list[str]:
    """Revoke what default privileges and people granted to others, but for rights to read that were granted by hand.

    For a schema that is newer than the declarations: the rights of this intake's roles stay as they are.

    Returns:
        A line for each right that was revoked.
    """
    others = [right for right in held(session) if right.grantee not in own_roles]
    revoked = [right for right in others if not right.is_reading or right not in before]
    for right in revoked:
        session.execute(right.revoke)
    return [f"revoked: {right} from {right.grantee}" for right in revoked]


def enforce(
    session: cursor,
    declarations: Mapping[str, str],
    before: Sequence[Right],
    own_roles: Collection[str],
    removed_roles: Collection[str] = (),
) -> list[str]:
    """Grant what is declared, and revoke everything else but rights to read that were granted by hand.

    Args:
        session: of a transaction of the migrations.
        declarations: the text of `rights.sql` of each slice, by its name.
        before: what was held when the transaction began. What else is held now comes from default privileges.
        own_roles: of this intake, whose rights the declaration alone decides.
        removed_roles: those of them that lose all their rights with their slice, which is not worth a line for each.

    Returns:
        A line for each right that was revoked, and for each that was granted by hand and stays.
    """
    current = held(session)
    session.execute("savepoint rights")
    for right in current:
        session.execute(right.revoke)
    for name, declaration in declarations.items():
        if not declaration.strip():
            continue
        try:
            session.execute(with_names(declaration, names_roles=True))
        except ProgrammingError as error:  # of an object that is not there, say
            raise DeclarationError(f"{name}/rights.sql: {str(error).strip()}") from error
    declared = set(held(session))

    undeclared = [right for right in before if right not in declared]
    kept = [right for right in undeclared if right.is_reading and right.grantee not in own_roles]
    gone = [right for right in kept if not _grant(session, right)]
    if set(held(session)) == set(current):  # nothing to write, so cached plans stay valid
        session.execute("rollback to savepoint rights")
    revoked = [right for right in undeclared if right in current and right not in kept]
    return [
        *(f"revoked: {right} from {right.grantee}" for right in revoked if right.grantee not in removed_roles),
        *(
            f"granted by hand: {right} to {right.grantee}; to end it: {right.revoke}"
            for right in kept
            if right not in gone
        ),
        *(f"lost with its object: {right} of {right.grantee}" for right in gone),
    ]


def _grant(session: cursor, right: Right) -> bool:
    """Grant a right unless what it was on is gone, and return whether it was granted."""
    session.execute("savepoint one_right")
    try:
        session.execute(right.grant)
    except (errors.UndefinedTable, errors.UndefinedColumn):
        session.execute("rollback to savepoint one_right")
        return False
    session.execute("release savepoint one_right")
    return True
