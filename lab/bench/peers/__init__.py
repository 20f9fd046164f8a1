"""Alternative implementations of the drain, to benchmark it against.

All write to the drain's table, connect with libpq's environment variables (PGHOST, ...), and assume valid punches.
"""

from functools import cache

import psycopg2


@cache
def connection() -> psycopg2.extensions.connection:
    """Return the connection that the implementations share, in autocommit mode."""
    shared: psycopg2.extensions.connection = psycopg2.connect("")
    shared.autocommit = True
    return shared
