"""Other ways to do the handler's work, each as a reader would write it: what the handler is measured against.

All write to the handler's own table, find it by libpq's environment (PGHOST, ...), and take good punches only.
"""

from functools import cache

import psycopg2


@cache
def connection() -> psycopg2.extensions.connection:
    """Return the connection that the peers keep, in which a statement is a transaction."""
    kept: psycopg2.extensions.connection = psycopg2.connect("")
    kept.autocommit = True
    return kept
