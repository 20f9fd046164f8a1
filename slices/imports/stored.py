"""A file as it is stored: a stream that can be read only, compressed by gzip or not, of which little is kept."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from slices.imports.forms import NotPunches

CHUNK = 1 << 20
"""Bytes that are read at once."""

Open = Callable[[int], IO[bytes]]
"""Opens a file as it is stored, from a byte on."""

_GZIP = b"\x1f\x8b"
BROKEN = (gzip.BadGzipFile, zlib.error, EOFError)
"""What reading a compressed file raises that is none, or has no end."""


def is_compressed(start: bytes) -> bool:
    """Tell from its first two bytes whether a file is compressed by gzip."""
    return start.startswith(_GZIP)


@contextmanager
def opened(open_at: Open, offset: int = 0) -> Iterator[io.BufferedIOBase]:
    """Open a file, and decompress it; where it is not compressed, from a byte on.

    Raises:
        NotPunches: where it is read: the compression is broken.
    """
    with io.BufferedReader(_Readable(open_at(offset)), CHUNK) as stored:
        try:
            yield gzip.GzipFile(fileobj=stored) if not offset and is_compressed(stored.peek(len(_GZIP))) else stored
        except BROKEN as error:
            why = f"the compression is broken, or the file incomplete: {type(error).__name__}"
            raise NotPunches(why) from None


def skip(content: IO[bytes] | io.BufferedIOBase, size: int) -> Iterator[int]:
    """Read on for some bytes, of which none is kept; give how many are left, if any, after each mebibyte."""
    while size and (part := content.read(min(size, CHUNK))):
        size -= len(part)
        if size:
            yield size


class _Readable(io.RawIOBase):
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
