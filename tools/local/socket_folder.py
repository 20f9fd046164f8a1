"""Private folders for PostgreSQL's Unix socket."""

import os
import re
import tempfile
from pathlib import Path

from tools.local.errors import LocalError

SOCKET = ".s.PGSQL.5432"
"""File name of the socket, which PostgreSQL derives from the port."""

_MAX_PATH_BYTES = 103  # limit for a socket on macOS; Linux allows 107


def create() -> Path:
    """Create a folder with mode 0700 and a path short enough for a socket; the caller removes it.

    Raises:
        LocalError: the path of the folder for temporary files is too long.
    """
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  mkdtemp's are private
        if is_suitable(Path(parent) / "ponto-12345678"):
            return Path(tempfile.mkdtemp(prefix="ponto-", dir=parent))
    raise LocalError(
        f"{tempfile.gettempdir()}: this path is too long for PostgreSQL's socket. Set TMPDIR to a shorter one."
    )


def is_suitable(folder: Path) -> bool:
    """Return whether the path of a folder is valid for a socket, for libpq and in PostgreSQL's configuration."""
    path = os.fsencode(folder / SOCKET)
    return len(path) <= _MAX_PATH_BYTES and re.fullmatch(r"[\w/.@+~= -]+", str(folder)) is not None
