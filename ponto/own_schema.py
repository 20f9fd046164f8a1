"""Whether the schema of the tables is its owner's alone: our statements could call what somebody else put there.

PostgreSQL prefers a function whose arguments are exactly those of a call, in whatever schema of the search path it is:
a `format(text, name)` of somebody else's would run instead of PostgreSQL's own, with the rights of whoever calls it.
"""

from pathlib import Path

from psycopg2.extensions import AsIs, connection, cursor, quote_ident

_SQL = Path(__file__).parent / "sql"
_NAME = (_SQL / "own_schema.sql").read_text(encoding="utf-8")
_STRANGERS = (_SQL / "strangers.sql").read_text(encoding="utf-8")

_MOST_NAMED = 5


class NotOwnSchemaError(Exception):
    """Others may create in the schema, or did. The message says who, and what to do."""


def require_own_schema(database: connection, *, as_owner: bool = False) -> None:
    """Refuse to go on where somebody else's function could be called; remember the name of the schema.

    Args:
        database: outside of any transaction; nothing else was run on it yet.
        as_owner: as of `refuse_strangers`.

    Raises:
        NotOwnSchemaError: see there.
        psycopg2.Error: it cannot be found out.
    """
    with database.cursor() as session:
        session.execute(_NAME)
        refuse_strangers(session, as_owner=as_owner)
    database.commit()


def refuse_strangers(session: cursor, *, as_owner: bool = False) -> None:
    """Do the same in a transaction, whose search path then is the safe one.

    Args:
        session: of a connection that knows the name of the schema.
        as_owner: whoever signed in is to own the tables; otherwise it is who owns `batida`.

    Raises:
        NotOwnSchemaError: see there.
        psycopg2.Error: it cannot be found out.
    """
    found = strangers(session, as_owner=as_owner)
    if not found:
        return
    who = [name for name, is_role, _ in found if is_role]
    what = [name for name, is_role, _ in found if not is_role]
    reasons = []
    if who:
        reasons.append(f"{', '.join(who)} may create in it, and so run statements with the rights of its owner")
    if what:
        more = f" and {len(what) - _MOST_NAMED} more" if len(what) > _MOST_NAMED else ""
        reasons.append(f"{', '.join(what[:_MOST_NAMED])}{more} could be used instead of PostgreSQL's or ours")
    remedies = [remedy for *_, remedy in found[: len(who) + _MOST_NAMED]]
    raise NotOwnSchemaError(
        f"schema {schema_of(session)} is not its owner's alone: {'; '.join(reasons)}. Nothing was done. As an "
        f"administrator, look at what is theirs, then: {'; '.join(remedies)}; and try again"
    )


def strangers(session: cursor, *, as_owner: bool = False) -> list[tuple[str, bool, str]]:
    """Give who else may create in the schema, and what others have there under a name that our statements use.

    Args:
        session: as of `refuse_strangers`.
        as_owner: see there.

    Returns:
        What it is, whether that is a role, and the statement that mends it; first the roles.
    """
    session.execute(_STRANGERS, {"as_owner": as_owner})
    found: list[tuple[str, bool, str]] = session.fetchall()
    return found


def schema_of(session: cursor) -> AsIs:
    """Give the schema of the tables, as statements name it: `%(schema)s.batida`.

    Args:
        session: of a connection that passed `require_own_schema`.
    """
    session.execute("select pg_catalog.current_setting('ponto.schema')")
    [(name,)] = session.fetchall()
    return AsIs(quote_ident(name, session))
