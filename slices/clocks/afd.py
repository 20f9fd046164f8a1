"""The files that hardware clocks keep (AFD): what each line says, in the layouts of 2009 and of 2021.

The layouts are those of Portaria 1510/2009 and of Portaria 671/2021. Law prescribes ISO 8859-1, CR LF and the order of
the records' numbers (NSR); clocks deviate from each. Positions in a line are of characters. No message of this module
quotes a line: it may hold somebody's name or document.
"""

import re
from bisect import bisect_right, insort
from collections.abc import Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any, NamedTuple

from ponto.documents import check_digits
from slices.imports.file_formats import FatalLineError, InvalidLineError

MAX_LISTED = 500
"""Of each kind of finding, how many a survey lists; what is more is counted. They go along in Lambda's events."""

EMPLOYER, PUNCH, SETTING, EMPLOYEE, EVENT, PROGRAM = range(2, 8)
"""Kinds of records, as the character behind the NSR has them; header and trailer are no records here."""

_HEADER = "0000000001"
_TRAILER = "999999999"
_SIGNATURE = "ASSINATURA_DIGITAL"  # ..._EM_ARQUIVO_P7S, behind the trailer
_PROGRAM_RECORD_LENGTH = 137  # characters of a record of kind 7


class InvalidClockFileError(FatalLineError):
    """The file as a whole is no hardware clock's. The message says why."""


class InvalidRecordError(InvalidLineError):
    """A line is no record of the file's layout. The message says why."""


class InvalidFieldError(InvalidRecordError):
    """A record has the length and the CRC of one, and a wrong field: it is refused, and not missing."""

    def __init__(self, record: "ClockRecord", what: str) -> None:
        super().__init__(f"record {record.kind}: {what}")
        self.record = record  # its kind and NSR


class Layout(NamedTuple):
    """What the lines of a file are."""

    year: int  # of the law
    header_length: int  # characters
    clock_offset: int  # where its number begins in the header, from 0
    lengths: dict[int, int]  # characters of records, by kind; the others are only counted
    kinds: tuple[int, ...]  # of its records, in the order of the trailer's counts
    punch: re.Pattern[str]
    setting: re.Pattern[str]
    time: str  # what the groups of a time make
    has_crc: bool  # in the kinds 1 to 5


_DAY_AND_TIME = "([0-9]{2})([0-9]{2})([0-9]{4})([0-9]{2})([0-9]{2})"  # ddmmaaaahhmm
_TIME = "([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{4})"
_LAYOUTS = (
    Layout(
        year=2009,
        header_length=232,
        clock_offset=187,
        lengths={PUNCH: 34, SETTING: 34, EMPLOYEE: 87},
        kinds=(EMPLOYER, PUNCH, SETTING, EMPLOYEE),
        punch=re.compile(f".{{10}}{_DAY_AND_TIME}(.{{12}})"),
        setting=re.compile(f".{{10}}{_DAY_AND_TIME}{_DAY_AND_TIME}"),
        time="{2}-{1}-{0}T{3}:{4}",
        has_crc=False,
    ),
    Layout(
        year=2021,
        header_length=302,
        clock_offset=189,
        lengths={EMPLOYER: 331, PUNCH: 50, SETTING: 73, EMPLOYEE: 118, EVENT: 36},
        kinds=(EMPLOYER, PUNCH, SETTING, EMPLOYEE, EVENT, PROGRAM),
        punch=re.compile(f".{{10}}{_TIME}(.{{12}}).{{4}}"),
        setting=re.compile(f".{{10}}{_TIME}{_TIME}.{{15}}"),
        time="{0}",
        has_crc=True,
    ),
)

_is_clock = re.compile("[0-9]{17}").fullmatch
_digits = re.compile("[0-9]+").fullmatch
_starts_as_record = re.compile("[0-9]{9}[1-9]").match
_is_crc = re.compile("[0-9A-Fa-f]{4}").fullmatch


class Header(NamedTuple):
    """The first line of a file."""

    clock: str  # the clock's number: 17 digits
    layout: Layout


class ClockRecord(NamedTuple):
    """A record that a clock kept."""

    kind: int
    nsr: int
    time: str = ""  # of a punch, or what a setting set, ISO 8601; without an offset in the layout of 2009
    before: str = ""  # of a setting: what the clock said then
    document: str = ""  # of a punch, whose it is: 11 digits


class Trailer(NamedTuple):
    """The last line of a file: how many records it has, by kind."""

    counts: dict[int, int]


def is_clock_file(line: bytes) -> bool:
    """Tell by its first line whether a file is a hardware clock's."""
    return line.startswith(_HEADER.encode())


