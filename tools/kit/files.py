"""Files that a command writes for its user, complete or not at all, never through a link or over a device; logs."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tools.kit.errors import CommandError

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


def require_writable(file: Path, *, force: bool = False) -> None:
    """Refuse what `draft` cannot write, before the work for it is begun, and a file that must not be overwritten.

    Args:
        force: overwrite it if it is there; only ever a regular file.

    Raises:
        CommandError: it exists, it is no regular file, or its folder does not exist.
    """
    if _is_there(file) and not force:
        raise CommandError(f"{file} exists; name another file, or move it away")
    if not file.absolute().parent.is_dir():
        raise CommandError(f"{file.absolute().parent} is not a folder; make it first")


@contextmanager
def draft(file: Path, encoding: str | None = "utf-8") -> Iterator[IO[Any]]:
    """Write a file: at the end it is on the disk, and until then, or after an error, `file` is as it was.

    Only the user may read the file: it may hold punches. A regular file that is there is overwritten.

    Args:
        encoding: of its text; None: it is of bytes.

    Raises:
        CommandError: it could not be written, or something else than a regular file is there.
    """
    how: Any = {"mode": "wb"} if encoding is None else {"mode": "w", "encoding": encoding, "newline": ""}
    folder = file.absolute().parent
    _is_there(file)
    try:
        # Beside the file, so that it can take its place at once; with a name that nobody can foresee.
        with tempfile.NamedTemporaryFile(dir=folder, delete=False, **how) as out:
            try:
                yield out
                out.flush()
                os.fsync(out.fileno())
                _is_there(file)  # or what has come meanwhile would be replaced
                Path(out.name).replace(file)
            except BaseException:
                Path(out.name).unlink()
                raise
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # the file's name too
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None


def write_at(file: Path, offset: int, content: bytes) -> None:
    """Replace the end of an existing regular file by some bytes, and write them to the disk.

    Args:
        file: what has been written so far.
        offset: bytes of it that stay.
        content: what comes after these.

    Raises:
        CommandError: it could not be written, is no regular file, or is shorter than the offset.
    """
    _is_there(file)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "wb") as out:
            if out.seek(0, os.SEEK_END) < offset:
                raise CommandError(f"{file} is shorter than it was; something else has written to it")
            out.truncate(offset)
            out.seek(offset)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, or why it cannot be read: other errors quote it."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"({error.strerror})"


def _is_there(file: Path) -> bool:
    """Return whether a regular file is there.

    Raises:
        CommandError: something else is.
    """
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None
    if stat.S_ISREG(mode):
        return True
    raise CommandError(f"{file} is {_KINDS.get(stat.S_IFMT(mode), 'a device')}; name a regular file, or one to be made")
