"""Other implementations of the drain, with which the handler is compared.

All write to the handler's table, connect by the environment variables of libpq (PGHOST, ...), and expect good punches.
"""

from functools import cache

import psycopg2


@cache
def connection() -> psycopg2.extensions.connection:
    """Return the connection that the implementations share, in autocommit mode."""
    shared: psycopg2.extensions.connection = psycopg2.connect("")
    shared.autocommit = True
    return shared
