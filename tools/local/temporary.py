"""A PostgreSQL for a while, on a Unix socket in a private folder."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg2.extensions import parse_dsn

from ponto.admin.migrations import migrate
from tools.kit.errors import CommandError
from tools.local import postgres
from tools.local.errors import LocalError

_ZONE = "America/Sao_Paulo"


@contextmanager
def postgresql(settings: Mapping[str, str] | None = None) -> Iterator[postgres.Postgres]:
    """Start a PostgreSQL in a folder of its own; stop it in the end, and remove the folder.

    Args:
        settings: PostgreSQL's, by name, where its own are not wanted.

    Raises:
        LocalError: it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="ponto-"))
    try:
        running = postgres.start(folder / "postgres", settings)
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def server() -> Iterator[str]:
    """Run one; give the URL of a database with the current schema and no rows, as its superuser.

    Raises:
        CommandError: it does not start.
    """
    try:
        with postgresql(postgres.UNSAFE) as running:
            migrate(parse_dsn(running.url), _ZONE)
            yield running.url
    except LocalError as error:
        raise CommandError(str(error)) from None
