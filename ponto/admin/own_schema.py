"""The schema that holds all of this intake: its owner alone may create in it, and change what runs there.

The migrations, and everything else that runs as the owner, call functions and fire triggers of this schema. So whatever
others could put there would run with the owner's rights.
"""

import psycopg2
import psycopg2.errors
from psycopg2.extensions import AsIs, cursor, quote_ident

from ponto.admin import SQL
from ponto.connection import SAFE_SETTINGS
from ponto.database_names import SCHEMA, with_names

MAX_PROBLEMS_IN_MESSAGE = 5


class NotOwnSchemaError(Exception):
    """The schema is not its owner's alone, or cannot be created. The message says why, and what to do."""


def require_own_schema(session: cursor) -> None:
    """Raise an error if others can change what the owner runs. A schema that does not exist is fine.

    Raises:
        NotOwnSchemaError: others own the schema or something in it, may create in it, or there is a trigger, a foreign
            key, a rule, row security or an inheriting table that no migration made.
    """
    session.execute(f"set search_path = {SAFE_SETTINGS['search_path']}")
    session.execute(SQL["schema_problems"], {"schema": SCHEMA})
    problems: list[tuple[str, str]] = session.fetchall()
    if not problems:
        return
    reported = problems[:MAX_PROBLEMS_IN_MESSAGE]
    more = f"; and {len(problems) - len(reported)} more" if len(problems) > len(reported) else ""
    raise NotOwnSchemaError(
        f"others can change what the owner of schema {SCHEMA} runs: "
        f"{'; '.join(problem for problem, _ in reported)}{more}. Nothing was changed. As an administrator, check "
        f"what it is, then: {'; '.join(remedy for _, remedy in reported)}; and try again"
    )


def protect_writes(session: cursor, *, all_tables: bool) -> None:
    """Make sure that nothing of others runs by what the transaction writes.

    What a trigger did as the owner could not be judged afterwards. So the tables are locked first, and then checked.

    Args:
        session: of a transaction that has written no row.
        all_tables: lock all tables, or those that the migrations keep for themselves.

    Raises:
        NotOwnSchemaError: see `require_own_schema`.
    """
    session.execute(SQL["schema_lock"], {"schema": SCHEMA, "all": all_tables})
    require_own_schema(session)


def create_schema(session: cursor) -> None:
    """Create the schema if it does not exist.

    Raises:
        NotOwnSchemaError: the user may not create schemas in this database.
    """
    session.execute(SQL["schema_exists"], {"schema": SCHEMA})
    if session.fetchone() is not None:
        return
    name = quote_ident(SCHEMA, session)
    try:
        session.execute(SQL["schema_create"], {"schema": AsIs(name)})
    except psycopg2.errors.InsufficientPrivilege as error:
        session.connection.rollback()
        session.execute("select pg_catalog.quote_ident(current_user)")
        [(owner,)] = session.fetchall()
        raise NotOwnSchemaError(
            f"{owner} may not create schemas in this database. Nothing was changed. As an administrator: create schema "
            f"{name} authorization {owner}; and try again"
        ) from error


def run_file(session: cursor, statements: str) -> None:
    """Run the statements of a file of the migrations, in which a name without a schema is one of this schema, too."""
    schema = quote_ident(SCHEMA, session)
    session.execute(f"set search_path = {schema}, pg_temp")
    session.execute(with_names(statements))
    session.execute(f"set search_path = {SAFE_SETTINGS['search_path']}")
