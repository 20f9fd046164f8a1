"""The emulator's queue as the drain takes from it: as by its own functions, but from the front and in place."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import sqs  # type: ignore[import-untyped]

from tools.local import replacements
from tools.local.adapter import Message

NOW = 1_800_000_000.0
MOST = 3  # receives
KEPT = 100  # s

Receive = Callable[[str, int], list[Message]]
Delete = Callable[[str, set[str]], None]


class Emulator:
    """A queue and its dead-letter queue, as the emulator holds them, and one way to work on them."""

    def __init__(
        self, patch: pytest.MonkeyPatch, messages: list[Message], way: tuple[Receive, Delete], kept: int = KEPT
    ) -> None:
        policy = f'{{"maxReceiveCount": {MOST}, "deadLetterTargetArn": "arn:aws:sqs:::dead"}}'
        attributes = {"VisibilityTimeout": "30", "MessageRetentionPeriod": str(kept), "RedrivePolicy": policy}
        self.queue: dict[str, Any] = {"is_fifo": False, "messages": deepcopy(messages), "attributes": attributes}
        self.dead: list[Message] = []
        self.now = NOW
        self.receive, self.delete = way
        handles = count()
        patch.setattr(sqs, "_get_q", lambda _: self.queue)
        patch.setattr(sqs, "_queue_by_arn", lambda _: {"messages": self.dead, "attributes": {}})
        patch.setattr(sqs, "new_uuid", lambda: f"handle {next(handles)}")
        patch.setattr(sqs.time, "time", lambda: self.now)

    def run(self, steps: list[tuple[str, int]]) -> list[list[str]]:
        """Receive some, delete what came with a handle, or wait some seconds; give what each receive gave."""
        received = []
        for step, number in steps:
            if step == "receive":
                received.append([message["body"] for message in self.receive("url", number)])
            elif step == "delete":
                self.delete("url", {f"handle {number}", f"handle {number + 1}"})
            else:
                self.now += number
        return received


@pytest.fixture(scope="module")
def ways() -> Iterator[tuple[tuple[Receive, Delete], tuple[Receive, Delete]]]:
    """Yield the emulator's own way and this project's."""
    with pytest.MonkeyPatch.context() as patch:
        theirs = (sqs._receive_messages_for_esm, sqs._delete_messages_for_esm)
        replacements.replace(patch.setattr)
        yield theirs, (sqs._receive_messages_for_esm, sqs._delete_messages_for_esm)


def message(body: str, receives: int = 0, visible_in: float = 0, age: float = 0) -> Message:
    return {
        "id": body,
        "body": body,
        "receive_count": receives,
        "receipt_handle": f"before {body}" if receives else None,
        "sent_at": NOW - age,
        "visible_at": NOW + visible_in,
    }


MESSAGES = st.lists(
    st.builds(
        message,
        body=st.text("abc", min_size=1, max_size=2),
        receives=st.integers(0, MOST),
        visible_in=st.sampled_from([-1, 0, 5, 40]),
    ),
    max_size=15,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.integers(1, 12)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from([1, 31])),
    ),
    max_size=6,
)


@given(messages=MESSAGES, steps=STEPS)
def test_it_hands_over_deletes_and_dead_letters_as_the_emulator_does(
    ways: tuple[tuple[Receive, Delete], ...], messages: list[Message], steps: list[tuple[str, int]]
) -> None:
    found = []
    for way in ways:
        with pytest.MonkeyPatch.context() as patch:
            emulator = Emulator(patch, messages, way, kept=10_000)
            # In the end all that is left is received as often as it may be, for what is far behind is not looked at.
            received = emulator.run([*steps, *[("wait", 40), ("receive", 10), ("receive", 10)] * (MOST + 1)])
        found.append((received, emulator.queue["messages"], sorted(each["body"] for each in emulator.dead)))
    assert found[0] == found[1]


def test_what_is_kept_too_long_is_never_handed_over(
    ways: tuple[tuple[Receive, Delete], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [message(f"old {number}", age=KEPT + 1) for number in range(12)]
    emulator = Emulator(monkeypatch, [old[0], message("young"), *old[1:], message("younger")], ways[1])

    assert emulator.run([("receive", 10)]) == [["young", "younger"]]
    assert [each["body"] for each in emulator.queue["messages"]] == ["young", "younger"]


def test_the_list_stays_the_same_to_whoever_appends_to_it(
    ways: tuple[tuple[Receive, Delete], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = [message(str(number), receives=number % (MOST + 1)) for number in range(30)]
    emulator = Emulator(monkeypatch, spent, ways[1])
    messages = emulator.queue["messages"]

    emulator.run([("receive", 10), ("delete", 0), ("wait", 40), ("receive", 10)])

    assert emulator.queue["messages"] is messages
    assert len(emulator.dead) + len(messages) == 28


@pytest.mark.usefixtures("ways")
def test_nothing_is_taken_while_the_queues_are_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    class Queue(dict[str, Any]):
        def __deepcopy__(self, _: object) -> str:
            return "copied under the lock" if sqs._queues_lock.locked() else "copied while others take"

    monkeypatch.setattr(sqs, "_queues", Queue())

    assert sqs.get_state()["queues"] == "copied under the lock"
