"""What `ponto import` keeps beside a file: how far it is, and the list of its refused lines.

The list is on the disk before the progress that counts its lines, and what the progress does not count is cut off when
the import goes on. So no refused line is lost or listed twice, whatever a kill or a crash leaves.
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

_CHUNK_BYTES = 1 << 20
_MAX_RECORD_BYTES = 1 << 16  # bytes of a progress, and of a listed line


class Progress(NamedTuple):
    """How far a file is: what its progress holds."""

    url: str  # where it is sent
    offset: int = 0  # bytes of it that are done, uncompressed
    digest: str = sha256().hexdigest()  # of these
    accepted: int = 0
    refused: int = 0


class Journal:
    """How far a file is, and its refused lines. What is sent again after a crash does no harm."""

    def __init__(self, done: Progress, begin: "_Prefix", progress: Path, refused: Path, listed: int) -> None:
        """Create a journal; `open_journal` calls this."""
        self.progress = done
        self.position = Position(done.offset, begin.breaks + 1)
        self._begin = begin
        self._progress_path = progress
        self.refused_path = refused
        self._listed = listed
        self._new: list[bytes] = []  # for the list
        self._next_time = time.monotonic() + 1

    @property
    def refused_lines(self) -> str | None:
        """Where the refused lines are listed, if there are any."""
        return str(self.refused_path) if self.progress.refused else None

    def add(self, outcome: BatchOutcome) -> None:
        """Take down what became of some lines; each second, all of it is on the disk."""
        for line in outcome.refused_lines:
            self._new.append(json.dumps({"line": line.number, "reason": line.refusal}).encode() + b"\n")
        self.position = outcome.end
        self.progress = self.progress._replace(
            offset=outcome.end.offset,
            accepted=self.progress.accepted + outcome.accepted,
            refused=self.progress.refused + len(outcome.refused_lines),
        )
        if time.monotonic() > self._next_time:
            self.write()
            self._next_time = time.monotonic() + 1

    def write(self) -> None:
        """Write the list, and then the progress.

        Raises:
            CommandError: one cannot be written.
        """
        new = b"".join(self._new)
        if new:
            if self._listed:
                files.write_at(self.refused_path, self._listed, new)
            else:  # in the place of the list of an import before, if there is one
                with files.draft(self.refused_path, None) as out:
                    out.write(new)
            self._listed += len(new)
            self._new.clear()
        self.progress = self.progress._replace(digest=self._begin.digest(self.progress.offset))
        with files.draft(self._progress_path) as text:
            text.write(json.dumps(self.progress._asdict()))


def refused_lines_path(file: Path) -> Path:
    """Say where the list of a file's refused lines is."""
    return file.with_name(f"{file.name}.refused.ndjson")


@contextmanager
def open_journal(file: Path, url: str) -> Iterator[Journal]:
    """Find how far a file is, and keep it until it is done, or as far as it comes.

    Beside the file, its progress is there until the end, and the list of its refused lines only if there are some.

    Raises:
        CommandError: what is there is of another file or stage, is not what was written, or cannot be written over.
    """
    progress, refused = file.with_name(f"{file.name}.progress"), refused_lines_path(file)
    for each in (progress, refused):
        files.require_writable(each, force=True)
    with ExitStack() as opened:
        begin = _Prefix(file, opened)
        done = _load_progress(progress, file, begin, Progress(url))
        if done.refused:
            listed = _list_bytes(refused, done.refused, progress)
            files.write_at(refused, listed, b"")  # a kill may have left more, and torn what was written last
        else:
            listed = 0
        journal = Journal(done, begin, progress, refused, listed)
        journal.write()  # what cannot be written is said before anything is sent
        try:
            yield journal
        finally:
            if not journal.progress.offset:  # nothing was sent
                progress.unlink(missing_ok=True)
            elif journal.progress != done:
                journal.write()
        if not journal.progress.refused:
            refused.unlink(missing_ok=True)  # of an import before
        progress.unlink(missing_ok=True)


class _Prefix:
    """The begin of a file's content, uncompressed, of which more and more is read."""

    def __init__(self, file: Path, opened: ExitStack) -> None:
        try:
            content = opened.enter_context(file.open("rb"))
        except OSError as error:
            raise CommandError(f"cannot read {file}: {error.strerror}") from None
        self._content: IO[bytes] = content
        if is_compressed(content.peek(2)):
            self._content = opened.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=content)))
        self._digest = sha256()
        self.size = 0
        self.breaks = 0  # of lines

    def digest(self, size: int) -> str:
        """Read on to a size, or as far as there is something, and give the SHA-256 of all that was read."""
        try:
            while part := self._content.read(min(size - self.size, _CHUNK_BYTES)):
                self._digest.update(part)
                self.size += len(part)
                self.breaks += part.count(b"\n")
        except DECOMPRESSION_ERRORS:
            pass
        return self._digest.hexdigest()


def _load_progress(progress: Path, file: Path, begin: _Prefix, new: Progress) -> Progress:
    try:
        with progress.open("rb") as content:
            found = Progress(**orjson.loads(content.read(_MAX_RECORD_BYTES)))
    except FileNotFoundError:
        return new
    except OSError as error:
        raise CommandError(f"cannot read {progress}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise _unusable(progress) from None
    if not _is_count(found.offset, found.accepted, found.refused):
        raise _unusable(progress)
    if found.url != new.url:
        raise CommandError(f"{progress} is of another stage; remove it to begin anew")
    if begin.digest(found.offset) != found.digest or begin.size != found.offset:
        raise CommandError(
            f"{progress} is of another file, or {file} was changed in the part that is done; remove {progress} to "
            "begin anew: what is sent again is stored once"
        )
    if found.accepted + found.refused > begin.breaks + 1:
        raise _unusable(progress)
    return found


def _is_count(*numbers: Any) -> bool:
    return all(type(number) is int and number >= 0 for number in numbers)


def _unusable(progress: Path) -> CommandError:
    return CommandError(f"{progress} is not as it was written; remove it to begin anew")


def _list_bytes(refused: Path, count: int, progress: Path) -> int:
    """Give how many bytes the first lines of the list are."""
    try:
        with refused.open("rb") as content:
            if all(content.readline(_MAX_RECORD_BYTES).endswith(b"\n") for _ in range(count)):
                return content.tell()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CommandError(f"cannot read {refused}: {error.strerror}") from None
    raise CommandError(
        f"{refused} does not hold the {count} lines that were refused before; remove {progress} to begin anew"
    )
