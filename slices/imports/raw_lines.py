"""Lines of a file before they are parsed, and positions in a file.

A line that is too long is discarded while it is read. The generators yield at least once for each mebibyte they read,
a `Position` if no line ends in it, so that callers can check their deadline.
"""

import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from slices.imports.file_formats import InvalidFileError
from slices.imports.streams import CHUNK_BYTES

MAX_LINE_BYTES = 65_536
"""Maximum length of a line: the largest message body that the punch queue accepts."""

_MAX_BLANK_BYTES = 1 << 20  # of blank lines in excess of other lines; gzip compresses a mebibyte of them to 1 KB


class Position(NamedTuple):
    """The start of a line in a file."""

    offset: int = 0  # bytes before it, uncompressed
    line: int = 1  # line number


FILE_START = Position()


class RawLine(NamedTuple):
    """A line as it is in the file."""

    number: int
    end: Position  # position of the next line
    content: bytes | None  # None: longer than MAX_LINE_BYTES


def split_lines(content: io.BufferedIOBase, start: Position) -> Iterator[RawLine | Position]:
    """Split content that begins at `start` into lines.

    Yields the position of a line that is too long once for each mebibyte of it. Removes the byte order mark of the
    first line.
    """
    offset, number = start
    while line := content.readline(MAX_LINE_BYTES + 2):
        line_offset = offset
        offset += len(line)
        is_complete = line.endswith(b"\n")
        is_too_long = len(line) > MAX_LINE_BYTES and len(line.rstrip(b"\r\n")) > MAX_LINE_BYTES
        while not is_complete and (part := content.readline(CHUNK_BYTES)):
            offset += len(part)
            is_complete, is_too_long = part.endswith(b"\n"), is_too_long or part.strip() != b""
            yield Position(line_offset, number)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield RawLine(number, Position(offset, number + 1), None if is_too_long else line)
        number += 1


def skip_blank_lines(
    lines: Iterable[RawLine | Position], start: Position, max_blank_bytes: int = _MAX_BLANK_BYTES
) -> Iterator[RawLine | Position]:
    """Yield the lines that are not blank, and a position after each mebibyte of blank lines.

    Args:
        lines: from `split_lines`.
        start: position of the first line. All bytes before it count as bytes of lines that are not blank.
        max_blank_bytes: maximum difference between the bytes of blank lines and those of other lines.

    Raises:
        InvalidFileError: too many lines are blank.
    """
    offset = start.offset
    excess = -offset  # bytes of blank lines minus bytes of other lines
    skipped = 0  # bytes since the last yield
    for line in lines:
        if isinstance(line, Position):
            yield line
            continue
        size = line.end.offset - offset
        offset += size
        if line.content is None or line.content.strip():
            excess -= size
            skipped = 0
            yield line
            continue
        excess += size
        if excess > max_blank_bytes:
            raise InvalidFileError(
                f"line {line.number}: blank lines exceed other lines by more than {max_blank_bytes:,} bytes"
            )
        skipped += size
        if skipped >= CHUNK_BYTES:
            skipped = 0
            yield line.end
