"""Content cut into lines, of which none takes more memory than a punch may.

Whoever reads hears of each mebibyte: where no line ends in it, by a `Position`.
"""

import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from slices.imports.file_formats import InvalidFileError
from slices.imports.streams import CHUNK_BYTES

MAX_LINE_BYTES = 65_536
"""Bytes of a line: what the queue takes as a body."""

_MAX_BLANK_BYTES = 1 << 20  # more than of other lines: a second's, of which gzip makes 1 KB


class Position(NamedTuple):
    """A place between two lines."""

    offset: int = 0  # bytes before it, uncompressed
    line: int = 1  # the number of the line that begins there


FILE_START = Position()


class RawLine(NamedTuple):
    """A line as it stands."""

    number: int
    end: Position  # after it
    content: bytes | None  # None: it is longer than MAX_LINE_BYTES


def split_lines(content: io.BufferedIOBase, start: Position) -> Iterator[RawLine | Position]:
    """Cut content that begins at `start` into lines; in a long one give its begin for each mebibyte.

    The first line of a file is without its byte order mark.
    """
    offset, number = start
    while line := content.readline(MAX_LINE_BYTES + 2):
        begin = offset
        offset += len(line)
        is_whole = line.endswith(b"\n")
        is_long = len(line) > MAX_LINE_BYTES and len(line.rstrip(b"\r\n")) > MAX_LINE_BYTES
        while not is_whole and (part := content.readline(CHUNK_BYTES)):
            offset += len(part)
            is_whole, is_long = part.endswith(b"\n"), is_long or part.strip() != b""
            yield Position(begin, number)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield RawLine(number, Position(offset, number + 1), None if is_long else line)
        number += 1


def skip_blank_lines(
    lines: Iterable[RawLine | Position], start: Position, max_blank_bytes: int = _MAX_BLANK_BYTES
) -> Iterator[RawLine | Position]:
    """Leave out blank lines; give the place behind each mebibyte of them.

    Args:
        lines: as `split_lines` cuts them.
        start: of these. What comes before counts as lines that are not blank.
        max_blank_bytes: of blank lines more than of others, after which it stops.

    Raises:
        InvalidFileError: too many are blank.
    """
    offset = start.offset
    blank = -offset  # bytes of blank lines more than of others
    silent = 0  # bytes of blank lines since the last line that was given
    for line in lines:
        if isinstance(line, Position):
            yield line
            continue
        size = line.end.offset - offset
        offset += size
        if line.content is None or line.content.strip():
            blank -= size
            silent = 0
            yield line
            continue
        blank += size
        if blank > max_blank_bytes:
            raise InvalidFileError(f"at line {line.number} there is a mebibyte more of blank lines than of others")
        silent += size
        if silent >= CHUNK_BYTES:
            silent = 0
            yield line.end
