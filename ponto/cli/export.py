"""Files that hold punches: only the user may read them, and they are whole or not there."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ponto.cli import CommandError
from ponto.cli.letters import Letter


def require_writable(file: Path, *, force: bool = False) -> None:
    """Refuse a file that exists, unless it may be overwritten, or whose folder does not.

    Raises:
        CommandError: says which of the two.
    """
    if file.exists() and not force:
        raise CommandError(f"{file} exists; name another file, or move it away")
    if not file.absolute().parent.is_dir():
        raise CommandError(f"{file.absolute().parent} is not a folder; make it first")


def write(file: Path, letters: Iterable[Letter]) -> None:
    """Write letters, a JSON object a line, everything of a letter in it; see `draft`.

    Raises:
        CommandError: it could not be written.
    """
    with draft(file) as lines:
        for letter in letters:
            lines.write(json.dumps(letter.whole()) + "\n")


@contextmanager
def draft(file: Path, encoding: str = "utf-8") -> Iterator[IO[str]]:
    """Write a file: at the end it is on the disk, and until then, or after an error, `file` is as it was.

    Only the user may read the file: it holds punches.

    Raises:
        CommandError: it could not be written.
    """
    folder = file.absolute().parent
    try:
        with tempfile.NamedTemporaryFile("w", encoding=encoding, newline="", dir=folder, delete=False) as text:
            try:
                yield text
                text.flush()
                os.fsync(text.fileno())
                Path(text.name).replace(file)
            except BaseException:
                Path(text.name).unlink()
                raise
        _sync(folder)  # the file's name too
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
