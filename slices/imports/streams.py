"""A file as it is stored: a stream that can be read only, compressed by gzip or not, of which little is kept."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from slices.imports.file_formats import InvalidFileError

CHUNK_BYTES = 1 << 20
"""Bytes that are read at once."""

OpenAt = Callable[[int], IO[bytes]]
"""Opens a file as it is stored, from a byte on."""

_GZIP_MAGIC = b"\x1f\x8b"
DECOMPRESSION_ERRORS = (gzip.BadGzipFile, zlib.error, EOFError)
"""What reading a compressed file raises that is none, or has no end."""


def is_compressed(start: bytes) -> bool:
    """Tell from its first two bytes whether a file is compressed by gzip."""
    return start.startswith(_GZIP_MAGIC)


@contextmanager
def open_stream(open_at: OpenAt, offset: int = 0) -> Iterator[io.BufferedIOBase]:
    """Open a file, and decompress it; where it is not compressed, from a byte on.

    Raises:
        InvalidFileError: where it is read: the compression is broken.
    """
    with io.BufferedReader(_RawReader(open_at(offset)), CHUNK_BYTES) as stored:
        try:
            yield (
                gzip.GzipFile(fileobj=stored) if not offset and is_compressed(stored.peek(len(_GZIP_MAGIC))) else stored
            )
        except DECOMPRESSION_ERRORS as error:
            why = f"the compression is broken, or the file incomplete: {type(error).__name__}"
            raise InvalidFileError(why) from None


def skip(content: IO[bytes] | io.BufferedIOBase, size: int) -> Iterator[int]:
    """Read on for some bytes, of which none is kept; give how many are left, if any, after each mebibyte."""
    while size and (part := content.read(min(size, CHUNK_BYTES))):
        size -= len(part)
        if size:
            yield size


class _RawReader(io.RawIOBase):
    """What has a `read` only, as the bodies of S3's answers, for a BufferedReader."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        part = self._stream.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._stream.close()
        super().close()
