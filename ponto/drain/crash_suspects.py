"""Division of a batch by the risk that a message crashes the process."""

import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from ponto.drain.message import Message

MAX_TRUSTED_RECEIVES = 3
"""A message received at most this often is trusted. One received more often is a crash suspect if its first receive was
at least this number of visibility timeouts ago; it is trusted if the time of its first receive is unknown."""

MAX_EARLY_RECEIVES = 6
"""A suspect received at most this often may be hidden for less than the visibility timeout."""


class Division(NamedTuple):
    """A batch, divided by the risk that a message crashes the process."""

    trusted: list[Message]
    suspect_groups: list[Sequence[Message]]  # in the order in which to process them
    delays_seconds: Mapping[str, int]  # how long to hide each suspect, by message id; empty if unknown


def divide_by_crash_risk(messages: Sequence[Message], visibility_timeout_seconds: int) -> Division:
    """Divide a batch by the receive counts of its messages and the times of their first receives.

    A message that crashes the process reappears after the queue's visibility timeout each time. A message that was
    received often within a shorter time failed without a crash, because the function shortened its visibility timeout.
    The order of the suspects differs at each receive, so that the same message is not always processed first.

    Args:
        messages: the batch.
        visibility_timeout_seconds: visibility timeout of the queue, or 0 if unknown. If unknown, each message received
            more often than MAX_TRUSTED_RECEIVES whose first receive is known is a suspect, and there are no delays.
    """
    suspect_before_ms = 1000 * (time.time() - MAX_TRUSTED_RECEIVES * visibility_timeout_seconds)
    trusted: list[Message] = []
    suspects: list[Message] = []
    for message in messages:
        if _is_suspect(message, suspect_before_ms):
            suspects.append(message)
        else:
            trusted.append(message)
    suspects.sort(key=_digest)
    delays = {}
    if visibility_timeout_seconds:
        delays = {message.id: spread_delay_seconds(message, visibility_timeout_seconds) for message in suspects}
    return Division(trusted, list(split_into_growing_groups(suspects)), delays)


def split_into_growing_groups(suspects: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield groups of 1, 1, 2, 4, ... messages, so that if one crashes the process, few others fail with it."""
    start, end = 0, 1
    while start < len(suspects):
        yield suspects[start:end]
        start, end = end, 2 * end


def spread_delay_seconds(message: Message, visibility_timeout_seconds: int) -> int:
    """Return how long to hide a suspect: 0.5 to 1 visibility timeouts up to MAX_EARLY_RECEIVES, then 1 to 2.

    The longer delays ensure that the queue's maxReceiveCount outlasts an outage of 30 hours.
    """
    is_early = message.receive_count <= MAX_EARLY_RECEIVES
    shortest = max(1, visibility_timeout_seconds // 2) if is_early else visibility_timeout_seconds
    return shortest + int.from_bytes(_digest(message)[-4:], "big") % shortest


def _is_suspect(message: Message, suspect_before_ms: float) -> bool:
    if message.receive_count <= MAX_TRUSTED_RECEIVES:
        return False
    return message.first_received_ms is not None and message.first_received_ms <= suspect_before_ms


def _digest(message: Message) -> bytes:
    # Not hash(), which differs between processes.
    return sha256(f"{message.receive_count} {message.id}".encode(), usedforsecurity=False).digest()
