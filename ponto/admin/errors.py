"""Errors of the migrations."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import psycopg2.errors


class MigrationError(Exception):
    """A migration failed, or could not begin. The message names it, and says why, and what was changed."""


class LockTimeoutError(Exception):
    """The step of this name waited for a lock as long as it may."""


@contextmanager
def error_context(step: str) -> Iterator[None]:
    """Raise errors of the database with the name of a step: a file, or what runs between files.

    Raises:
        LockTimeoutError: the step did not get a lock.
        MigrationError: the database refused something else.
    """
    try:
        yield
    except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected) as error:
        raise LockTimeoutError(step) from error
    except psycopg2.DatabaseError as error:
        raise MigrationError(f"{step}: {str(error).strip()}") from error
