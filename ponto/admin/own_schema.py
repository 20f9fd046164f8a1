"""The schema that holds all of this intake, in which its owner alone may create objects and change them.

Whatever runs as the owner calls functions and fires triggers of this schema. What others put there would run with the
owner's rights.
"""

from psycopg2.extensions import cursor, quote_ident

from ponto.admin import SQL
from ponto.connection import SAFE_SETTINGS
from ponto.database_names import SCHEMA, with_names

MAX_PROBLEMS_IN_MESSAGE = 5


class NotOwnSchemaError(Exception):
    """The schema is not its owner's alone. The message says why, and what to do."""


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
    """Lock the tables, then check them, so that a write runs no code of others as the owner.

    Args:
        session: of a transaction that has written no row.
        all_tables: lock all tables, or only those in which the migrations keep their records.

    Raises:
        NotOwnSchemaError: see `require_own_schema`.
    """
    session.execute(SQL["lock_tables"], {"schema": SCHEMA, "all": all_tables})
    require_own_schema(session)


def run_file(session: cursor, statements: str) -> None:
    """Run the statements of a file of the migrations. A name without a schema may be one of this schema."""
    schema = quote_ident(SCHEMA, session)
    session.execute(f"set search_path = {schema}, pg_temp")
    session.execute(with_names(statements))
    session.execute(f"set search_path = {SAFE_SETTINGS['search_path']}")
