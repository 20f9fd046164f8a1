"""Files of letters: a JSON object a line, everything of a letter in it."""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

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
    """Write letters; on return they are on the disk, and until then `file` is as it was.

    Only the user may read the file: it holds punches.

    Raises:
        CommandError: it could not be written.
    """
    folder = file.absolute().parent
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, delete=False) as draft:
            try:
                for letter in letters:
                    draft.write(json.dumps(letter.whole()) + "\n")
                draft.flush()
                os.fsync(draft.fileno())
                Path(draft.name).replace(file)
            except BaseException:
                Path(draft.name).unlink()
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
