"""The lines of a file of punches, each checked by the rules of a punch: NDJSON, CSV or of another form, gzip or not.

What a file is, its content says, not its name. It is read as a stream: however long it or a line is, memory is not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from gzip import GzipFile
from typing import NamedTuple

from ponto.parser import InvalidPunchError, parse
from slices.imports import text
from slices.imports.forms import BadFile, BadLine, Form, GetObject, NotPunches, Read, Survey, form_of
from slices.imports.split import BEGIN, LONGEST, Position, Raw, split, without_blank
from slices.imports.stored import CHUNK, Open, opened, skip

MAX_REFUSED_LINES = 1_000_000
"""More than punches, after which reading stops: ten seconds', of which gzip makes 2 KB."""


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


class Surveyed(NamedTuple):
    """A file of a form that another slice reads."""

    form: Form
    found: Survey  # of all its lines


def lines(
    open_at: Open,
    zone: tzinfo,
    start: Position = BEGIN,
    get_object: GetObject | None = None,
    max_refused: int = MAX_REFUSED_LINES,
) -> Iterator[Line]:
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
        NotPunches: its first line is neither a JSON object nor the header of a CSV file or of a form that there is, its
            compression is broken, or there is little in it but blank or refused lines.
        Exception: of `get_object`.
    """
    with opened(open_at) as content:
        in_gzip = isinstance(content, GzipFile)
        for first in without_blank(split(content, BEGIN), BEGIN):
            if isinstance(first, Raw):
                break
            yield _heartbeat(start)
        else:
            return  # nothing but blank lines
    read, has_header = _reader(first, get_object)
    begin = max(start, first.next) if has_header else start
    with opened(open_at, 0 if in_gzip else begin.offset) as content:
        for _ in skip(content, begin.offset if in_gzip else 0):
            yield _heartbeat(begin)
        yield from _bounded(_checked(without_blank(split(content, begin), begin), read, zone, begin), max_refused)


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
    with opened(open_at) as content:
        for raw in without_blank(split(content, BEGIN), BEGIN):
            if isinstance(raw, Position):
                reached(raw.line)
                continue
            try:
                if found:
                    if raw.content is not None:
                        found.found.add(raw.content)
                elif form := form_of(raw.content or b""):
                    found = Surveyed(form, form.surveyed(raw.content or b""))
                else:
                    return None
            except BadFile as error:
                raise _of_the_file(raw, error) from None
            reached(raw.number)
    return found


def _reader(first: Raw, get_object: GetObject | None) -> tuple[Read, bool]:
    """Give what reads the lines of a file, by its first line, and whether that is no punch but a header."""
    content = first.content or b""
    form = form_of(content)
    if form is None:
        return text.reader(content, first.number)
    if get_object is None:
        raise NotPunches(f"it is {form.WHOSE}, which only the stage's bucket takes")
    try:
        return form.reader(content, get_object), True
    except BadFile as error:
        raise _of_the_file(first, error) from None


def _checked(raws: Iterable[Raw | Position], read: Read, zone: tzinfo, start: Position) -> Iterator[Line]:
    """Check lines; of what belongs to the form and is no punch give one heartbeat for each mebibyte."""
    given = start.offset
    for raw in raws:
        if isinstance(raw, Position):
            yield _heartbeat(raw)
            continue
        line = _check(raw, read, zone)
        if line is None and raw.next.offset - given < CHUNK:
            continue
        given = raw.next.offset
        yield line or _heartbeat(raw.next)


def _check(raw: Raw, read: Read, zone: tzinfo) -> Line | None:
    number, after, content = raw
    if content is None:
        return Line(number, after, refusal=f"line: longer than {LONGEST} bytes")
    try:
        record = read(content)
    except BadLine as error:
        return Line(number, after, refusal=str(error))
    except BadFile as error:
        raise _of_the_file(raw, error) from None
    if record is None:
        return None
    try:
        employee = parse(record.body, zone).employee_id
    except InvalidPunchError as error:
        return Line(number, after, refusal=record.refusal or error.detail)
    return Line(number, after, record.body, employee, "", record.attributes)


def _bounded(lines: Iterable[Line], max_refused: int) -> Iterator[Line]:
    """Stop where too many lines are refused."""
    refused = 0  # more than punches
    for line in lines:
        refused += (line.refusal != "") - (line.body != "")
        if refused > max_refused:
            raise NotPunches(
                f"at line {line.number} refused lines outnumber punches by more than {max_refused:,}; the last: "
                f"{line.refusal}"
            )
        yield line


def _heartbeat(reached: Position) -> Line:
    return Line(reached.line, reached)


def _of_the_file(line: Raw, error: BadFile) -> NotPunches:
    return NotPunches(f"line {line.number} {error}")