def parse_header(line: bytes) -> Header:
    """Read the first line of a file.

    Raises:
        InvalidClockFileError: it has neither layout, is damaged, or names no clock.
    """
    line = line.rstrip(b"\r\n")
    for text in _decodings(line):
        for layout in _LAYOUTS:
            if len(text) == layout.header_length:
                if layout.has_crc and not _is_intact(line, text):
                    raise InvalidClockFileError("is a clock's header whose CRC is wrong")
                number = text[layout.clock_offset : layout.clock_offset + 17]
                if not _is_clock(number) or not int(number):
                    raise InvalidClockFileError("is a clock's header without the clock's number, 17 digits")
                return Header(number, layout)
    known = " or ".join(f"{layout.header_length} (layout of {layout.year})" for layout in _LAYOUTS)
    raise InvalidClockFileError(f"is a clock's header of {len(next(_decodings(line)))} characters instead of {known}")


def parse_line(line: bytes, layout: Layout) -> ClockRecord | Trailer | None:
    """Read a line behind the header.

    Returns:
        None: it is the signature.

    Raises:
        InvalidFieldError: its length and CRC are right, and a field is wrong.
        InvalidRecordError: it is no record of the layout, or damaged.
        InvalidClockFileError: there is another file behind this one, or it is a program's.
    """
    line = line.rstrip(b"\r\n")
    text = next(_decodings(line))
    if text.startswith(_SIGNATURE):
        return None
    if text.startswith(_HEADER):
        raise InvalidClockFileError("is a second header; import each clock's file by itself")
    if text.startswith(_TRAILER):
        return _trailer(text, layout)
    if not _starts_as_record(text) or not int(text[:9]):
        raise InvalidRecordError("line: does not begin as a clock's record, with its number and its kind")
    kind = int(text[9])
    if kind == PROGRAM and len(text) == _PROGRAM_RECORD_LENGTH:
        raise InvalidClockFileError("is a record of a program, kind 7; only files of hardware clocks are imported")
    if kind not in (EMPLOYER, PUNCH, SETTING, EMPLOYEE, EVENT):
        raise InvalidRecordError(f"record {kind}: the layout of {layout.year} has none in a hardware clock's file")
    expected = layout.lengths.get(kind, len(text))
    if not any(len(each) == expected for each in _decodings(line)):
        raise InvalidRecordError(
            f"record {kind}: {len(text)} characters, and the layout of {layout.year} has {expected}"
        )
    if layout.has_crc and kind <= EMPLOYEE and not _is_intact(line, text):
        raise InvalidRecordError(f"record {kind}: its CRC is wrong")
    return _record(kind, text, layout)


def _record(kind: int, text: str, layout: Layout) -> ClockRecord:
    nsr = int(text[:9])
    if kind == PUNCH and (found := layout.punch.fullmatch(text)):
        *time, field = found.groups()
        if (document := _document(field)) is None:
            raise InvalidFieldError(ClockRecord(kind, nsr), "neither a CPF nor a PIS in the employee's place")
        return ClockRecord(kind, nsr, layout.time.format(*time), document=document)
    if kind == SETTING and (found := layout.setting.fullmatch(text)):
        times = found.groups()
        half = len(times) // 2
        return ClockRecord(kind, nsr, layout.time.format(*times[half:]), layout.time.format(*times[:half]))
    if kind in (PUNCH, SETTING):
        raise InvalidFieldError(ClockRecord(kind, nsr), f"its time is not written as in the layout of {layout.year}")
    return ClockRecord(kind, nsr)


def _trailer(text: str, layout: Layout) -> Trailer:
    counts = text[9:-1]
    if len(counts) != 9 * len(layout.kinds) or not _digits(counts) or text[-1] != "9":
        raise InvalidRecordError(f"trailer: not as in the layout of {layout.year}")
    return Trailer({kind: int(counts[9 * index : 9 * index + 9]) for index, kind in enumerate(layout.kinds)})


def _document(field: str) -> str | None:
    """Give the 11 digits of a CPF or PIS, if it has one: clocks disagree on how to fill twelve characters."""
    digits = field.strip(" ")
    if _digits(digits):
        if len(digits) == 11:
            return digits
        if len(digits) == 12 and digits[0] in "09":  # a PIS or CPF; a CPF where a PIS was
            return digits[1:]
        # The same, with a PIS's check digit in the place of the CPF's last.
        if len(digits) == 12 and digits[0] == "8" and (checks := check_digits(digits[1:10]))[0] == digits[10]:
            return digits[1:10] + checks
    return None


# Text


