"""Division of a batch by the risk that a message crashes the process."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponto.drain.crash_suspects import divide_by_crash_risk, split_into_growing_groups, spread_delay_seconds
from ponto.drain.message import Message
from tests.events import message

SUSPECTS = [message("{}", str(number), receive_count=9) for number in range(1_100)]


def received(receive_count: int, message_id: str = "m") -> Message:
    return message("{}", message_id, receive_count=receive_count)


def with_age(message: Message, seconds: float) -> Message:
    """Return a copy of a message that was first received some seconds ago."""
    return message._replace(first_received_ms=int(1000 * (time.time() - seconds)))


@pytest.mark.parametrize(
    ("receive_count", "minutes", "is_suspect"), [(8, 10.6, False), (3, 600, False), (4, 22.4, False), (4, 22.6, True)]
)
def test_message_redelivered_faster_than_its_timeout_is_not_a_suspect(
    receive_count: int, minutes: float, is_suspect: bool
) -> None:
    known, new = with_age(received(receive_count), 60 * minutes), received(1, "new")

    division = divide_by_crash_risk([known, new], 451)

    assert division.trusted == ([new] if is_suspect else [known, new])
    assert division.suspect_groups == ([[known]] if is_suspect else [])
    assert division.delays_seconds.keys() == ({known.id} if is_suspect else set())


def test_message_without_time_of_first_receive_is_not_a_suspect() -> None:
    undated = received(200)._replace(first_received_ms=None)
    assert divide_by_crash_risk([undated], 451).suspect_groups == []


@given(st.lists(st.integers(1, 9), min_size=1, max_size=120))
def test_messages_received_often_are_suspects_and_no_message_is_lost(counts: list[int]) -> None:
    messages = [received(times, str(number)) for number, times in enumerate(counts)]

    trusted, parts, delays = divide_by_crash_risk(messages, 0)
    suspects = [message for part in parts for message in part]

    assert delays == {}
    assert trusted == [message for message in messages if message.receive_count <= 3]
    assert sorted(suspects, key=messages.index) == [message for message in messages if message.receive_count > 3]


@given(st.integers(1, 1_100))
def test_first_suspect_is_processed_alone_and_parts_double(size: int) -> None:
    suspects = SUSPECTS[:size]

    parts = list(split_into_growing_groups(suspects))

    assert [each for part in parts for each in part] == suspects
    assert [len(part) for part in parts[:-1]] == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512][: len(parts) - 1]
    assert len(parts) <= 12


def test_order_of_suspects_changes_with_each_receive() -> None:
    def first_suspect(receive_count: int) -> str:
        messages = [received(receive_count, str(number)) for number in range(8)]
        return divide_by_crash_risk(messages, 0).suspect_groups[0][0].id

    assert len({first_suspect(receive_count) for receive_count in range(4, 40)}) > 4


@pytest.mark.parametrize(
    ("receive_count", "shortest", "longest"), [(4, 225, 450), (6, 225, 450), (7, 451, 902), (200, 451, 902)]
)
def test_delays_of_suspects_differ_and_are_shorter_at_first(receive_count: int, shortest: int, longest: int) -> None:
    delays = [spread_delay_seconds(received(receive_count, str(number)), 451) for number in range(1_000)]

    assert shortest <= min(delays) < shortest + 10
    assert longest - 10 < max(delays) < longest
    assert max(map(delays.count, delays)) < 20


@pytest.mark.parametrize("receive_count", [4, 9])
def test_visibility_timeout_of_one_second_is_not_spread(receive_count: int) -> None:
    assert spread_delay_seconds(received(receive_count), 1) == 1
