"""Parser of the files of hardware clocks (AFD), in the layouts of Portaria 1510/2009 and of Portaria 671/2021.

The regulations prescribe ISO 8859-1, CR LF and ascending record numbers (NSR); clocks deviate from each. Offsets and
lengths count characters. No message of this module quotes a line, which may hold personal data.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple

from slices.employee_numbers import cpf_check_digits
from slices.imports.file_formats import FatalLineError, InvalidLineError

MAX_LISTED = 500
"""Maximum number of gaps, of repeats and of settings in a summary; further ones are only counted."""

EMPLOYER, PUNCH, SETTING, EMPLOYEE, EVENT, PROGRAM = range(2, 8)
"""Record types: the digit after the NSR. Header and trailer do not count as records."""

_HEADER = "0000000001"
_TRAILER = "999999999"
_SIGNATURE = "ASSINATURA_DIGITAL"  # start of the line after the trailer
_PROGRAM_RECORD_LENGTH = 137  # length of a record of type 7


class InvalidClockFileError(FatalLineError):
    """The file is not a valid file of a hardware clock."""


class InvalidRecordError(InvalidLineError):
    """A line is not a valid record of the file's layout."""


class InvalidFieldError(InvalidRecordError):
    """A record has the right length and CRC, but one of its fields is invalid.

    The line is refused, but its record number does not count as missing.
    """

    def __init__(self, record: "ClockRecord", reason: str) -> None:
        """Create an error about a record, of which only type and NSR are set."""
        super().__init__(f"record of type {record.record_type}: {reason}")
        self.record = record


class Layout(NamedTuple):
    """Layout of a file's lines."""

    year: int  # of the regulation
    header_length: int
    clock_offset: int  # offset of the clock's number in the header
    lengths: dict[int, int]  # record lengths by type; records of other types may have any length
    counted_types: tuple[int, ...]  # record types that the trailer counts, in its order
    punch: re.Pattern[str]  # groups: the time's, then the employee's field of 12 characters
    setting: re.Pattern[str]  # groups: the old time's, then the new time's
    time_format: str  # format string of an ISO 8601 time, for the groups of a time
    has_crc: bool  # the header and records of the types 2 to 5 end with a CRC


_DAY_AND_TIME = "([0-9]{2})([0-9]{2})([0-9]{4})([0-9]{2})([0-9]{2})"  # ddmmaaaahhmm
_TIME = "([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{4})"
_LAYOUTS = (
    Layout(
        year=2009,
        header_length=232,
        clock_offset=187,
        lengths={PUNCH: 34, SETTING: 34, EMPLOYEE: 87},
        counted_types=(EMPLOYER, PUNCH, SETTING, EMPLOYEE),
        punch=re.compile(f".{{10}}{_DAY_AND_TIME}(.{{12}})"),
        setting=re.compile(f".{{10}}{_DAY_AND_TIME}{_DAY_AND_TIME}"),
        time_format="{2}-{1}-{0}T{3}:{4}",
        has_crc=False,
    ),
    Layout(
        year=2021,
        header_length=302,
        clock_offset=189,
        lengths={EMPLOYER: 331, PUNCH: 50, SETTING: 73, EMPLOYEE: 118, EVENT: 36},
        counted_types=(EMPLOYER, PUNCH, SETTING, EMPLOYEE, EVENT, PROGRAM),
        punch=re.compile(f".{{10}}{_TIME}(.{{12}}).{{4}}"),
        setting=re.compile(f".{{10}}{_TIME}{_TIME}.{{15}}"),
        time_format="{0}",
        has_crc=True,
    ),
)

_is_clock_number = re.compile("[0-9]{17}").fullmatch
_are_digits = re.compile("[0-9]+").fullmatch
_starts_as_record = re.compile("[0-9]{9}[1-9]").match
_is_crc = re.compile("[0-9A-Fa-f]{4}").fullmatch


class Header(NamedTuple):
    """First line of a file."""

    clock: str  # the clock's number, 17 digits
    layout: Layout


class ClockRecord(NamedTuple):
    """A record of a clock's file."""

    record_type: int
    nsr: int
    time: str = ""  # of a punch, or the new time of a setting: ISO 8601, without an offset in the layout of 2009
    previous_time: str = ""  # old time of a setting
    document: str = ""  # CPF or PIS of the employee who punched, 11 digits


