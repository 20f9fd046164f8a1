"""Reading of files of punches, as streams in bounded memory. Each line is parsed by the rules of a punch.

Files are NDJSON, CSV or in a format of another slice, gzipped or not. Their content decides, not their name.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import tzinfo
from itertools import chain
from typing import IO, NamedTuple, cast

from ponto.drain.parser import InvalidPunchError, parse
from ponto.punch import EVENT
from ponto.shared.event import Subject
from slices.imports import text_formats
from slices.imports.file_formats import (
    FatalLineError,
    FileFormat,
    FileInspector,
    GetObject,
    InvalidFileError,
    InvalidLineError,
    ReadLine,
    detect_format,
)

MAX_LINE_BYTES = 65_536
"""Maximum length of a line: the largest message body that the punch queue accepts."""

MAX_REFUSED_LINES = 1_000_000
"""Maximum number of refused lines in excess of punches. Reading a million takes ten seconds; gzipped they are 2 KB."""

_CHUNK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"

OnLine = Callable[[int], None]
"""Called with the number of each line, and again for each mebibyte of it. May raise, to stop reading."""


class RawLine(NamedTuple):
    """A line as it is in the file, without a byte order mark."""

    number: int
    content: bytes | None  # None: longer than MAX_LINE_BYTES


class FileLine(NamedTuple):
    """A punch or a refused line."""

    number: int
    body: str = ""  # JSON of a punch, as for `POST /ponto`
    employee_id: Subject = 0  # employee of a punch
    refusal: str = ""  # why the line is refused; quotes no value
    attributes: Mapping[str, object] | None = None  # additional message attributes of a punch


class InspectedFile(NamedTuple):
    """A file in a format of another slice, after all its lines were inspected."""

    file_format: FileFormat
    inspector: FileInspector


def read_lines(
    content: IO[bytes],
    zone: tzinfo,
    get_object: GetObject,
    on_line: OnLine = lambda _: None,
    max_refused: int = MAX_REFUSED_LINES,
) -> Iterator[FileLine]:
    """Read the lines of a file, and parse each.

    Args:
        content: the file as it is stored.
        zone: the stage's time zone, in which a time without an offset is local.
        get_object: reads an object of the bucket, which some formats need.
        on_line: called with each line.
        max_refused: maximum number of refused lines in excess of punches.

    Raises:
        InvalidFileError: the format is unknown, the gzip data is corrupt, or too many lines are refused.
        Exception: from `get_object` or `on_line`.
    """
    raw_lines = read_raw_lines(content, on_line)
    first = next(raw_lines, None)
    if first is None:
        return
    read_line, has_header = _create_reader(first, get_object)
    excess = 0  # refused lines minus punches
    for raw in raw_lines if has_header else chain([first], raw_lines):
        if (line := _parse_line(raw, read_line, zone)) is None:
            continue
        excess += 1 if line.refusal else -1
        if excess > max_refused:
            raise InvalidFileError(
                f"line {line.number}: refused lines outnumber punches by more than {max_refused:,}; reason for the "
                f"last refusal: {line.refusal}"
            )
        yield line


def inspect_file(content: IO[bytes], on_line: OnLine) -> InspectedFile | None:
    """Read a file in a format of another slice to its end, because some faults concern the whole file.

    Returns:
        The inspected file; None if no other slice's format matches its first line.

    Raises:
        InvalidFileError: the file as a whole cannot be imported, or its gzip data is corrupt.
        Exception: from `on_line`.
    """
    raw_lines = read_raw_lines(content, on_line)
    raw = next(raw_lines, None)
    first_line = (raw.content if raw else None) or b""
    file_format = detect_format(first_line)
    if raw is None or file_format is None:
        return None
    try:
        inspector = file_format.create_inspector(first_line)
        for raw in raw_lines:
            if raw.content is not None:
                inspector.add(raw.content)
    except FatalLineError as error:
        raise _to_file_error(raw, error) from None
    return InspectedFile(file_format, inspector)


def count_lines(content: IO[bytes], on_line: OnLine) -> None:
    """Read a file of NDJSON or CSV to its end without parsing its punches.

    Raises:
        InvalidFileError: the first line has no known format, or the gzip data is corrupt.
        Exception: from `on_line`.
    """
    raw_lines = read_raw_lines(content, on_line)
    if first := next(raw_lines, None):
        text_formats.create_reader(first.content or b"", first.number)
    for _ in raw_lines:
        pass


def read_raw_lines(stored: IO[bytes], on_line: OnLine) -> Iterator[RawLine]:
    """Yield the lines of a stored file that are not blank. The rest of a line that is too long is discarded.

    Args:
        stored: the file as it is stored.
        on_line: called with each line.

    Raises:
        InvalidFileError: the gzip data is corrupt or incomplete.
        Exception: from `on_line`.
    """
    number = 0
    with _decompress(stored) as content:
        while line := content.readline(MAX_LINE_BYTES + 2):
            number += 1
            on_line(number)
            is_complete = line.endswith(b"\n")
            is_too_long = len(line) > MAX_LINE_BYTES and len(line.rstrip(b"\r\n")) > MAX_LINE_BYTES
            while not is_complete and (part := content.readline(_CHUNK_BYTES)):
                on_line(number)
                is_complete, is_too_long = part.endswith(b"\n"), is_too_long or part.strip() != b""
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if is_too_long or line.strip():
                yield RawLine(number, None if is_too_long else line)


@contextmanager
def _decompress(stored: IO[bytes]) -> Iterator[io.BufferedIOBase]:
    with io.BufferedReader(cast(io.RawIOBase, stored), _CHUNK_BYTES) as content:
        try:
            is_gzip = content.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
            yield gzip.GzipFile(fileobj=content) if is_gzip else content
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise InvalidFileError(f"the gzip data is corrupt or incomplete: {type(error).__name__}") from None


def _create_reader(first: RawLine, get_object: GetObject) -> tuple[ReadLine, bool]:
    """Return the function that parses the lines of a file, and whether the first line is a header and no punch."""
    content = first.content or b""
    file_format = detect_format(content)
    if file_format is None:
        return text_formats.create_reader(content, first.number)
    try:
        return file_format.create_reader(content, get_object), True
    except FatalLineError as error:
        raise _to_file_error(first, error) from None


def _parse_line(raw: RawLine, read_line: ReadLine, zone: tzinfo) -> FileLine | None:
    """Return a punch or a refused line; None for a line that holds no punch."""
    number, content = raw
    if content is None:
        return FileLine(number, refusal=f"line: longer than {MAX_LINE_BYTES} bytes")
    try:
        message = read_line(content)
    except InvalidLineError as error:
        return FileLine(number, refusal=str(error))
    except FatalLineError as error:
        raise _to_file_error(raw, error) from None
    if message is None:
        return None
    try:
        employee_id = EVENT.subject_id(parse(message.body, zone))
    except InvalidPunchError as error:
        return FileLine(number, refusal=message.refusal or error.detail)
    return FileLine(number, message.body, employee_id, "", message.attributes)


def _to_file_error(line: RawLine, error: FatalLineError) -> InvalidFileError:
    return InvalidFileError(f"line {line.number}: {error}")
