"""The files that `ponto import` keeps beside the imported file: its progress, and a list of refused lines.

The list is written first, then the progress, which counts the lines of the list. An import that resumes truncates the
list to that count. Therefore no refused line is lost or listed twice, even if the command was killed while writing.
"""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson

from slices.imports.batches import BatchOutcome
from slices.imports.raw_lines import Position
from slices.imports.streams import DECOMPRESSION_ERRORS, is_compressed
from tools.kit import files
from tools.kit.errors import CommandError
from tools.kit.output import pluralize

_CHUNK_BYTES = 1 << 20
_MAX_JSON_BYTES = 1 << 16  # of a progress file, and of a listed line


class Progress(NamedTuple):
    """Progress of an import. The names of the fields are the keys of the progress file."""

    url: str  # URL of `POST /ponto`
    offset: int = 0  # number of uncompressed bytes that were imported
    digest: str = sha256().hexdigest()  # SHA-256 of the imported bytes
    accepted: int = 0
    refused: int = 0


class Journal:
    """Progress of an import and its refused lines, written to disk once a second.

    After a crash, punches of the last second are sent again, which is harmless: the database stores each punch once.
    """

    def __init__(
        self, progress: Progress, content: "_Content", progress_path: Path, refused_path: Path, list_bytes: int
    ) -> None:
        """Create a journal; use `open_journal` instead.

        Args:
            progress: progress from which to resume.
            content: content of the file, read up to the offset of the progress.
            progress_path: the progress file.
            refused_path: the list of refused lines.
            list_bytes: size of the lines that the progress counts.
        """
        self.progress = progress
        self.position = Position(progress.offset, content.line_breaks + 1)
        self.refused_path = refused_path
        self._content = content
        self._progress_path = progress_path
        self._list_bytes = list_bytes
        self._unwritten: list[bytes] = []  # refused lines that are not in the list yet
        self._next_write = time.monotonic() + 1

    @property
    def refused_lines(self) -> str | None:
        """Path of the list of refused lines; None if there are none."""
        return str(self.refused_path) if self.progress.refused else None

    def add(self, outcome: BatchOutcome) -> None:
        """Add the outcome of a batch."""
        for line in outcome.refused_lines:
            self._unwritten.append(json.dumps({"line": line.number, "reason": line.refusal}).encode() + b"\n")
        self.position = outcome.end
        self.progress = self.progress._replace(
            offset=outcome.end.offset,
            accepted=self.progress.accepted + outcome.accepted,
            refused=self.progress.refused + len(outcome.refused_lines),
        )
        if time.monotonic() > self._next_write:
            self.write()
            self._next_write = time.monotonic() + 1

    def write(self) -> None:
        """Write the list, then the progress.

        Raises:
            CommandError: a file cannot be written.
        """
        lines = b"".join(self._unwritten)
        if lines:
            if self._list_bytes:
                files.write_at(self.refused_path, self._list_bytes, lines)
            else:  # replaces the list of an earlier import
                with files.draft(self.refused_path, None) as out:
                    out.write(lines)
            self._list_bytes += len(lines)
            self._unwritten.clear()
        self.progress = self.progress._replace(digest=self._content.digest(self.progress.offset))
        with files.draft(self._progress_path) as text:
            text.write(json.dumps(self.progress._asdict()))


def refused_lines_path(file: Path) -> Path:
    """Return the path of the list of a file's refused lines."""
    return file.with_name(f"{file.name}.refused.ndjson")


@contextmanager
def open_journal(file: Path, url: str) -> Iterator[Journal]:
    """Open the journal of a file, and write it when the context ends, even after an exception.

    When the import is complete, removes the progress file, and the list of refused lines if it is empty.

    Raises:
        CommandError: the journal belongs to another file or stage, is damaged, or cannot be written.
    """
    progress_path, refused_path = file.with_name(f"{file.name}.progress"), refused_lines_path(file)
    for path in (progress_path, refused_path):
        files.require_writable(path, force=True)
    with ExitStack() as stack:
        content = _Content(file, stack)
        progress = _load_progress(progress_path, file, content, Progress(url))
        list_bytes = 0
        if progress.refused:
            list_bytes = _measure_list(refused_path, progress.refused, progress_path)
            files.write_at(refused_path, list_bytes, b"")  # truncate: a killed import may have written more
        journal = Journal(progress, content, progress_path, refused_path, list_bytes)
        journal.write()  # fail before anything is sent if it cannot be written
        try:
            yield journal
        finally:
            if not journal.progress.offset:  # nothing was sent
                progress_path.unlink(missing_ok=True)
            elif journal.progress != progress:
                journal.write()
        if not journal.progress.refused:
            refused_path.unlink(missing_ok=True)  # the list of an earlier import
        progress_path.unlink(missing_ok=True)


class _Content:
    """The content of a file, uncompressed and hashed as far as it was read."""

    def __init__(self, file: Path, stack: ExitStack) -> None:
        try:
            stored = stack.enter_context(file.open("rb"))
        except OSError as error:
            raise CommandError(f"cannot read {file}: {error.strerror}") from None
        self._stream: IO[bytes] = stored
        if is_compressed(stored.peek(2)):
            self._stream = stack.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=stored)))
        self._digest = sha256()
        self.size = 0  # number of bytes that were read
        self.line_breaks = 0  # number of line breaks in these bytes

    def digest(self, size: int) -> str:
        """Continue to read up to a size or to the end of the file; return the SHA-256 of everything read so far."""
        try:
            while chunk := self._stream.read(min(size - self.size, _CHUNK_BYTES)):
                self._digest.update(chunk)
                self.size += len(chunk)
                self.line_breaks += chunk.count(b"\n")
        except DECOMPRESSION_ERRORS:
            pass
        return self._digest.hexdigest()


def _load_progress(path: Path, file: Path, content: _Content, initial: Progress) -> Progress:
    """Return the saved progress of a file, or the initial one if there is none; read the content up to it."""
    try:
        with path.open("rb") as saved:
            progress = Progress(**orjson.loads(saved.read(_MAX_JSON_BYTES)))
    except FileNotFoundError:
        return initial
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise _damaged_error(path) from None
    if not _are_counts(progress.offset, progress.accepted, progress.refused):
        raise _damaged_error(path)
    if progress.url != initial.url:
        raise CommandError(f"{path} belongs to an import into another stage; remove it to start again")
    if content.digest(progress.offset) != progress.digest or content.size != progress.offset:
        raise CommandError(
            f"{path} belongs to another file, or {file} was changed in the part that was already imported; remove "
            f"{path} to start again: punches that are sent twice are stored once"
        )
    if progress.accepted + progress.refused > content.line_breaks + 1:
        raise _damaged_error(path)
    return progress


def _are_counts(*numbers: Any) -> bool:
    return all(type(number) is int and number >= 0 for number in numbers)


def _damaged_error(path: Path) -> CommandError:
    return CommandError(f"{path} is damaged; remove it to start again")


def _measure_list(path: Path, count: int, progress_path: Path) -> int:
    """Return the size in bytes of the first lines of a list of refused lines."""
    try:
        with path.open("rb") as refused:
            if all(refused.readline(_MAX_JSON_BYTES).endswith(b"\n") for _ in range(count)):
                return refused.tell()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    raise CommandError(
        f"{path} does not list the {pluralize(count, 'refused line')} so far; remove {progress_path} to start again"
    )
