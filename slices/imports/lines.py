"""The lines of a file of punches, each checked by the rules of a punch: NDJSON, CSV or of another form, gzip or not.

What a file is, its content says, not its name. It is read as a stream: however long it or a line is, memory is not.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import IO, NamedTuple

import orjson

from ponto.punch import WIRE, NotAPunch, named, parse
from slices.imports.forms import BadFile, BadLine, Form, GetObject, NotPunches, Read, Record, Survey, form_of

LONGEST = 65_536
"""Bytes of a line: what the queue takes as a body."""

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_MOST_BLANK = 1 << 20  # bytes of blank lines more than of others: read in a second, and gzip makes a kilobyte of them
_MOST_REFUSED = 1_000_000  # lines more than punches: ten seconds, and two megabytes, of which gzip makes two kilobytes
_BROKEN = (gzip.BadGzipFile, zlib.error, EOFError)
_COLUMNS = {field.name: field.type for field in WIRE}
_REQUIRED = [field.name for field in WIRE if field.required]

_integer = re.compile("-?(?:0|[1-9][0-9]{0,17})").fullmatch
_number = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch


class Position(NamedTuple):
    """A place between two lines."""

    offset: int = 0  # bytes before it, uncompressed
    line: int = 1  # the number of the line that begins there


BEGIN = Position()


class Line(NamedTuple):
    """A line that is not blank: a punch, or why it is none. A heartbeat, with neither, says that reading goes on."""

    number: int
    next: Position  # after it
    body: str = ""  # of a punch: as of POST /ponto
    employee: int = 0  # of a punch
    refusal: str = ""  # quotes no value
    attributes: Mapping[str, object] | None = None  # of a punch: of its message, besides

    @property
    def is_heartbeat(self) -> bool:
        return not (self.body or self.refusal)


class _Raw(NamedTuple):
    number: int
    next: Position
    content: bytes | None  # None: it is too long


Open = Callable[[int], IO[bytes]]
"""Opens a file as it is stored, from a byte on."""


class Surveyed(NamedTuple):
    """A file of a form that another slice reads."""

    form: Form
    found: Survey  # of all its lines


def lines(open_at: Open, zone: tzinfo, start: Position = BEGIN, get_object: GetObject | None = None) -> Iterator[Line]:
    """Read and check the lines of a file.

    Where there is no line in a mebibyte, because one is longer, or all are blank, or `start` is far, there comes a
    heartbeat, so that the caller can stop there. The file is opened twice: for its first line, which says what it is,
    and from `start` on.

    Args:
        open_at: opens the file.
        zone: the stage's time zone, in which a time sent without an offset is local.
        start: where to go on. In a compressed file, what comes before is read again.
        get_object: gives what else a form may need; None: only text is read.

    Raises:
        NotPunches: its first line is neither a JSON object nor the header of a CSV file or of a form that there is, its
            compression is broken, or there is little in it but blank or refused lines.
        Exception: of `get_object`.
    """
    try:
        yield from _lines(open_at, zone, start, get_object)
    except _BROKEN as error:
        raise _broken(error) from None


def survey(open_at: Open, reached: Callable[[int], None]) -> Surveyed | None:
    """Read a file that is no text to its end, before anything of it is sent: some faults are of the whole file.

    Args:
        open_at: opens the file.
        reached: is told each line's number; what it raises ends the reading.

    Returns:
        What the file holds; None: no form begins so.

    Raises:
        NotPunches: the file as a whole cannot be imported, or its compression is broken.
        Exception: of `reached`.
    """
    found: Surveyed | None = None
    try:
        with _buffered(open_at(0)) as stored:
            for raw in _raw(_content(stored, is_compressed(stored.peek(len(_GZIP)))), BEGIN):
                if isinstance(raw, Position):
                    reached(raw.line)
                    continue
                try:
                    if found is None:
                        if (form := form_of(raw.content or b"")) is None:
                            return None
                        found = Surveyed(form, form.surveyed(raw.content or b""))
                    elif raw.content is not None:
                        found.found.add(raw.content)
                except BadFile as error:
                    raise _of_the_file(raw, error) from None
                reached(raw.number)
    except _BROKEN as error:
        raise _broken(error) from None
    return found


def _broken(error: Exception) -> NotPunches:
    return NotPunches(f"the compression is broken, or the file incomplete: {type(error).__name__}")


def is_compressed(start: bytes) -> bool:
    """Tell from its first two bytes whether a file is compressed by gzip."""
    return start.startswith(_GZIP)


def _lines(open_at: Open, zone: tzinfo, start: Position, get_object: GetObject | None) -> Iterator[Line]:
    # What the file is, its first line says.
    with _buffered(open_at(0)) as stored:
        in_gzip = is_compressed(stored.peek(len(_GZIP)))
        first: _Raw | Position = BEGIN
        for first in _raw(_content(stored, in_gzip), BEGIN):
            if isinstance(first, _Raw):
                break
            yield _heartbeat(start)
    if not isinstance(first, _Raw):
        return  # nothing but blank lines

    read: Read
    if form := form_of(first.content or b""):
        if get_object is None:
            raise NotPunches(f"it is {form.WHOSE}, which only the stage's bucket takes")
        try:
            read, begin = form.reader(first.content or b"", get_object), max(start, first.next)
        except BadFile as error:
            raise _of_the_file(first, error) from None
    elif header := _header(first):
        read, begin = _of_csv(*header), max(start, first.next)
    else:
        read, begin = _of_json, start

    with _buffered(open_at(0 if in_gzip else begin.offset)) as stored:
        content = _content(stored, in_gzip)
        for _ in skip(content, begin.offset if in_gzip else 0):
            yield _heartbeat(begin)
        refused = 0  # more than punches, from `begin` on
        told = begin.offset
        for raw in _raw(content, begin):
            if isinstance(raw, Position):
                yield _heartbeat(raw)
                continue
            line = _check(raw, read, zone)
            if line.is_heartbeat and line.next.offset - told < _CHUNK:  # one of many records that are no punches
                continue
            told = line.next.offset
            refused += (line.refusal != "") - (line.body != "")
            if refused > _MOST_REFUSED:
                raise NotPunches(
                    f"at line {line.number} refused lines outnumber punches by more than {_MOST_REFUSED:,}; the last: "
                    f"{line.refusal}"
                )
            yield line


def _buffered(stored: IO[bytes]) -> io.BufferedReader:
    return io.BufferedReader(_Readable(stored), _CHUNK)


def _content(stored: io.BufferedReader, in_gzip: bool) -> io.BufferedIOBase:
    return gzip.GzipFile(fileobj=stored) if in_gzip else stored


def _heartbeat(reached: Position) -> Line:
    return Line(reached.line, reached)


def skip(content: IO[bytes] | io.BufferedIOBase, size: int) -> Iterator[int]:
    """Read on for some bytes, of which none is kept; give how many are left, if any, after each mebibyte."""
    while size and (part := content.read(min(size, _CHUNK))):
        size -= len(part)
        if size:
            yield size


def _raw(content: io.BufferedIOBase, start: Position) -> Iterator[_Raw | Position]:
    """Cut into lines, without those that are blank and the byte order mark of the first.

    Yields:
        A line; for each mebibyte without the end of one, the place behind the last.

    Raises:
        NotPunches: too many are blank.
    """
    offset, number = start
    blank = -offset  # bytes of blank lines more than of others; what comes before `start` is taken for others
    silent = 0  # bytes of blank lines since the last that was given
    while line := content.readline(LONGEST + 2):
        begin = offset
        offset += len(line)
        is_whole = line.endswith(b"\n")
        is_long = len(line.rstrip(b"\r\n")) > LONGEST
        while not is_whole and (part := content.readline(_CHUNK)):
            offset += len(part)
            is_whole, is_long = part.endswith(b"\n"), is_long or part.strip() != b""
            yield Position(begin, number)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if is_long or line.strip():
            blank -= offset - begin
            silent = 0
            yield _Raw(number, Position(offset, number + 1), None if is_long else line)
        else:
            blank += offset - begin
            if blank > _MOST_BLANK:
                raise NotPunches(f"at line {number} there is a mebibyte more of blank lines than of others")
            silent += offset - begin
            if silent >= _CHUNK:
                silent = 0
                yield Position(offset, number + 1)
        number += 1


def _of_the_file(line: _Raw, error: BadFile) -> NotPunches:
    return NotPunches(f"line {line.number} {error}")


def _header(first: _Raw) -> tuple[list[str], str] | None:
    """Give the columns of a CSV file and what separates them; None: the file is NDJSON.

    Raises:
        NotPunches: it is neither.
    """
    try:
        text = (first.content or b"").decode().strip()
    except UnicodeDecodeError:
        text = ""
    if text.startswith("{"):
        return None
    separator = ";" if text.count(";") > text.count(",") else ","
    try:
        columns = next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        columns = []
    # It may be a punch: nothing of it is quoted.
    wrong = " is neither a JSON object nor a header, and no slice that is here reads it;"
    if set(columns) >= set(_REQUIRED):
        unknown = next((name for name in columns if name not in _COLUMNS), None)
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if unknown is twice is None:
            return columns, separator
        wrong = f": column '{twice}' twice;" if unknown is None else f": unknown column{named(unknown)};"
    raise NotPunches(
        f"line {first.number}{wrong} the columns are {' and '.join(_REQUIRED)}, and of "
        f"{', '.join(name for name in _COLUMNS if name not in _REQUIRED)} those that there are"
    )


def _check(line: _Raw, read: Read, zone: tzinfo) -> Line:
    number, after, content = line
    if content is None:
        return Line(number, after, refusal=f"line: longer than {LONGEST} bytes")
    try:
        if (found := read(content)) is None:
            return Line(number, after)
        return Line(number, after, found.body, _employee(found, zone), attributes=found.attributes)
    except UnicodeDecodeError:
        return Line(number, after, refusal="line: not UTF-8")
    except NotAPunch as error:
        return Line(number, after, refusal=error.detail)
    except csv.Error:
        return Line(number, after, refusal="line: not CSV")
    except BadLine as error:
        return Line(number, after, refusal=str(error))
    except BadFile as error:
        raise _of_the_file(line, error) from None


def _employee(found: Record, zone: tzinfo) -> int:
    try:
        return parse(found.body, zone).employee
    except NotAPunch:
        if not found.refusal:
            raise
        raise BadLine(found.refusal) from None


def _of_json(content: bytes) -> Record:
    return Record(content.decode().strip())


def _of_csv(columns: Sequence[str], separator: str) -> Read:
    def read(content: bytes) -> Record:
        cells = next(csv.reader([content.decode().strip()], delimiter=separator, strict=True))
        if len(cells) != len(columns):
            raise BadLine(f"line: {len(cells)} cells, and the header has {len(columns)}")
        named = {name: _value(name, cell) for name, cell in zip(columns, cells, strict=True) if cell}
        return Record(orjson.dumps(named).decode())

    return read


def _value(name: str, cell: str) -> object:
    """Give what a cell says in the type of its column; what is none of that type stays a text, and is refused."""
    match _COLUMNS[name]:
        case "integer" if _integer(cell):
            return int(cell)
        case "number" if _number(cell):
            return float(cell)
        case "boolean" if cell in ("true", "false"):
            return cell == "true"
    return cell


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
