"""A PostgreSQL for a while, on a Unix socket in a private folder."""

import os
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
_MEMORY = Path("/dev/shm")  # noqa: S108  Linux's file system in memory; mkdtemp's folders are private
_ROOM = 8 << 30  # bytes that have to be free in it: several may run, and each writes up to a gigabyte of log


@contextmanager
def postgresql(settings: Mapping[str, str] | None = None, parent: Path | None = None) -> Iterator[postgres.Postgres]:
    """Start a PostgreSQL in a folder of its own; stop it in the end, and remove the folder.

    Args:
        settings: PostgreSQL's, by name, where its own are not wanted.
        parent: where to make the folder; the system's folder for temporary files if None.

    Raises:
        LocalError: it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="ponto-", dir=parent))
    try:
        running = postgres.start(folder / "postgres", settings)
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def unsafe(settings: Mapping[str, str] | None = None) -> Iterator[postgres.Postgres]:
    """Start one whose data may be lost: in memory, where there is room for it.

    Args:
        settings: PostgreSQL's, by name, besides those.

    Raises:
        LocalError: it does not start.
    """
    has_room = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    with postgresql({**postgres.UNSAFE, **(settings or {})}, _MEMORY if has_room else None) as running:
        yield running


@contextmanager
def server() -> Iterator[str]:
    """Run one; give the URL of a database with the current schema and no rows, as its superuser.

    Raises:
        CommandError: it does not start.
    """
    try:
        with unsafe() as running:
            migrate(parse_dsn(running.url), _ZONE)
            yield running.url
    except LocalError as error:
        raise CommandError(str(error)) from None
