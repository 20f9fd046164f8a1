"""Temporary PostgreSQL servers, on a Unix socket in a private folder."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from psycopg2.extensions import parse_dsn

from ponto import enabled_slices
from ponto.schema.migrations import BASE_FOLDERS, migrate
from tools.local import postgres

_ZONE = "America/Sao_Paulo"
_MEMORY = Path("/dev/shm")  # noqa: S108  Linux only; folders of mkdtemp are private
_MIN_FREE_BYTES = 8 << 30  # several servers may run, and each writes up to a gigabyte of WAL


def memory_folder(folder: Path = _MEMORY, min_free_bytes: int = _MIN_FREE_BYTES) -> Path | None:
    """Return the in-memory folder if it has space and allows execution, and TMPDIR is not set; otherwise None."""
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK):
        return None
    status = os.statvfs(folder)
    free_bytes = min(status.f_bavail * status.f_frsize, psutil.virtual_memory().available)
    return folder if free_bytes > min_free_bytes and not status.f_flag & os.ST_NOEXEC else None


@contextmanager
def temporary_server(
    settings: Mapping[str, str] | None = None, parent: Path | None = None
) -> Iterator[postgres.Postgres]:
    """Run a PostgreSQL server in a new folder, in `parent` or with the system's temporary files.

    Raises:
        LocalError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="ponto-", dir=parent) as folder:
        server = postgres.start(Path(folder) / "postgres", settings)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def unsafe_server(settings: Mapping[str, str] | None = None) -> Iterator[postgres.Postgres]:
    """Run a PostgreSQL server with `postgres.UNSAFE_SETTINGS` and other settings, in memory if there is space.

    Raises:
        LocalError: it does not start.
    """
    with temporary_server({**postgres.UNSAFE_SETTINGS, **(settings or {})}, memory_folder()) as server:
        yield server


@contextmanager
def migrated_database() -> Iterator[str]:
    """Run a temporary PostgreSQL server, and yield the superuser's URL of a migrated database without rows.

    Raises:
        LocalError: it does not start.
    """
    with unsafe_server() as server:
        migrate(parse_dsn(server.url), _ZONE, BASE_FOLDERS | enabled_slices.schema_folders())
        yield server.url
