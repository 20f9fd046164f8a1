"""A PostgreSQL for a while, with the current schema and no rows."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2.extensions import parse_dsn

from ponto.admin.migrations import migrate
from tools.kit.errors import CommandError
from tools.local import postgres
from tools.local.errors import LocalError

_ZONE = "America/Sao_Paulo"


@contextmanager
def server() -> Iterator[str]:
    """Start a PostgreSQL, and stop it in the end; give the URL of a migrated database, as its superuser.

    Raises:
        CommandError: it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="ponto-"))
    try:
        running = postgres.start(folder / "postgres", postgres.UNSAFE)
    except LocalError as error:
        shutil.rmtree(folder)
        raise CommandError(str(error)) from None
    try:
        migrate(parse_dsn(running.url), _ZONE)
        yield running.url
    finally:
        running.stop()
        shutil.rmtree(folder)
