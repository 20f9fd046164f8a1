"""Atomic writing of files that the user names, and the last lines of log files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tools.kit.errors import CommandError


def require_writable(file: Path, *, force: bool = False) -> None:
    """Check that `write_atomically` can write a file, before the work for it begins.

    Args:
        force: allow an existing regular file.

    Raises:
        CommandError: the file exists and `force` is false, it is not a regular file, or its folder does not exist.
    """
    if os.path.lexists(file):
        if file.is_symlink() or not file.is_file():
            raise CommandError(f"{file} is not a regular file; name one, or one that does not exist")
        if not force:
            raise CommandError(f"{file} exists; name another file, or move this one away")
    if not file.absolute().parent.is_dir():
        raise CommandError(f"{file.absolute().parent} is not a folder; create it first")


@contextmanager
def write_atomically(file: Path, encoding: str | None = "utf-8") -> Iterator[IO[Any]]:
    """Write a file atomically: it gets its name when it is complete and on the disk; after an error it is unchanged.

    Only the user may read it, as it may contain punches. An existing regular file is replaced.

    Args:
        encoding: encoding of its text; None: write bytes.

    Raises:
        CommandError: the file could not be written, or it exists and is not a regular file.
    """
    open_options: Any = {"mode": "wb"} if encoding is None else {"mode": "w", "encoding": encoding, "newline": ""}
    folder = file.absolute().parent
    require_writable(file, force=True)
    try:
        # A temporary file in the same folder makes the rename atomic.
        with tempfile.NamedTemporaryFile(dir=folder, delete=False, **open_options) as out:
            try:
                yield out
                out.flush()
                os.fsync(out.fileno())
                require_writable(file, force=True)  # another program may have created a folder or a link
                Path(out.name).replace(file)
            except BaseException:
                Path(out.name).unlink()
                raise
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # writes the new name to the disk, too
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, or the error of reading it, for use in another error's message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"({error.strerror})"
