"""The replacements for the emulator's functions that receive and delete messages for the drain."""

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
MAX_RECEIVES = 3
RETENTION_SECONDS = 100
VISIBILITY_SECONDS = 30

Receive = Callable[[str, int], list[Message]]
Delete = Callable[[str, set[str]], None]


class Emulator:
    """The emulator's queue and dead-letter queue, with one implementation of receiving and deleting."""

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        messages: list[Message],
        implementation: tuple[Receive, Delete],
        retention_seconds: int = RETENTION_SECONDS,
    ) -> None:
        policy = f'{{"maxReceiveCount": {MAX_RECEIVES}, "deadLetterTargetArn": "arn:aws:sqs:::dead"}}'
        attributes = {
            "VisibilityTimeout": str(VISIBILITY_SECONDS),
            "MessageRetentionPeriod": str(retention_seconds),
            "RedrivePolicy": policy,
        }
        self.queue: dict[str, Any] = {"is_fifo": False, "messages": deepcopy(messages), "attributes": attributes}
        self.dead: list[Message] = []
        self.now = NOW
        self.receive, self.delete = implementation
        numbers = count()
        # Of messages that are still invisible. After the visibility timeout a message may be deleted until the receive
        # that dead-letters it, which is a later one in the replacement, as it only reads the front of the queue.
        self.handles: list[str] = []

        def new_handle() -> str:
            self.handles.append(f"handle {next(numbers)}")
            return self.handles[-1]

        patch.setattr(sqs, "_get_q", lambda _: self.queue)
        patch.setattr(sqs, "_queue_by_arn", lambda _: {"messages": self.dead, "attributes": {}})
        patch.setattr(sqs, "new_uuid", new_handle)
        patch.setattr(sqs.time, "time", lambda: self.now)

    def run(self, steps: list[tuple[str, int]]) -> list[list[str]]:
        """Receive messages, delete two by their handles, or wait some seconds; return the bodies of each receive."""
        received = []
        for step, number in steps:
            if step == "receive":
                received.append([message["body"] for message in self.receive("url", number)])
            elif step == "delete":
                self.delete("url", set(self.handles[number : number + 2]))
            else:
                self.now += number
                if number > VISIBILITY_SECONDS:
                    self.handles.clear()
        return received


@pytest.fixture(scope="module")
def implementations() -> Iterator[tuple[tuple[Receive, Delete], tuple[Receive, Delete]]]:
    """Yield the functions of the emulator, with this project's patches."""
    with pytest.MonkeyPatch.context() as patch:
        original = (sqs._receive_messages_for_esm, sqs._delete_messages_for_esm)
        replacements.install_patches(patch.setattr)
        yield original, (sqs._receive_messages_for_esm, sqs._delete_messages_for_esm)


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
        receives=st.integers(0, MAX_RECEIVES),
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
def test_replacements_behave_like_the_originals(
    implementations: tuple[tuple[Receive, Delete], ...], messages: list[Message], steps: list[tuple[str, int]]
) -> None:
    results = []
    for implementation in implementations:
        with pytest.MonkeyPatch.context() as patch:
            emulator = Emulator(patch, messages, implementation, retention_seconds=10_000)
            # The last steps receive every remaining message as often as allowed: the replacement reads only the front.
            received = emulator.run([*steps, *[("wait", 40), ("receive", 10), ("receive", 10)] * (MAX_RECEIVES + 1)])
        results.append((received, emulator.queue["messages"], sorted(each["body"] for each in emulator.dead)))
    assert results[0] == results[1]


def test_message_after_its_retention_is_never_received(
    implementations: tuple[tuple[Receive, Delete], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [message(f"old {number}", age=RETENTION_SECONDS + 1) for number in range(12)]
    emulator = Emulator(monkeypatch, [old[0], message("young"), *old[1:], message("younger")], implementations[1])

    assert emulator.run([("receive", 10)]) == [["young", "younger"]]
    assert [each["body"] for each in emulator.queue["messages"]] == ["young", "younger"]
