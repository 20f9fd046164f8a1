"""Connections of the function `schema`, as the owner of the schema."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2.extensions
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from ponto.admin.own_schema import require_own_schema
from ponto.connection import Parameters, Timeouts, connect

PATIENT = Timeouts(iam_propagation_seconds=120)
"""A deploy may have made the owner's right to sign in seconds ago."""


@contextmanager
def connected(parameters: Parameters) -> Iterator[psycopg2.extensions.connection]:
    """Connect, and close the connection in the end; what is not committed is rolled back.

    Yields:
        A connection of which each statement sees what was committed before it began, whatever the server's default.

    Raises:
        NotOwnSchemaError: see `require_own_schema`.
        psycopg2.Error: no connection, after all tries of `connect`.
    """
    with closing(connect(parameters, "batidaPonto schema", PATIENT)) as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED)
        with connection.cursor() as cursor:
            require_own_schema(cursor)
        connection.commit()
        yield connection
