"""How a batch is divided when a message of it may crash the process."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponto.crash_suspects import divide_by_crash_risk, split_into_growing_groups, spread_delay_seconds
from ponto.message import Message
from tests.events import message

SUSPECTS = [message("{}", str(number), receive_count=9) for number in range(1_100)]


def received(times: int, message_id: str = "m") -> Message:
    return message("{}", message_id, receive_count=times)


def first_received(read: Message, seconds: float) -> Message:
    """Return a message received for the first time so long ago."""
    return read._replace(first_received_ms=int(1000 * (time.time() - seconds)))


@pytest.mark.parametrize(
    ("receives", "minutes", "is_suspect"), [(8, 10.6, False), (3, 600, False), (4, 22.4, False), (4, 22.6, True)]
)
def test_a_message_that_reappears_soon_is_no_suspect(receives: int, minutes: float, is_suspect: bool) -> None:
    known, new = first_received(received(receives), 60 * minutes), received(1, "new")

    division = divide_by_crash_risk([known, new], 451)

    assert division.trusted == ([new] if is_suspect else [known, new])
    assert division.suspect_groups == ([[known]] if is_suspect else [])
    assert division.delays_seconds.keys() == ({known.id} if is_suspect else set())


def test_nothing_is_concluded_from_a_first_receive_that_cannot_be_read() -> None:
    odd = received(200)._replace(first_received_ms=None)
    assert divide_by_crash_risk([odd], 451).suspect_groups == []


@given(st.lists(st.integers(1, 9), min_size=1, max_size=120))
def test_only_what_was_received_often_is_suspect_and_nothing_is_left_out(counts: list[int]) -> None:
    messages = [received(times, str(number)) for number, times in enumerate(counts)]

    trusted, parts, delays = divide_by_crash_risk(messages, 0)
    suspects = [message for part in parts for message in part]

    assert delays == {}
    assert trusted == [message for message in messages if message.receive_count <= 3]
    assert sorted(suspects, key=messages.index) == [message for message in messages if message.receive_count > 3]


@given(st.integers(1, 1_100))
def test_the_first_suspect_is_tried_alone_and_parts_double(size: int) -> None:
    suspects = SUSPECTS[:size]

    parts = list(split_into_growing_groups(suspects))

    assert [each for part in parts for each in part] == suspects
    assert [len(part) for part in parts[:-1]] == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512][: len(parts) - 1]
    assert len(parts) <= 12


def test_a_crashing_message_is_not_always_tried_before_the_same_neighbours() -> None:
    def first_suspect(receives: int) -> str:
        messages = [received(receives, str(number)) for number in range(8)]
        return divide_by_crash_risk(messages, 0).suspect_groups[0][0].id

    assert len({first_suspect(receives) for receives in range(4, 40)}) > 4


@pytest.mark.parametrize(
    ("receives", "shortest", "longest"), [(4, 225, 450), (6, 225, 450), (7, 451, 902), (200, 451, 902)]
)
def test_suspects_reappear_at_different_times_the_first_of_which_are_soon(
    receives: int, shortest: int, longest: int
) -> None:
    delays = [spread_delay_seconds(received(receives, str(number)), 451) for number in range(1_000)]

    assert shortest <= min(delays) < shortest + 10
    assert longest - 10 < max(delays) < longest
    assert max(map(delays.count, delays)) < 20


@pytest.mark.parametrize("receives", [4, 9])
def test_a_visibility_timeout_of_a_second_spreads_nothing(receives: int) -> None:
    assert spread_delay_seconds(received(receives), 1) == 1
