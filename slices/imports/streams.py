"""Streams of stored files, gzipped or not, which are read in chunks and never held in memory as a whole."""

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
"""Opens a file as it is stored, from a byte offset."""

_GZIP_MAGIC = b"\x1f\x8b"
DECOMPRESSION_ERRORS = (gzip.BadGzipFile, zlib.error, EOFError)
"""Raised while reading gzip data that is corrupt or incomplete."""


def is_compressed(start: bytes) -> bool:
    """Return whether a file is gzipped, from its first two bytes."""
    return start.startswith(_GZIP_MAGIC)


@contextmanager
def open_stream(open_at: OpenAt, offset: int = 0) -> Iterator[io.BufferedIOBase]:
    """Open a file and decompress it if it is gzipped. The offset of a gzipped file must be 0.

    Raises:
        InvalidFileError: inside the `with` block, if the gzip data is corrupt or incomplete.
    """
    with io.BufferedReader(_RawReader(open_at(offset)), CHUNK_BYTES) as stored:
        try:
            yield (
                gzip.GzipFile(fileobj=stored) if not offset and is_compressed(stored.peek(len(_GZIP_MAGIC))) else stored
            )
        except DECOMPRESSION_ERRORS as error:
            raise InvalidFileError(f"the gzip data is corrupt or incomplete: {type(error).__name__}") from None


def skip(content: IO[bytes] | io.BufferedIOBase, size: int) -> Iterator[int]:
    """Read and discard `size` bytes; yield the number of bytes that remain after each chunk but the last."""
    while size and (chunk := content.read(min(size, CHUNK_BYTES))):
        size -= len(chunk)
        if size:
            yield size


class _RawReader(io.RawIOBase):
    """Adapter from an object that only has `read`, such as the body of an S3 response, for `BufferedReader`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._stream.close()
        super().close()
