"""Reading of files of punches. Each line is parsed by the rules of a punch.

Files are NDJSON, CSV or in a format of another slice, gzipped or not. Their content decides, not their name. They are
read as streams, in bounded memory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from gzip import GzipFile
from typing import NamedTuple

from ponto.parser import InvalidPunchError, parse
from ponto.punch import EVENT
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
"""Maximum number of refused lines in excess of punches. Reading a million takes ten seconds; gzipped they are 2 KB."""


class FileLine(NamedTuple):
    """A punch, a refused line, or a heartbeat, which only reports the position of the reader."""

    number: int
    end: Position  # position of the next line
    body: str = ""  # JSON of a punch, as for `POST /ponto`
    employee_id: int = 0  # employee of a punch
    refusal: str = ""  # why the line is refused; quotes no value
    attributes: Mapping[str, object] | None = None  # additional message attributes of a punch

    @property
    def is_heartbeat(self) -> bool:
        return not (self.body or self.refusal)


class InspectedFile(NamedTuple):
    """A file in a format of another slice, after all its lines were inspected."""

    file_format: FileFormat
    inspector: FileInspector


def read_lines(
    open_at: OpenAt,
    zone: tzinfo,
    start: Position = FILE_START,
    get_object: GetObject | None = None,
    max_refused: int = MAX_REFUSED_LINES,
) -> Iterator[FileLine]:
    """Read the lines of a file from a position on, and parse each.

    Yields a heartbeat for each mebibyte without a punch or a refused line (a very long line, blank lines, the part
    before `start`), so that the caller can check its deadline. Opens the file twice: to detect the format from the
    first line, and to read from `start`.

    Args:
        open_at: opens the file.
        zone: the stage's time zone, in which a time without an offset is local.
        start: where to continue. The part of a gzipped file before it is read again.
        get_object: reads an object of the bucket, which some formats need; None: only NDJSON and CSV are accepted.
        max_refused: maximum number of refused lines in excess of punches.

    Raises:
        InvalidFileError: the format is unknown, the gzip data is corrupt, or too many lines are blank or refused.
        Exception: from `get_object`.
    """
    with open_stream(open_at) as content:
        is_gzip = isinstance(content, GzipFile)
        for first in skip_blank_lines(split_lines(content, FILE_START), FILE_START):
            if isinstance(first, RawLine):
                break
            yield _heartbeat(start)
        else:
            return  # nothing but blank lines
    read_line, has_header = _create_reader(first, get_object)
    data_start = max(start, first.end) if has_header else start
    with open_stream(open_at, 0 if is_gzip else data_start.offset) as content:
        for _ in skip(content, data_start.offset if is_gzip else 0):
            yield _heartbeat(data_start)
        raw_lines = skip_blank_lines(split_lines(content, data_start), data_start)
        yield from _limit_refused(_parse_lines(raw_lines, read_line, zone, data_start), max_refused)


def inspect_file(open_at: OpenAt, on_line: Callable[[int], None]) -> InspectedFile | None:
    """Read a file in a format of another slice to its end, because some faults concern the whole file.

    Args:
        open_at: opens the file.
        on_line: called with the number of each line; may raise to stop reading.

    Returns:
        The inspected file; None if no other slice's format matches its first line.

    Raises:
        InvalidFileError: the file as a whole cannot be imported, or its gzip data is corrupt.
        Exception: from `on_line`.
    """
    file: InspectedFile | None = None
    with open_stream(open_at) as content:
        for raw in skip_blank_lines(split_lines(content, FILE_START), FILE_START):
            if isinstance(raw, Position):
                on_line(raw.line)
                continue
            try:
                if file:
                    if raw.content is not None:
                        file.inspector.add(raw.content)
                elif file_format := detect_format(raw.content or b""):
                    file = InspectedFile(file_format, file_format.create_inspector(raw.content or b""))
                else:
                    return None
            except FatalLineError as error:
                raise _to_file_error(raw, error) from None
            on_line(raw.number)
    return file


def _create_reader(first: RawLine, get_object: GetObject | None) -> tuple[ReadLine, bool]:
    """Return the function that parses the lines of a file, and whether the first line is a header and no punch."""
    content = first.content or b""
    file_format = detect_format(content)
    if file_format is None:
        return text_formats.create_reader(content, first.number)
    if get_object is None:
        raise InvalidFileError(f"this is {file_format.DESCRIPTION}, which can be imported only through the bucket")
    try:
        return file_format.create_reader(content, get_object), True
    except FatalLineError as error:
        raise _to_file_error(first, error) from None


def _parse_lines(
    raw_lines: Iterable[RawLine | Position], read_line: ReadLine, zone: tzinfo, start: Position
) -> Iterator[FileLine]:
    """Parse lines; yield one heartbeat for each mebibyte of lines that hold no punch."""
    offset = start.offset  # end of the last line that was yielded
    for raw in raw_lines:
        if isinstance(raw, Position):
            yield _heartbeat(raw)
            continue
        line = _parse_line(raw, read_line, zone)
        if line is None and raw.end.offset - offset < CHUNK_BYTES:
            continue
        offset = raw.end.offset
        yield line or _heartbeat(raw.end)


def _parse_line(raw: RawLine, read_line: ReadLine, zone: tzinfo) -> FileLine | None:
    number, end, content = raw
    if content is None:
        return FileLine(number, end, refusal=f"line: longer than {MAX_LINE_BYTES} bytes")
    try:
        message = read_line(content)
    except InvalidLineError as error:
        return FileLine(number, end, refusal=str(error))
    except FatalLineError as error:
        raise _to_file_error(raw, error) from None
    if message is None:
        return None
    try:
        employee_id = EVENT.subject_id(parse(message.body, zone))
    except InvalidPunchError as error:
        return FileLine(number, end, refusal=message.refusal or error.detail)
    return FileLine(number, end, message.body, employee_id, "", message.attributes)


def _limit_refused(lines: Iterable[FileLine], max_refused: int) -> Iterator[FileLine]:
    excess = 0  # refused lines minus punches
    for line in lines:
        excess += (line.refusal != "") - (line.body != "")
        if excess > max_refused:
            raise InvalidFileError(
                f"line {line.number}: refused lines outnumber punches by more than {max_refused:,}; reason for the "
                f"last refusal: {line.refusal}"
            )
        yield line


def _heartbeat(position: Position) -> FileLine:
    return FileLine(position.line, position)


def _to_file_error(line: RawLine, error: FatalLineError) -> InvalidFileError:
    return InvalidFileError(f"line {line.number}: {error}")
