"""The lines of a file of punches, each checked by the rules of a punch: NDJSON, CSV or a hardware clock's, gzip or not.

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

from ponto.derived_id import ClockRecord
from ponto.punch import WIRE, NotAPunch, named, parse
from slices.imports import afd, documents

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


class NotPunches(ValueError):
    """The file as a whole cannot be read. The message says why, and quotes of it no more than a column's name."""


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
    clock: ClockRecord | None = None  # of a punch that a hardware clock kept: which of its records

    @property
    def is_heartbeat(self) -> bool:
        return not (self.body or self.refusal)


class _Raw(NamedTuple):
    number: int
    next: Position
    content: bytes | None  # None: it is too long


Open = Callable[[int], IO[bytes]]
"""Opens a file as it is stored, from a byte on."""

Documents = Callable[[], Mapping[str, int]]
"""Gives the employee of each document; is called for a hardware clock's file only."""


def lines(open_at: Open, zone: tzinfo, start: Position = BEGIN, employees: Documents | None = None) -> Iterator[Line]:
    """Read and check the lines of a file.

    Where there is no line in a mebibyte, because one is longer, or all are blank, or `start` is far, there comes a
    heartbeat, so that the caller can stop there. The file is opened twice: for its first line, which says what it is,
    and from `start` on.

    Args:
        open_at: opens the file.
        zone: the stage's time zone, in which a time sent without an offset is local.
        start: where to go on. In a compressed file, what comes before is read again.
        employees: whose the documents in a hardware clock's file are; None: such a file is refused.

    Raises:
        NotPunches: its first line is neither a JSON object nor the header of a CSV file or of a hardware clock's, its
            compression is broken, or there is little in it but blank or refused lines.
        Exception: of `employees`.
    """
    try:
        yield from _lines(open_at, zone, start, employees)
    except _BROKEN as error:
        raise _broken(error) from None


def survey(open_at: Open, reached: Callable[[int], None]) -> afd.Survey | None:
    """Read a hardware clock's file to its end, before anything of it is sent: some faults are of the whole file.

    Args:
        open_at: opens the file.
        reached: is told each line's number; what it raises ends the reading.

    Returns:
        What the file holds; None: it is no hardware clock's.

    Raises:
        NotPunches: the file as a whole cannot be imported, or its compression is broken.
        Exception: of `reached`.
    """
    found: afd.Survey | None = None
    try:
        with _buffered(open_at(0)) as stored:
            for raw in _raw(_content(stored, is_compressed(stored.peek(len(_GZIP)))), BEGIN):
                if isinstance(raw, Position):
                    reached(raw.line)
                    continue
                if found is None:
                    if not _is_of_a_clock(raw):
                        return None
                    found = afd.Survey(_clocks_header(raw))
                elif raw.content is not None:
                    try:
                        found.add(raw.content)
                    except afd.NotOfAClock as error:
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


def _lines(open_at: Open, zone: tzinfo, start: Position, employees: Documents | None) -> Iterator[Line]:
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

    read: _Reader
    if _is_of_a_clock(first):
        if employees is None:
            raise NotPunches("it is a hardware clock's, which only the stage's bucket takes")
        read, begin = _of_clock(_clocks_header(first), employees()), max(start, first.next)
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


def _is_of_a_clock(first: _Raw) -> bool:
    return first.content is not None and afd.is_of_a_clock(first.content)


def _clocks_header(first: _Raw) -> afd.Header:
    try:
        return afd.header(first.content or b"")
    except afd.NotOfAClock as error:
        raise _of_the_file(first, error) from None


def _of_the_file(line: _Raw, error: afd.NotOfAClock) -> NotPunches:
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
    wrong = " is neither a JSON object nor a header:"  # it may be a punch: nothing of it is quoted
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


_Reader = Callable[[bytes], tuple[str, ClockRecord | None] | None]
"""Gives the body that a line makes, and which record of a clock it is; None: a record that is no punch."""


def _check(line: _Raw, read: _Reader, zone: tzinfo) -> Line:
    number, after, content = line
    if content is None:
        return Line(number, after, refusal=f"line: longer than {LONGEST} bytes")
    try:
        if (found := read(content)) is None:
            return Line(number, after)
        body, clock = found
        return Line(number, after, body, _employee(body, clock, zone), clock=clock)
    except UnicodeDecodeError:
        return Line(number, after, refusal="line: not UTF-8")
    except NotAPunch as error:
        return Line(number, after, refusal=error.detail)
    except csv.Error:
        return Line(number, after, refusal="line: not CSV")
    except (_CellCountError, afd.BadRecord) as error:
        return Line(number, after, refusal=str(error))
    except afd.NotOfAClock as error:
        raise _of_the_file(line, error) from None


def _employee(body: str, clock: ClockRecord | None, zone: tzinfo) -> int:
    try:
        return parse(body, zone).employee
    except NotAPunch:
        if clock is None:
            raise
        raise afd.BadRecord("record 3: no date and time of the years 1900 to 2999") from None  # all else is ours


def _of_json(content: bytes) -> tuple[str, None]:
    return content.decode().strip(), None


class _CellCountError(ValueError):
    """A line of CSV has more or fewer cells than the header."""


def _of_csv(columns: Sequence[str], separator: str) -> _Reader:
    def read(content: bytes) -> tuple[str, None]:
        cells = next(csv.reader([content.decode().strip()], delimiter=separator, strict=True))
        if len(cells) != len(columns):
            raise _CellCountError(f"line: {len(cells)} cells, and the header has {len(columns)}")
        named = {name: _value(name, cell) for name, cell in zip(columns, cells, strict=True) if cell}
        return orjson.dumps(named).decode(), None

    return read


def _of_clock(header: afd.Header, employees: Mapping[str, int]) -> _Reader:
    def read(content: bytes) -> tuple[str, ClockRecord] | None:
        record = afd.read(content, header.layout)
        if not isinstance(record, afd.Record) or record.kind != afd.PUNCH:
            return None
        if (employee := employees.get(record.document)) is None:
            raise afd.BadRecord(f"record 3: the document is not in {documents.KEY}")
        body = {"usuarioId": employee, "ponto": record.time, "dispositivo": header.clock}
        return orjson.dumps(body).decode(), ClockRecord(header.clock, record.nsr)

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