class Trailer(NamedTuple):
    """Last line of a file."""

    counts: dict[int, int]  # number of records by type


def is_clock_file(first_line: bytes) -> bool:
    """Return whether a file with this first line is the file of a hardware clock."""
    return first_line.startswith(_HEADER.encode())


def parse_header(line: bytes) -> Header:
    """Parse the first line of a file.

    Raises:
        InvalidClockFileError: it has neither layout, is damaged, or lacks the clock's number.
    """
    line = line.rstrip(b"\r\n")
    for text in _possible_texts(line):
        for layout in _LAYOUTS:
            if len(text) == layout.header_length:
                if layout.has_crc and not _is_intact(line, text):
                    raise InvalidClockFileError("the clock's header has a wrong CRC")
                number = text[layout.clock_offset : layout.clock_offset + 17]
                if not _is_clock_number(number) or not int(number):
                    raise InvalidClockFileError("the clock's header lacks the clock's number of 17 digits")
                return Header(number, layout)
    known = " or ".join(f"{layout.header_length} (layout of {layout.year})" for layout in _LAYOUTS)
    raise InvalidClockFileError(
        f"the clock's header has {len(next(_possible_texts(line)))} characters instead of {known}"
    )


def parse_line(line: bytes, layout: Layout) -> ClockRecord | Trailer | None:
    """Parse a line after the header.

    Returns:
        The record or the trailer; None for the signature.

    Raises:
        InvalidFieldError: a field is invalid, although the length and the CRC are right.
        InvalidRecordError: the line is no record of the layout, or damaged.
        InvalidClockFileError: the line is a second header, or a record that only a program (REP-P) writes.
    """
    line = line.rstrip(b"\r\n")
    text = next(_possible_texts(line))
    if text.startswith(_SIGNATURE):
        return None
    if text.startswith(_HEADER):
        raise InvalidClockFileError("there is a second header; import the file of each clock separately")
    if text.startswith(_TRAILER):
        return _parse_trailer(text, layout)
    if not _starts_as_record(text) or not int(text[:9]):
        raise InvalidRecordError("line: does not start with a record number and a record type")
    record_type = int(text[9])
    if record_type == PROGRAM and len(text) == _PROGRAM_RECORD_LENGTH:
        raise InvalidClockFileError(
            "there is a record of type 7, which a program wrote; only files of hardware clocks can be imported"
        )
    if record_type not in (EMPLOYER, PUNCH, SETTING, EMPLOYEE, EVENT):
        raise InvalidRecordError(
            f"record of type {record_type}: hardware clocks write none in the layout of {layout.year}"
        )
    expected = layout.lengths.get(record_type, len(text))
    if not any(len(each) == expected for each in _possible_texts(line)):
        raise InvalidRecordError(
            f"record of type {record_type}: {len(text)} characters instead of {expected} in the layout of {layout.year}"
        )
    if layout.has_crc and record_type <= EMPLOYEE and not _is_intact(line, text):
        raise InvalidRecordError(f"record of type {record_type}: wrong CRC")
    return _parse_record(record_type, text, layout)


def _parse_record(record_type: int, text: str, layout: Layout) -> ClockRecord:
    nsr = int(text[:9])
    if record_type == PUNCH and (match := layout.punch.fullmatch(text)):
        *time, field = match.groups()
        if (document := _parse_document(field)) is None:
            raise InvalidFieldError(ClockRecord(record_type, nsr), "the employee's field holds neither a CPF nor a PIS")
        return ClockRecord(record_type, nsr, layout.time_format.format(*time), document=document)
    if record_type == SETTING and (match := layout.setting.fullmatch(text)):
        times = match.groups()
        half = len(times) // 2
        return ClockRecord(
            record_type, nsr, layout.time_format.format(*times[half:]), layout.time_format.format(*times[:half])
        )
    if record_type in (PUNCH, SETTING):
        raise InvalidFieldError(
            ClockRecord(record_type, nsr), f"the time is not in the format of the layout of {layout.year}"
        )
    return ClockRecord(record_type, nsr)


