"""The one way in which the function `schema` connects: as the owner, for as long as a piece of work takes."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2.extensions
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from ponto.connection import Parameters, connect


@contextmanager
def connected(parameters: Parameters) -> Iterator[psycopg2.extensions.connection]:
    """Connect, and close the connection in the end; what is not committed is rolled back.

    Args:
        parameters: keyword arguments of `psycopg2.connect`.

    Yields:
        A connection of which each statement sees what was committed before it began, whatever the server's default.

    Raises:
        psycopg2.Error: no connection, after all tries of `connect`.
    """
    with closing(connect(parameters, "batidaPonto schema")) as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED)
        yield connection
