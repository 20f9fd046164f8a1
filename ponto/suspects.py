"""How a batch is divided, so that a record that kills the process takes few of the others along."""

import time
from collections.abc import Sequence
from hashlib import sha256

from ponto.records import Record, first_received_ms, receive_count

TRUSTED = 3
"""Receives, and visibility timeouts: a message may come back for reasons that are not its own."""


def by_risk(records: Sequence[Record], visibility_s: float) -> list[list[Record]]:
    """Divide a batch by what SQS counted: first what is trusted, then the suspects.

    Nothing can catch what kills the process. A killer comes back after the queue's own visibility timeout each time.
    What was received often, but sooner, failed in an orderly way. The suspects come last, in halves, down to one, in an
    order that differs at each receive: whatever stands in a part before the killer's is stored. Where the visibility
    timeout is not known, 0, all that was received more often than TRUSTED are suspects.
    """
    before_ms = 1000 * (time.time() - TRUSTED * visibility_s)
    trusted: list[Record] = []
    suspects: list[Record] = []
    for record in records:
        (suspects if _is_suspect(record, before_ms) else trusted).append(record)
    parts = [trusted]
    suspects.sort(key=_shuffled)
    while suspects:
        middle = (len(suspects) + 1) // 2
        parts.append(suspects[:middle])
        suspects = suspects[middle:]
    return [part for part in parts if part]


def _is_suspect(record: Record, before_ms: float) -> bool:
    if receive_count(record) <= TRUSTED:
        return False
    first_ms = first_received_ms(record)
    return first_ms is not None and first_ms <= before_ms


def _shuffled(record: Record) -> bytes:
    # Not hash(), whose order no other process repeats.
    return sha256(f"{receive_count(record)} {record['messageId']}".encode(), usedforsecurity=False).digest()
