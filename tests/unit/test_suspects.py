"""How a batch is divided when a record of it may crash the process."""

import time
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponto.records import Record
from ponto.suspects import growing_parts, split_by_crash_risk, spread_delay
from tests.events import punch, record

SUSPECTS = [record("{}", str(number), receives=9) for number in range(1_100)]


def message(whose: int, receives: int = 1) -> Record:
    return record(punch(whose), f"m{whose}", receives=receives)


def first_received(made: Record, seconds: float) -> Record:
    """Return a record received for the first time so long ago."""
    made["attributes"]["ApproximateFirstReceiveTimestamp"] = str(int(1000 * (time.time() - seconds)))
    return made


@pytest.mark.parametrize(
    ("receives", "minutes", "is_suspect"), [(8, 10.6, False), (3, 600, False), (4, 22.4, False), (4, 22.6, True)]
)
def test_a_record_that_reappears_soon_is_no_suspect(receives: int, minutes: float, is_suspect: bool) -> None:
    known, new = first_received(message(1, receives), 60 * minutes), message(2)

    assert split_by_crash_risk([known, new], 451) == (([new], [known]) if is_suspect else ([known, new], []))


@pytest.mark.parametrize("stamp", [None, "", "soon"])
def test_nothing_is_concluded_from_a_first_receive_that_cannot_be_read(stamp: str | None) -> None:
    odd = message(1, 200)
    odd["attributes"]["ApproximateFirstReceiveTimestamp"] = cast(str, stamp)
    assert split_by_crash_risk([odd], 451).suspects == []

    del odd["attributes"]["ApproximateFirstReceiveTimestamp"]  # type: ignore[misc]
    assert split_by_crash_risk([odd], 451).suspects == []


@given(st.lists(st.integers(1, 9), min_size=1, max_size=120))
def test_only_what_was_received_often_is_suspect_and_nothing_is_left_out(counts: list[int]) -> None:
    records = [message(employee, receives) for employee, receives in enumerate(counts, 1)]

    trusted, suspects = split_by_crash_risk(records, 0)

    assert trusted == [each for each, receives in zip(records, counts, strict=True) if receives <= 3]
    assert {each["messageId"] for each in suspects} == {
        each["messageId"] for each, receives in zip(records, counts, strict=True) if receives > 3
    }


@given(st.integers(1, 1_100))
def test_the_first_suspect_is_tried_alone_and_parts_double(size: int) -> None:
    suspects = SUSPECTS[:size]

    parts = list(growing_parts(suspects))

    assert [each for part in parts for each in part] == suspects
    assert [len(part) for part in parts[:-1]] == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512][: len(parts) - 1]
    assert len(parts) <= 12


def test_a_crashing_record_is_not_always_tried_before_the_same_neighbours() -> None:
    def first_suspect(receives: int) -> str:
        records = [message(employee, receives) for employee in range(1, 9)]
        return split_by_crash_risk(records, 0).suspects[0]["messageId"]

    assert len({first_suspect(receives) for receives in range(4, 40)}) > 4


@pytest.mark.parametrize(
    ("receives", "shortest", "longest"), [(4, 225, 450), (6, 225, 450), (7, 451, 902), (200, 451, 902)]
)
def test_suspects_reappear_at_different_times_the_first_of_which_are_soon(
    receives: int, shortest: int, longest: int
) -> None:
    delays = [spread_delay(message(employee, receives), 451) for employee in range(1_000)]

    assert shortest <= min(delays) < shortest + 10
    assert longest - 10 < max(delays) < longest
    assert max(map(delays.count, delays)) < 20


@pytest.mark.parametrize("receives", [4, 9])
def test_a_visibility_timeout_of_a_second_spreads_nothing(receives: int) -> None:
    assert spread_delay(message(1, receives), 1) == 1
