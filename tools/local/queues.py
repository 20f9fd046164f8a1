"""The emulator's queue, as the drain takes from it: from the front, without looking through all of it.

The emulator goes over the whole queue several times for each ten punches that it hands over: with a million, that takes
a second in which nothing else gets the process. And it puts a new list in the old one's place, so that a punch which
another thread accepted meanwhile would be lost. Here its own rules see no more than the front of the queue, and the
list is changed in place. Who receives or deletes over HTTP is served as ever.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import sqs  # type: ignore[import-untyped]

_MOST = 10  # that the emulator hands over at once

Message = dict[str, Any]
Queue = dict[str, Any]


def replace() -> None:
    """Have the emulator of this process take and delete so, and save nothing meanwhile. A FIFO queue stays as it is."""
    theirs: Callable[[str, int], list[Message]] = sqs._receive_messages_for_esm
    state: Callable[[], dict[str, Any]] = sqs.get_state

    def receive(url: str, most: int) -> list[Message]:
        if sqs._get_q(url)["is_fifo"]:
            return theirs(url, most)
        with sqs._queues_lock:
            return take(sqs._get_q(url), min(most or 1, _MOST))

    def delete(url: str, handles: set[str]) -> None:
        with sqs._queues_lock:
            remove(sqs._get_q(url), handles)

    def locked_state() -> dict[str, Any]:
        with sqs._queues_lock:  # else the copy skips a message for each that is deleted before it
            return state()

    sqs.get_state = locked_state
    sqs._receive_messages_for_esm = receive
    sqs._delete_messages_for_esm = delete


def take(queue: Queue, most: int) -> list[Message]:
    """Receive the first messages that are visible.

    Args:
        queue: the emulator's.
        most: how many at most.
    """
    while True:
        messages = queue["messages"]  # this very list from here on: over HTTP, another may take its place
        front = _front(messages, most, _is_visible)
        part = {**queue, "messages": front}
        sqs._expire_retained(part)
        sqs._dlq_sweep(part)
        if len(part["messages"]) == len(front):
            received: list[Message] = sqs._collect_msgs(part, most, int(queue["attributes"]["VisibilityTimeout"]))
            return received
        messages[: len(front)] = part["messages"]


def remove(queue: Queue, handles: set[str]) -> None:
    """Delete what was received.

    Args:
        queue: the emulator's.
        handles: the receipt handles; those that no message has any more are passed over.
    """
    messages = queue["messages"]
    front = _front(messages, len(handles), lambda message: message["receipt_handle"] in handles)
    messages[: len(front)] = [message for message in front if message["receipt_handle"] not in handles]


def _is_visible(message: Message) -> bool:
    return bool(message["visible_at"] <= sqs.time.time())


def _front(messages: list[Message], most: int, is_wanted: Callable[[Message], bool]) -> list[Message]:
    """Give the messages from the first to the last that is wanted; all of them, where fewer are than `most`."""
    front = []
    left = most
    for message in messages:
        sqs._ensure_msg_fields(message)
        front.append(message)
        left -= is_wanted(message)
        if not left:
            break
    return front
