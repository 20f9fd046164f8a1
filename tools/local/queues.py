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
Complete = Callable[[Message], object]  # adds the fields that a message lacks


class Rules(NamedTuple):
    """The emulator's own, for a queue whose messages are the front of a longer one."""

    complete: Complete
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
        front = _front(messages, most, _is_visible, rules.complete)
        part = {**queue, "messages": front}
        rules.expire(part)
        rules.dead_letter(part)
        if len(part["messages"]) == len(front):
            return rules.receive(part, most, int(queue["attributes"]["VisibilityTimeout"]))
        messages[: len(front)] = part["messages"]


def remove(queue: Queue, handles: set[str], complete: Complete) -> None:
    """Delete what was received.

    Args:
        queue: the emulator's.
        handles: the receipt handles; those that no message has any more are passed over.
        complete: the emulator's rule.
    """
    messages = queue["messages"]
    front = _front(messages, len(handles), lambda message: message["receipt_handle"] in handles, complete)
    messages[: len(front)] = [message for message in front if message["receipt_handle"] not in handles]


def _is_visible(message: Message) -> bool:
    return bool(message["visible_at"] <= time.time())


def _front(
    messages: list[Message], most: int, is_wanted: Callable[[Message], bool], complete: Complete
) -> list[Message]:
    """Give the messages from the first to the last that is wanted; all of them, where fewer are than `most`."""
    front = []
    left = most
    for message in messages:
        complete(message)
        front.append(message)
        left -= is_wanted(message)
        if not left:
            break
    return front
