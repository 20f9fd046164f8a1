"""Interfaces for the file formats that other slices add as `FORMAT` of their module `file_format`.

`text_formats.py` reads NDJSON and CSV, and does not use these interfaces: their lines need no inspection.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from ponto import enabled_slices


class InvalidFileError(ValueError):
    """The file as a whole cannot be imported. The message quotes no content except the name of a column."""


class FatalLineError(ValueError):
    """A line makes the whole file invalid. The message is shown after `line 7: ` and quotes no value."""


class InvalidLineError(ValueError):
    """A line is invalid and is refused. The message quotes no value."""


class ObjectNotFoundError(Exception):
    """The bucket has no such object. The message is the error code from S3."""


class PunchMessage(NamedTuple):
    """A message for the punch queue, made from one line of a file."""

    body: str  # JSON, as for `POST /ponto`
    attributes: Mapping[str, object] | None = None  # additional attributes of the message, set by the importer
    refusal: str = ""  # reason to report if the body is no valid punch; empty: the parser's reason


ReadLine = Callable[[bytes], PunchMessage | None]
"""Parses a line; returns None for a line that holds no punch. Raises InvalidLineError, FatalLineError."""

GetObject = Callable[[str, int], bytes]
"""Returns the first bytes of an object in the bucket. Arguments: its key and the maximum number of bytes.

Raises ObjectNotFoundError.
"""


class FileInspector(Protocol):
    """Collects facts about a file from its lines, before any punch is sent."""

    def add(self, line: bytes) -> None:
        """Add the next line after the first. Raises FatalLineError."""

    def summary(self) -> Mapping[str, Any]:
        """Return the collected facts as JSON-serializable values."""


class FileFormat(NamedTuple):
    """A file format; each function but `describe` gets the file's first line."""

    summary_key: str  # key of the inspector's summary in the result of an import
    matches_first_line: Callable[[bytes], bool]
    create_inspector: Callable[[bytes], FileInspector]  # raises FatalLineError
    create_reader: Callable[[bytes, GetObject], ReadLine]
    """Creates the function that parses the lines after the first. Raises FatalLineError, InvalidFileError."""
    describe: Callable[[Any], Iterator[str]]
    """Yields lines that describe an inspector's summary to a person."""


@cache
def available_formats() -> tuple[FileFormat, ...]:
    """Return the file formats of the enabled slices."""
    return tuple(enabled_slices.collect("file_format", "FORMAT").values())


def detect_format(first_line: bytes) -> FileFormat | None:
    """Return the file format of a slice that matches the first line of a file, if any."""
    return next((candidate for candidate in available_formats() if candidate.matches_first_line(first_line)), None)
