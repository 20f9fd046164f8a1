"""Whether the schema of the tables is its owner's alone: our statements could call what somebody else put there.

PostgreSQL prefers a function whose arguments are exactly those of a call, in whatever schema of the search path it is:
a `format(text, name)` of somebody else's would run instead of PostgreSQL's own, with the rights of whoever calls it.
"""

from collections.abc import Iterable
from pathlib import Path

from psycopg2.extensions import AsIs, connection, cursor, quote_ident

_SQL = Path(__file__).parent / "sql"
_SCHEMAS = (_SQL / "own_schema.sql").read_text(encoding="utf-8")
_STRANGERS = (_SQL / "strangers.sql").read_text(encoding="utf-8")

OUR_PATH = (_SQL / "our_path.sql").read_text(encoding="utf-8")
"""Of a connection that passed `require_own_schema`."""

_MOST_NAMED = 5


class NotOwnSchemaError(Exception):
    """Others may create in the schema, or did. The message says who, and what to do."""


def require_own_schema(database: connection, *, as_owner: bool = False) -> None:
    """Refuse to go on where somebody else's function could be called; then look for names in the schema only.

    Args:
        database: outside of any transaction; nothing else was run on it yet.
        as_owner: whoever signed in is to own the tables; otherwise it is who owns `batida`.

    Raises:
        NotOwnSchemaError: see there.
    """
    with database.cursor() as session:
        _remember_schema(session, as_owner)
        refuse_strangers(session, as_owner=as_owner)
        session.execute(OUR_PATH)
    database.commit()


def _remember_schema(session: cursor, as_owner: bool) -> None:
    """Remember the first schema of the search path; of whoever does not own the tables, the first that has them."""
    session.execute(_SCHEMAS)
    found: list[tuple[str, str | None]] = session.fetchall()
    having = [] if as_owner else [(schema, owner) for schema, owner in found if owner]
    if len({owner for _, owner in having}) > 1:
        schemas = " and ".join(f"{schema} of {owner}" for schema, owner in having)
        raise NotOwnSchemaError(
            f"a table batida is in the schemas {schemas}, and it is not known which one is ours. Nothing was done. As "
            "an administrator, rename the other one, or take its schema off the search path, and try again"
        )
    names = [schema for schema, _ in having or found]
    if as_owner and not names:
        raise NotOwnSchemaError(
            "the owner's search path names no schema that is there and that the owner may use. Nothing was done. As an "
            "administrator: alter database ... set search_path = ...; and try again"
        )
    session.execute("select set_config('ponto.schema', %s, false)", [names[0] if names else ""])


def refuse_strangers(session: cursor, *, as_owner: bool = False, tables: Iterable[str] = ()) -> None:
    """Do the same in a transaction, whose search path then is the safe one.

    Args:
        session: of a connection that knows the name of the schema.
        as_owner: as of `require_own_schema`.
        tables: names of ours, besides those of the reference.

    Raises:
        NotOwnSchemaError: see there.
    """
    found = strangers(session, as_owner=as_owner, tables=tables)
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


def strangers(session: cursor, *, as_owner: bool = False, tables: Iterable[str] = ()) -> list[tuple[str, bool, str]]:
    """Give the roles that may create there, then what others have there: its name, whether it is a role, the remedy."""
    session.execute(_STRANGERS, {"as_owner": as_owner, "tables": list(tables)})
    found: list[tuple[str, bool, str]] = session.fetchall()
    return found


def schema_of(session: cursor) -> AsIs:
    """Give the schema of the tables, as statements name it, after `require_own_schema`: `%(schema)s.batida`."""
    session.execute("select pg_catalog.current_setting('ponto.schema')")
    [(name,)] = session.fetchall()
    return AsIs(quote_ident(name, session))
