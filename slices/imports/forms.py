"""Forms of files that other slices add, as `FileFormatSlice` of `slice.py`.

Text, NDJSON or CSV, is read without one.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from slices import enabled
from slices.imports.slice import FileFormatSlice


class NotPunches(ValueError):
    """The file as a whole cannot be read. The message says why, and quotes of it no more than a column's name."""


class BadFile(ValueError):
    """A line, because of which the file as a whole cannot be read. The message says why, behind `line 7 `."""


class BadLine(ValueError):
    """A line that is refused. The message says why, and quotes no value."""


class NotThere(Exception):
    """The bucket has no such object. The message is S3's code."""


class Record(NamedTuple):
    """What a line says, if it may be a punch."""

    body: str  # as of POST /ponto
    attributes: Mapping[str, object] | None = None  # of the message, besides: what the stage vouches for
    refusal: str = ""  # why, if the body is no punch; empty: as the rules of a punch say it


Read = Callable[[bytes], Record | None]
"""Reads a line; None: it is part of the form, and no punch. Raises BadLine, BadFile."""

GetObject = Callable[[str, int], bytes]
"""Gives the begin of an object of the bucket, from its key and how many bytes at most. Raises NotThere."""


class Survey(Protocol):
    """What a file holds, from its lines, one after the other."""

    def add(self, line: bytes) -> None:
        """Take the next line behind the first. Raises BadFile."""

    def summary(self) -> Mapping[str, Any]:
        """Give all of it, for JSON."""


class Form(Protocol):
    """A form of file. It goes by the bucket only: a message of it may say more than the API takes."""

    WHOSE: str  # as a message says it: "a machine's"
    KEY: str  # under which a file's summary has what the survey found

    def is_begun_by(self, first: bytes) -> bool:
        """Tell by its first line whether a file has this form."""

    def surveyed(self, first: bytes) -> Survey:
        """Begin to survey a file. Raises BadFile."""

    def reader(self, first: bytes, get_object: GetObject) -> Read:
        """Give what reads the lines behind the first. Raises BadFile, NotPunches."""

    def described(self, summary: Any) -> Iterator[str]:
        """Say in lines for people what a survey found."""


@cache
def installed() -> tuple[Form, ...]:
    """Give the forms that there are."""
    return tuple(each.file_format() for each in enabled.load().values() if isinstance(each, FileFormatSlice))


def form_of(first: bytes) -> Form | None:
    """Give the form of a file by its first line; None: text, or no file of punches."""
    return next((form for form in installed() if form.is_begun_by(first)), None)
