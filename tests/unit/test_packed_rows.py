"""Packed rows: they are unpacked unchanged, and repeated values take little space."""

import base64
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ponto.read import packed_rows

BIGINT, INT, BOOL, TEXT, UUID = 20, 23, 16, 25, 2950
DAY, TIME, LOCAL, LOCALS, INSTANT, INSTANTS, SPAN = 1082, 1083, 1114, 1115, 1184, 1185, 1186

LOCAL_TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31))
UTC_TIMES = LOCAL_TIMES.map(lambda instant: instant.replace(tzinfo=UTC))
VALUES: dict[int, st.SearchStrategy[Any]] = {
    BIGINT: st.integers(-(2**63), 2**63 - 1),
    INT: st.integers(-(2**31), 2**31 - 1),
    BOOL: st.booleans(),
    TEXT: st.text(),
    UUID: st.uuids().map(str),
    DAY: st.dates(),
    TIME: st.times(),
    LOCAL: LOCAL_TIMES,
    LOCALS: st.lists(LOCAL_TIMES, max_size=4),
    INSTANT: UTC_TIMES,
    INSTANTS: st.lists(UTC_TIMES, max_size=4),
    SPAN: st.timedeltas(timedelta(days=-400_000), timedelta(days=400_000)),
}


def pack(
    types: list[int], rows: list[tuple[Any, ...]], chunk_rows: int = packed_rows.MAX_CHUNK_ROWS
) -> packed_rows.PackedRows:
    packed = packed_rows.PackedRows()
    for index in range(0, len(rows), chunk_rows):
        packed.add(types, rows[index : index + chunk_rows])
    return packed


@given(st.lists(st.tuples(*(st.none() | each for each in VALUES.values())), max_size=20))
def test_rows_of_every_type_are_unpacked_unchanged(rows: list[tuple[Any, ...]]) -> None:
    assert list(packed_rows.unpack(pack(list(VALUES), rows, 7).to_text())) == rows


def test_repeated_values_of_a_month_take_little_space() -> None:
    """A table repeats the employee's name and id in each row, and each time in a second zone."""
    types = [INSTANTS, BIGINT, TEXT, DAY, LOCALS, TIME]
    days = [
        ([instant], employee, f"Name {employee:018b}", date(2026, 11, day), [instant.replace(tzinfo=None)], time(4))
        for employee in range(100)
        for day in range(1, 31)
        for instant in (datetime(2026, 11, day, 8, 7 * (employee + day) * day % 60, tzinfo=UTC),)
    ]

    assert list(packed_rows.unpack(pack(types, days).to_text())) == days
    assert len(pack(types, days).to_text()) < 3 * len(pack(types[:1], [row[:1] for row in days]).to_text())


def test_size_counts_the_bytes_without_the_buffer_of_zlib() -> None:
    rng = Random(7)  # noqa: S311
    packed = pack([TEXT], [(rng.randbytes(500).hex(),) for _ in range(1_000)])

    assert packed.row_count == 1_000
    assert 0 <= len(base64.b64decode(packed.to_text())) - packed.size < 100_000
