"""Tests of the parser and the inspector of hardware clocks' files, in both layouts."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slices.clocks import afd
from slices.clocks.afd import ClockFileInspector, ClockRecord, InvalidClockFileError, InvalidRecordError, Trailer
from slices.clocks.tests.clock_files import CLOCK, EIGHT, KERMIT, MODBUS, HardwareClock, cpf, month_records, pis

EMPLOYEE_FIELDS = [f"0{cpf(number)}" for number in (11, 12, 13)]
clocks = st.builds(
    HardwareClock,
    number=st.just(CLOCK),
    year=st.sampled_from([2009, 2021]),
    crc=st.sampled_from([KERMIT, MODBUS]),
    capitals=st.booleans(),
    encoding=st.sampled_from(["iso-8859-1", "utf-8"]),
    end=st.sampled_from(["\r\n", "\n"]),
)


def inspect(content: bytes) -> dict[str, Any]:
    first, *others = content.split(b"\n")
    inspector = ClockFileInspector(afd.parse_header(first))
    for line in others:
        if line.strip():
            inspector.add(line)
    return inspector.summary()


def read(clock: HardwareClock, line: str) -> ClockRecord | Trailer | None:
    return afd.parse_line(line.encode(clock.encoding), afd.parse_header(clock.header().encode(clock.encoding)).layout)


@given(clocks)
def test_records_of_all_variants_are_parsed(clock: HardwareClock) -> None:
    header = afd.parse_header(clock.header().encode(clock.encoding))
    assert (header.clock, header.layout.year) == (CLOCK, clock.year)
    offset = ":00-0300" if clock.year == 2021 else ""

    assert read(clock, clock.punch(7, EMPLOYEE_FIELDS[0])) == ClockRecord(
        3, 7, f"2026-10-01T08:00{offset}", document=cpf(11)
    )
    after = EIGHT.replace(minute=5)
    expected = ClockRecord(4, 8, f"2026-10-01T08:05{offset}", f"2026-10-01T08:00{offset}")
    assert read(clock, clock.setting(8, EIGHT, after)) == expected
    assert read(clock, clock.employer(9)) == ClockRecord(2, 9)
    assert read(clock, clock.employee(10, "Ótávio Ção")) == ClockRecord(5, 10)
    lines = month_records(clock, EMPLOYEE_FIELDS)
    assert read(clock, clock.trailer(lines)) == Trailer(count_records(clock, lines))
    assert read(clock, "ASSINATURA_DIGITAL_EM_ARQUIVO_P7S") is None


def test_crc_of_utf8_bytes_and_trailer_with_large_counts_are_valid() -> None:
    clock = HardwareClock(encoding="utf-8")
    line = clock.employee(10, "Ótávio Ção")[:-4]
    assert read(clock, f"{line}{MODBUS(line.encode()):04X}") == ClockRecord(5, 10)
    assert read(HardwareClock(2009), f"{'9' * 9}{'123456789' * 4}9") == Trailer(
        dict.fromkeys((2, 3, 4, 5), 123_456_789)
    )


def count_records(clock: HardwareClock, lines: list[str]) -> dict[int, int]:
    record_types = (2, 3, 4, 5) if clock.year == 2009 else (2, 3, 4, 5, 6, 7)
    return {record_type: sum(line[9] == str(record_type) for line in lines) for record_type in record_types}


@pytest.mark.parametrize(
    ("field", "document"),
    [
        (f"0{cpf(123_456_789)}", "12345678909"),
        (f"{cpf(123_456_789)} ", "12345678909"),
        (f"0{pis(1_234_567_890)}", pis(1_234_567_890)),
        (f"9{cpf(123_456_789)}", "12345678909"),
        (f"8{cpf(123_456_789)[:10]}7", "12345678909"),
        ("000000000000", "00000000000"),  # valid format, but not the number of an employee
        (f"8{cpf(123_456_789)[:9]}17", None),
        (f"7{cpf(123_456_789)}", None),
        ("            ", None),
    ],
)
def test_document_of_a_punch(field: str, document: str | None) -> None:
    clock = HardwareClock()
    if document is None:
        with pytest.raises(InvalidRecordError, match="neither a CPF nor a PIS"):
            read(clock, clock.punch(1, field))
    else:
        record = read(clock, clock.punch(1, field))
        assert isinstance(record, ClockRecord)
        assert record.document == document


@pytest.mark.parametrize(
    ("year", "line", "message"),
    [
        (2021, HardwareClock(2009).punch(1, EMPLOYEE_FIELDS[0]), "characters instead of"),
        (2009, "0000000018", "hardware clocks write none"),
        (2021, "0000000017", "hardware clocks write none"),
        (2021, HardwareClock(2009).trailer([]), "trailer"),
        (2009, f"{'9' * 9}{'x' * 36}9", "trailer"),
        (2009, f"{'9' * 9}{'0' * 36}8", "trailer"),
        (2009, "0000000003", "does not start with a record number"),
        (2009, "00000001x3", "does not start with a record number"),
        (2009, "000000001301/1/20260830".ljust(34), "time is not in the format"),
    ],
)
def test_invalid_record_raises(year: int, line: str, message: str) -> None:
    with pytest.raises(InvalidRecordError, match=message):
        read(HardwareClock(year), line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0000000001", "header has 10 characters instead of 232 .* or 302"),
        (HardwareClock().header()[:-4] + "0000", "header has a wrong CRC"),
        (HardwareClock(number="0" * 17).header(), "lacks the clock's number"),
        (HardwareClock(2009, number="0000400007000012 ").header(), "lacks the clock's number"),
    ],
)
def test_invalid_header_raises(line: str, message: str) -> None:
    with pytest.raises(InvalidClockFileError, match=message):
        afd.parse_header(line.encode())


@given(clocks, st.booleans(), st.booleans())
def test_summary_of_a_file(clock: HardwareClock, trailer: bool, signature: bool) -> None:
    lines = month_records(clock, EMPLOYEE_FIELDS, days=2, first=41)
    summary = inspect(clock.file(*lines, trailer=trailer, signature=signature))
    counts = {str(record_type): count for record_type, count in count_records(clock, lines).items()}
    uncounted_types = {"6": 0} if clock.year == 2009 else {}
    offset = ":00-0300" if clock.year == 2021 else ""
    first_setting = next(line for line in lines if line[9] == "4")
    assert summary == {
        "number": CLOCK,
        "layout": clock.year,
        "firstNsr": 41,
        "lastNsr": 40 + len(lines),
        "gaps": [],
        "repeats": [],
        "settings": [
            {"nsr": nsr, "before": f"2026-10-0{day}T08:00{offset}", "after": f"2026-10-0{day}T08:02{offset}"}
            for day, nsr in ((1, int(first_setting[:9])), (2, int(first_setting[:9]) + 7))
        ],
        "unlisted": {"gaps": 0, "repeats": 0, "settings": 0},
        "found": counts | uncounted_types,
        "trailer": counts if trailer else None,
    }


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_gaps_and_repeats_of_numbers_in_any_order(numbers: list[int]) -> None:
    clock = HardwareClock(2009)
    summary = inspect(clock.file(*(clock.employee(nsr) for nsr in numbers), trailer=False))

    assert (summary["firstNsr"], summary["lastNsr"]) == (min(numbers), max(numbers))
    missing = [nsr for gap in summary["gaps"] for nsr in range(gap["first"], gap["last"] + 1)]
    assert missing == sorted(set(range(min(numbers), max(numbers))) - set(numbers))
    assert all(gap["first"] <= gap["last"] for gap in summary["gaps"])
    for gap, following in zip(summary["gaps"], summary["gaps"][1:], strict=False):
        assert gap["last"] + 1 < following["first"]
    assert summary["repeats"] == sorted((Counter(numbers) - Counter(set(numbers))).elements())


def test_record_with_invalid_field_leaves_no_gap() -> None:
    clock = HardwareClock(2009)
    setting = f"0000000034{'/' * 24}"
    summary = inspect(clock.file(clock.employee(1), clock.punch(2, "x" * 12), setting, clock.employee(4)))
    assert (summary["gaps"], summary["settings"]) == ([], [])
    assert (summary["found"]["3"], summary["found"]["4"]) == (1, 1)


def test_events_are_counted_in_the_layout_of_2009() -> None:
    clock = HardwareClock(2009)
    summary = inspect(clock.file(clock.employee(1), clock.event(2)))
    assert (summary["found"], summary["gaps"]) == ({"2": 0, "3": 0, "4": 0, "5": 1, "6": 1}, [])
    assert summary["trailer"] == {"2": 0, "3": 0, "4": 0, "5": 1}


def test_summary_lists_the_first_gaps_and_counts_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afd, "MAX_LISTED", 1)
    clock = HardwareClock(2009)

    summary = inspect(clock.file(*(clock.employee(nsr) for nsr in (1, 3, 5, 8, 3, 5, 5)), trailer=False))

    assert summary["gaps"] == [{"first": 2, "last": 2}]
    assert (summary["repeats"], summary["unlisted"]) == ([3], {"gaps": 2, "repeats": 2, "settings": 0})
