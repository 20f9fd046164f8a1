"""The one way in which the function `schema` connects: as the owner, for as long as a piece of work takes."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2.extensions
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from ponto.connection import Parameters, Timeouts, connect
from ponto.own_schema import OUR_PATH, require_own_schema, schema_of

PATIENT = Timeouts(granting_s=120)
"""A deploy may have made the owner's right to sign in seconds ago."""

SAFE = "set search_path = pg_catalog, pg_temp"
"""No name is looked for where anybody could have put it; ours are named with `schema_of`."""


@contextmanager
def connected(parameters: Parameters) -> Iterator[psycopg2.extensions.connection]:
    """Connect, and close the connection in the end; what is not committed is rolled back.

    Yields:
        A connection of which each statement sees what was committed before it began, whatever the server's default, and
        finds PostgreSQL's own names only.

    Raises:
        NotOwnSchemaError: others may create in the schema, or did.
        psycopg2.Error: no connection, after all tries of `connect`.
    """
    with closing(connect(parameters, "batidaPonto schema", PATIENT)) as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED)
        require_own_schema(connection, as_owner=True)
        with connection.cursor() as cursor:
            cursor.execute(SAFE)
        connection.commit()
        yield connection


def in_our_schema(cursor: psycopg2.extensions.cursor, statements: bytes) -> None:
    """Run statements that name what is ours without its schema.

    `:schema` stands for the schema of the tables, for functions whose own search path lacks it.

    Args:
        cursor: of a connection of `connected`.
        statements: those of a file of the migrations.
    """
    cursor.execute(OUR_PATH)
    cursor.execute(statements.replace(b":schema.", b"%s." % schema_of(cursor).getquoted()))
    cursor.execute(SAFE)
