"""Forms of files that other slices add, as `FileFormatSlice` of `slice.py`.

Text, NDJSON or CSV, is read without one.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from slices import enabled
from slices.imports.slice import FileFormatSlice


class InvalidFileError(ValueError):
    """The file as a whole cannot be read. The message says why, and quotes of it no more than a column's name."""


class FatalLineError(ValueError):
    """A line, because of which the file as a whole cannot be read. The message says why, behind `line 7 `."""


class InvalidLineError(ValueError):
    """A line that is refused. The message says why, and quotes no value."""


class ObjectNotFoundError(Exception):
    """The bucket has no such object. The message is S3's code."""


class PunchMessage(NamedTuple):
    """What a line says, if it may be a punch."""

    body: str  # as of POST /ponto
    attributes: Mapping[str, object] | None = None  # of the message, besides: what the stage vouches for
    refusal: str = ""  # why, if the body is no punch; empty: as the rules of a punch say it


ReadLine = Callable[[bytes], PunchMessage | None]
"""Reads a line; None: it is part of the form, and no punch. Raises InvalidLineError, FatalLineError."""

GetObject = Callable[[str, int], bytes]
"""Gives the begin of an object of the bucket, from its key and how many bytes at most. Raises ObjectNotFoundError."""


class FileInspector(Protocol):
    """What a file holds, from its lines, one after the other."""

    def add(self, line: bytes) -> None:
        """Take the next line behind the first. Raises FatalLineError."""

    def summary(self) -> Mapping[str, Any]:
        """Give all of it, for JSON."""


class FileFormat(Protocol):
    """A form of file. It goes by the bucket only: a message of it may say more than the API takes."""

    DESCRIPTION: str  # as a message says it: "a machine's"
    SUMMARY_KEY: str  # under which a file's summary has what the survey found

    def matches_first_line(self, first: bytes) -> bool:
        """Tell by its first line whether a file has this form."""

    def create_inspector(self, first: bytes) -> FileInspector:
        """Begin to survey a file. Raises FatalLineError."""

    def create_reader(self, first: bytes, get_object: GetObject) -> ReadLine:
        """Give what reads the lines behind the first. Raises FatalLineError, InvalidFileError."""

    def describe(self, summary: Any) -> Iterator[str]:
        """Say in lines for people what a survey found."""


@cache
def available_formats() -> tuple[FileFormat, ...]:
    """Give the forms that there are."""
    return tuple(each.file_format() for each in enabled.load().values() if isinstance(each, FileFormatSlice))


def detect_format(first: bytes) -> FileFormat | None:
    """Give the form of a file by its first line; None: text, or no file of punches."""
    return next((file_format for file_format in available_formats() if file_format.matches_first_line(first)), None)
