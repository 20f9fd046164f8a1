"""Private folders for PostgreSQL's Unix socket."""

import os
import re
import tempfile
from pathlib import Path

from tools.local.errors import LocalError

SOCKET = ".s.PGSQL.5432"
"""The socket's file name, which PostgreSQL derives from the port."""

_MAX_PATH_BYTES = 103  # of a socket: 107 on Linux, 103 on macOS


def create() -> Path:
    """Create a folder of mode 0700, to be removed by the caller, whose path a socket can have.

    Raises:
        LocalError: the system's folder for temporary files has too long a path.
    """
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  mkdtemp's are private
        if is_suitable(Path(parent) / "ponto-12345678"):
            return Path(tempfile.mkdtemp(prefix="ponto-", dir=parent))
    raise LocalError(f"{tempfile.gettempdir()}: too long a path for PostgreSQL's socket. Set TMPDIR to a shorter one.")


def is_suitable(folder: Path) -> bool:
    """Return whether a socket, libpq and PostgreSQL's configuration can have the path of a folder."""
    path = os.fsencode(folder / SOCKET)
    return len(path) <= _MAX_PATH_BYTES and re.fullmatch(r"[\w/.@+~= -]+", str(folder)) is not None
