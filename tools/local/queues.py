"""The emulator's queue, as the drain takes from it: from the front, without looking through all of it.

The emulator goes over the whole queue several times for each ten punches that it hands over: with a million, that takes
a second in which nothing else gets the process. And it puts a new list in the old one's place, so that a punch which
another thread accepted meanwhile would be lost. Here its own rules see no more than the front of the queue, and the
list is changed in place.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

Message = dict[str, Any]
Queue = dict[str, Any]


class Rules(NamedTuple):
    """The emulator's own, for a queue whose messages are the front of a longer one."""

    expire: Callable[[Queue], object]
    dead_letter: Callable[[Queue], object]
    receive: Callable[[Queue, int, int], list[Message]]  # at most so many, hidden for so many s


def take(queue: Queue, most: int, rules: Rules) -> list[Message]:
    """Receive the first messages that are visible.

    Args:
        queue: the emulator's.
        most: how many at most.
        rules: the emulator's.
    """
    while True:
        messages = queue["messages"]  # this very list from here on: over HTTP, another may take its place
        front = _front(messages, most, _is_visible)
        part = {**queue, "messages": front}
        rules.expire(part)
        rules.dead_letter(part)
        if len(part["messages"]) == len(front):
            return rules.receive(part, most, int(queue["attributes"]["VisibilityTimeout"]))
        messages[: len(front)] = part["messages"]


def remove(queue: Queue, handles: set[str]) -> None:
    """Delete what was received.

    Args:
        queue: the emulator's.
        handles: the receipt handles; those that no message has any more are passed over.
    """

    def is_received(message: Message) -> bool:
        return message.get("receipt_handle") in handles

    messages = queue["messages"]
    front = _front(messages, len(handles), is_received)
    messages[: len(front)] = [message for message in front if not is_received(message)]


def _is_visible(message: Message) -> bool:
    return bool(message.get("visible_at", 0) <= time.time())


def _front(messages: list[Message], most: int, is_wanted: Callable[[Message], bool]) -> list[Message]:
    """Give the messages from the first to the last that is wanted; all of them, where fewer are than `most`."""
    front = []
    left = most
    for message in messages:
        front.append(message)
        left -= is_wanted(message)
        if not left:
            break
    return front
