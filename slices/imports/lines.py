"""The lines of a file of punches, each checked by the rules of a punch: NDJSON, CSV or of another form, gzip or not.

What a file is, its content says, not its name. It is read as a stream: however long it or a line is, memory is not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from gzip import GzipFile
from typing import NamedTuple

from ponto.parser import InvalidPunchError, parse
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
from slices.imports.raw_lines import FILE_START, MAX_LINE_BYTES, Position, RawLine, skip_blank_lines, split_lines
from slices.imports.streams import CHUNK_BYTES, OpenAt, open_stream, skip

MAX_REFUSED_LINES = 1_000_000
"""More than punches, after which reading stops: ten seconds', of which gzip makes 2 KB."""


class FileLine(NamedTuple):
    """A line that is not blank: a punch, or why it is none. A heartbeat, with neither, says that reading goes on."""

    number: int
    end: Position  # after it
    body: str = ""  # of a punch: as of POST /ponto
    employee_id: int = 0  # of a punch
    refusal: str = ""  # quotes no value
    attributes: Mapping[str, object] | None = None  # of a punch: of its message, besides

    @property
    def is_heartbeat(self) -> bool:
        return not (self.body or self.refusal)


class InspectedFile(NamedTuple):
    """A file of a form that another slice reads."""

    file_format: FileFormat
    inspector: FileInspector  # of all its lines


def read_lines(
    open_at: OpenAt,
    zone: tzinfo,
    start: Position = FILE_START,
    get_object: GetObject | None = None,
    max_refused: int = MAX_REFUSED_LINES,
) -> Iterator[FileLine]:
    """Read and check the lines of a file.

    Gives a heartbeat for each mebibyte without a line, so that the caller can stop there: of a line that is longer, of
    blank lines, and of what comes before `start`. The file is opened twice: for its first line, which says what it is,
    and from `start` on.

    Args:
        open_at: opens the file.
        zone: the stage's time zone, in which a time sent without an offset is local.
        start: where to go on. In a compressed file, what comes before is read again.
        get_object: gives what else a form may need; None: only text is read.
        max_refused: lines more than punches, after which reading stops.

    Raises:
        InvalidFileError: its first line is neither a JSON object nor the header of a CSV file or of a form that there
            is, its compression is broken, or there is little in it but blank or refused lines.
        Exception: of `get_object`.
    """
    with open_stream(open_at) as content:
        in_gzip = isinstance(content, GzipFile)
        for first in skip_blank_lines(split_lines(content, FILE_START), FILE_START):
            if isinstance(first, RawLine):
                break
            yield _heartbeat(start)
        else:
            return  # nothing but blank lines
    read, has_header = _reader(first, get_object)
    begin = max(start, first.end) if has_header else start
    with open_stream(open_at, 0 if in_gzip else begin.offset) as content:
        for _ in skip(content, begin.offset if in_gzip else 0):
            yield _heartbeat(begin)
        yield from _bounded(
            _checked(skip_blank_lines(split_lines(content, begin), begin), read, zone, begin), max_refused
        )


def inspect_file(open_at: OpenAt, reached: Callable[[int], None]) -> InspectedFile | None:
    """Read a file that is no text to its end, before anything of it is sent: some faults are of the whole file.

    Args:
        open_at: opens the file.
        reached: is told each line's number; what it raises ends the reading.

    Returns:
        What the file holds; None: no form begins so.

    Raises:
        InvalidFileError: the file as a whole cannot be imported, or its compression is broken.
        Exception: of `reached`.
    """
    found: InspectedFile | None = None
    with open_stream(open_at) as content:
        for raw in skip_blank_lines(split_lines(content, FILE_START), FILE_START):
            if isinstance(raw, Position):
                reached(raw.line)
                continue
            try:
                if found:
                    if raw.content is not None:
                        found.inspector.add(raw.content)
                elif file_format := detect_format(raw.content or b""):
                    found = InspectedFile(file_format, file_format.create_inspector(raw.content or b""))
                else:
                    return None
            except FatalLineError as error:
                raise _file_error(raw, error) from None
            reached(raw.number)
    return found


def _reader(first: RawLine, get_object: GetObject | None) -> tuple[ReadLine, bool]:
    """Give what reads the lines of a file, by its first line, and whether that is no punch but a header."""
    content = first.content or b""
    file_format = detect_format(content)
    if file_format is None:
        return text_formats.create_reader(content, first.number)
    if get_object is None:
        raise InvalidFileError(f"it is {file_format.DESCRIPTION}, which only the stage's bucket takes")
    try:
        return file_format.create_reader(content, get_object), True
    except FatalLineError as error:
        raise _file_error(first, error) from None


def _checked(raws: Iterable[RawLine | Position], read: ReadLine, zone: tzinfo, start: Position) -> Iterator[FileLine]:
    """Check lines; of what belongs to the form and is no punch give one heartbeat for each mebibyte."""
    given = start.offset
    for raw in raws:
        if isinstance(raw, Position):
            yield _heartbeat(raw)
            continue
        line = _check(raw, read, zone)
        if line is None and raw.end.offset - given < CHUNK_BYTES:
            continue
        given = raw.end.offset
        yield line or _heartbeat(raw.end)


def _check(raw: RawLine, read: ReadLine, zone: tzinfo) -> FileLine | None:
    number, after, content = raw
    if content is None:
        return FileLine(number, after, refusal=f"line: longer than {MAX_LINE_BYTES} bytes")
    try:
        record = read(content)
    except InvalidLineError as error:
        return FileLine(number, after, refusal=str(error))
    except FatalLineError as error:
        raise _file_error(raw, error) from None
    if record is None:
        return None
    try:
        employee_id = parse(record.body, zone).employee_id
    except InvalidPunchError as error:
        return FileLine(number, after, refusal=record.refusal or error.detail)
    return FileLine(number, after, record.body, employee_id, "", record.attributes)


def _bounded(lines: Iterable[FileLine], max_refused: int) -> Iterator[FileLine]:
    """Stop where too many lines are refused."""
    refused = 0  # more than punches
    for line in lines:
        refused += (line.refusal != "") - (line.body != "")
        if refused > max_refused:
            raise InvalidFileError(
                f"at line {line.number} refused lines outnumber punches by more than {max_refused:,}; the last: "
                f"{line.refusal}"
            )
        yield line


def _heartbeat(reached: Position) -> FileLine:
    return FileLine(reached.line, reached)


def _file_error(line: RawLine, error: FatalLineError) -> InvalidFileError:
    return InvalidFileError(f"line {line.number} {error}")