def _decodings(line: bytes) -> Iterator[str]:
    """Give a line's text in UTF-8, if it is that, and in ISO 8859-1, which everything is."""
    with suppress(UnicodeDecodeError):
        yield line.decode()
    yield line.decode("iso-8859-1")


def _crc_table(polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return table


_CRC_VARIANTS = (
    (_crc_table(0xA001), 0xFFFF),
    (_crc_table(0x8408), 0),
)  # MODBUS, as clocks write it, and KERMIT, as the law has it


def _is_intact(line: bytes, text: str) -> bool:
    """Tell whether a line's last four characters are the CRC of those before, as they stand or in ISO 8859-1."""
    if not _is_crc(text[-4:]):
        return False
    expected = int(text[-4:], 16)
    written = {line[:-4], text[:-4].encode("iso-8859-1", "replace")}
    return any(_crc(part, *how) == expected for part in written for how in _CRC_VARIANTS)


def _crc(content: bytes, table: list[int], crc: int) -> int:
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


# The file as a whole


class ClockFileInspector:
    """What a file holds: which records, which are missing, and what was done to the clock. In bounded memory."""

    def __init__(self, header: Header) -> None:
        """Nothing is read yet but the header."""
        self.header = header
        self._found = dict.fromkeys((*header.layout.kinds, EVENT), 0)  # of events no trailer of 2009 knows
        self._trailer: Trailer | None = None
        self._first = self._last = 0  # NSR; 0: of none
        self._gaps: list[tuple[int, int]] = []  # first and last NSR that is missing, in order
        self._unknown = range(0)  # NSR from the first to the last gap that is not listed
        self._repeats: list[int] = []
        self._unplaced = 0  # came again, or late into a gap that is not listed
        self._settings: list[ClockRecord] = []
        self._unlisted = {"gaps": 0, "repeats": 0, "settings": 0}

    def add(self, line: bytes) -> None:
        """Take the next line. What is no record, or damaged, counts as missing.

        Raises:
            InvalidClockFileError: of `parse_line`.
        """
        found: ClockRecord | Trailer | None
        try:
            found = parse_line(line, self.header.layout)
        except InvalidFieldError as error:
            found = error.record
        except InvalidRecordError:
            return
        if isinstance(found, Trailer):
            self._trailer = found
        elif found is not None:
            self._found[found.kind] += 1
            self._number(found.nsr)
            if found.kind == SETTING and found.time:
                self._list("settings", self._settings, found)

    def _number(self, nsr: int) -> None:
        if not self._last:
            self._first = self._last = nsr
        elif nsr > self._last:
            if nsr > self._last + 1:
                self._miss(self._last + 1, nsr - 1)
            self._last = nsr
        elif nsr < self._first:
            if nsr < self._first - 1:
                self._miss(nsr + 1, self._first - 1)
            self._first = nsr
        else:
            self._fill(nsr)

    def _miss(self, first: int, last: int) -> None:
        """Take a gap: what it lies between has come."""
        if len(self._gaps) < MAX_LISTED:
            insort(self._gaps, (first, last))
            return
        self._unlisted["gaps"] += 1
        known = self._unknown or range(first, last + 1)
        self._unknown = range(min(known.start, first), max(known.stop, last + 1))

    def _fill(self, nsr: int) -> None:
        """Take one from the first to the last: it comes late, or again."""
        index = bisect_right(self._gaps, nsr, key=itemgetter(0)) - 1
        if index >= 0 and nsr <= self._gaps[index][1]:
            first, last = self._gaps.pop(index)
            if first < nsr:
                self._miss(first, nsr - 1)
            if nsr < last:
                self._miss(nsr + 1, last)
        elif nsr in self._unknown:
            self._unplaced += 1
        else:
            self._list("repeats", self._repeats, nsr)

    def _list(self, name: str, listed: list[Any], found: object) -> None:
        if len(listed) < MAX_LISTED:
            listed.append(found)
        else:
            self._unlisted[name] += 1

    def summary(self) -> dict[str, Any]:
        """Give all of it, for JSON; no document and no name."""
        return {
            "number": self.header.clock,
            "layout": self.header.layout.year,
            "firstNsr": self._first or None,
            "lastNsr": self._last or None,
            "gaps": [{"first": first, "last": last} for first, last in self._gaps],
            "repeats": self._repeats,
            "unplaced": self._unplaced,
            "settings": [{"nsr": each.nsr, "before": each.before, "after": each.time} for each in self._settings],
            "unlisted": self._unlisted,
            "found": {str(kind): count for kind, count in self._found.items()},
            "trailer": self._trailer and {str(kind): count for kind, count in self._trailer.counts.items()},
        }
