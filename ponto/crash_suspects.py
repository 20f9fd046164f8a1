"""Division of a batch by the risk of a crash."""

import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from ponto.message import Message

MAX_TRUSTED_RECEIVES = 3
"""A message is a suspect if it was received more often, and first received at least so many visibility timeouts ago."""

MAX_EARLY_RECEIVES = 6
"""Up to which a suspect is hidden for less than the visibility timeout."""


class Division(NamedTuple):
    """A batch, divided by the risk that a message crashes the process."""

    trusted: list[Message]
    suspect_parts: list[Sequence[Message]]  # in the order in which they are to be tried
    delays_seconds: Mapping[str, int]  # how long to hide each suspect, by message id


def divide_by_crash_risk(messages: Sequence[Message], visibility_timeout_seconds: int) -> Division:
    """Divide a batch by what SQS counted.

    No code can catch a crash of its process: the message reappears after the queue's own visibility timeout each time.
    A message that was received often, but within less time, failed in an orderly way. The order of the suspects
    differs at each receive, so that the same message is not always tried first.

    Args:
        messages: the batch.
        visibility_timeout_seconds: the queue's own; 0: not known. Then all that was received more often than
            MAX_TRUSTED_RECEIVES are suspects, and no delay is known.
    """
    suspect_before_ms = 1000 * (time.time() - MAX_TRUSTED_RECEIVES * visibility_timeout_seconds)
    trusted: list[Message] = []
    suspects: list[Message] = []
    for message in messages:
        (suspects if _is_suspect(message, suspect_before_ms) else trusted).append(message)
    suspects.sort(key=_digest)
    delays = {}
    if visibility_timeout_seconds:
        delays = {message.id: spread_delay_seconds(message, visibility_timeout_seconds) for message in suspects}
    return Division(trusted, list(growing_parts(suspects)), delays)


def growing_parts(suspects: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield 1 message, then 1, 2, 4, ...: the first ones share their statement, and its failure, with few others."""
    start, end = 0, 1
    while start < len(suspects):
        yield suspects[start:end]
        start, end = end, 2 * end


def spread_delay_seconds(message: Message, visibility_timeout_seconds: int) -> int:
    """Return how long to hide a suspect: half to one visibility timeout at first, later one to two.

    From the seventh receive on, no delay is below the visibility timeout, so the 247 receives last at least the 30
    hours of the longest outage.
    """
    is_early = message.receive_count <= MAX_EARLY_RECEIVES
    shortest = max(1, visibility_timeout_seconds // 2) if is_early else visibility_timeout_seconds
    return shortest + int.from_bytes(_digest(message)[-4:], "big") % shortest


def _is_suspect(message: Message, suspect_before_ms: float) -> bool:
    if message.receive_count <= MAX_TRUSTED_RECEIVES:
        return False
    return message.first_received_ms is not None and message.first_received_ms <= suspect_before_ms


def _digest(message: Message) -> bytes:
    # Not hash(), which differs from process to process.
    return sha256(f"{message.receive_count} {message.id}".encode(), usedforsecurity=False).digest()
