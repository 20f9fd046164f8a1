"""Division of a batch by the risk of a crash."""

import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from ponto.records import Record, first_received_ms, receive_count

MAX_TRUSTED_RECEIVES = 3
"""A message received at most so often, or first received less than so many visibility timeouts ago, is no suspect."""

MAX_EARLY_RECEIVES = 6
"""Up to which a suspect is hidden for less than the visibility timeout."""


class Batch(NamedTuple):
    """A batch, divided by the risk that a record kills the process."""

    trusted: list[Record]
    suspects: list[Record]  # in the order in which they are to be tried


def split_by_crash_risk(records: Sequence[Record], visibility_s: float) -> Batch:
    """Divide a batch by what SQS counted.

    No code can catch what kills the process: the message reappears after the queue's own visibility timeout each time.
    A message that was received often, but within less time, failed in an orderly way. The order of the suspects
    differs at each receive, so that the same record is not always tried first.

    Args:
        records: the batch.
        visibility_s: the queue's own visibility timeout. If it is not known, 0, all that was received more often than
            MAX_TRUSTED_RECEIVES are suspects.
    """
    before_ms = 1000 * (time.time() - MAX_TRUSTED_RECEIVES * visibility_s)
    batch = Batch([], [])
    for record in records:
        (batch.suspects if _is_suspect(record, before_ms) else batch.trusted).append(record)
    batch.suspects.sort(key=_digest)
    return batch


def growing_parts(suspects: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield 1 record, then 1, 2, 4, ...: what is tried first shares its statement, and its fate, with few others."""
    start, end = 0, 1
    while start < len(suspects):
        yield suspects[start:end]
        start, end = end, 2 * end


def spread_delay(record: Record, visibility_seconds: int) -> int:
    """Return how long to hide a suspect, s: from half a visibility timeout to one at first, then from one to two.

    From the seventh receive on, no delay is below the visibility timeout, so the 247 receives last at least the 30
    hours of the longest outage.
    """
    shortest = max(1, visibility_seconds // 2) if receive_count(record) <= MAX_EARLY_RECEIVES else visibility_seconds
    return shortest + int.from_bytes(_digest(record)[-4:], "big") % shortest


def _is_suspect(record: Record, before_ms: float) -> bool:
    if receive_count(record) <= MAX_TRUSTED_RECEIVES:
        return False
    first_ms = first_received_ms(record)
    return first_ms is not None and first_ms <= before_ms


def _digest(record: Record) -> bytes:
    # Not hash(), which differs from process to process.
    return sha256(f"{receive_count(record)} {record['messageId']}".encode(), usedforsecurity=False).digest()