def _parse_trailer(text: str, layout: Layout) -> Trailer:
    counts = text[9:-1]
    if len(counts) != 9 * len(layout.counted_types) or not _are_digits(counts) or text[-1] != "9":
        raise InvalidRecordError(f"trailer: not in the format of the layout of {layout.year}")
    numbers = [int(counts[start : start + 9]) for start in range(0, len(counts), 9)]
    return Trailer(dict(zip(layout.counted_types, numbers, strict=True)))


def _parse_document(field: str) -> str | None:
    """Return the 11 digits of the CPF or PIS in a field, if it holds one. Clocks pad its 12 characters differently."""
    digits = field.strip(" ")
    if _are_digits(digits):
        if len(digits) == 11:
            return digits
        if len(digits) == 12 and digits[0] in "09":  # 9: a CPF in the place of a PIS
            return digits[1:]
        # 8: also a CPF, but with the check digit of a PIS as its last digit.
        if len(digits) == 12 and digits[0] == "8" and (checks := cpf_check_digits(digits[1:10]))[0] == digits[10]:
            return digits[1:10] + checks
    return None


def _possible_texts(line: bytes) -> Iterator[str]:
    """Yield a line decoded as UTF-8, if it is valid UTF-8, then as ISO 8859-1, in which any bytes are valid."""
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


# Table and start value of MODBUS, which clocks write, and of KERMIT, which the regulation prescribes.
_CRC_VARIANTS = ((_crc_table(0xA001), 0xFFFF), (_crc_table(0x8408), 0))


def _is_intact(line: bytes, text: str) -> bool:
    """Return whether the last four characters of a line are the CRC of the others.

    The CRC may be that of the bytes in the file or of their text in ISO 8859-1.
    """
    if not _is_crc(text[-4:]):
        return False
    expected = int(text[-4:], 16)
    contents = {line[:-4], text[:-4].encode("iso-8859-1", "replace")}
    return any(_crc(content, *variant) == expected for content in contents for variant in _CRC_VARIANTS)


def _crc(content: bytes, table: list[int], crc: int) -> int:
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


class ClockFileInspector:
    """Counts a file's records, and lists its gaps, repeats and settings of the clock."""

    def __init__(self, header: Header) -> None:
        """Create an inspector of a file with this header."""
        self.header = header
        # A file of 2009 may have events, although its trailer does not count them.
        self._record_counts = dict.fromkeys((*header.layout.counted_types, EVENT), 0)
        self._trailer: Trailer | None = None
        self._numbers: list[int] = []  # NSR
        self._settings: list[ClockRecord] = []

    def add(self, line: bytes) -> None:
        """Add the next line. A line that is no valid record leaves a gap, unless only a field is invalid.

        Raises:
            InvalidClockFileError: see `parse_line`.
        """
        item: ClockRecord | Trailer | None
        try:
            item = parse_line(line, self.header.layout)
        except InvalidFieldError as error:
            item = error.record
        except InvalidRecordError:
            return
        if isinstance(item, Trailer):
            self._trailer = item
        elif item is not None:
            self._record_counts[item.record_type] += 1
            self._numbers.append(item.nsr)
            if item.record_type == SETTING and item.time:
                self._settings.append(item)

    def summary(self) -> dict[str, Any]:
        """Return the collected facts as JSON-serializable values, without personal data."""
        numbers = sorted(self._numbers)
        pairs = list(pairwise(numbers))
        lists: dict[str, list[Any]] = {
            "gaps": [{"first": low + 1, "last": high - 1} for low, high in pairs if high - low > 1],
            "repeats": [high for low, high in pairs if low == high],
            "settings": [
                {"nsr": each.nsr, "before": each.previous_time, "after": each.time} for each in self._settings
            ],
        }
        return {
            "number": self.header.clock,
            "layout": self.header.layout.year,
            "firstNsr": numbers[0] if numbers else None,
            "lastNsr": numbers[-1] if numbers else None,
            **{name: items[:MAX_LISTED] for name, items in lists.items()},
            "unlisted": {name: len(items[MAX_LISTED:]) for name, items in lists.items()},
            "found": {str(record_type): count for record_type, count in self._record_counts.items()},
            "trailer": self._trailer
            and {str(record_type): count for record_type, count in self._trailer.counts.items()},
        }
