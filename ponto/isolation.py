"""How a batch is divided, so that a record that cannot be stored keeps none of the others back."""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TypeVar

from ponto.sqs import Record, first_received_ms, receive_count

Item = TypeVar("Item")
Result = TypeVar("Result")
Error = TypeVar("Error", bound=Exception)

TRUSTED = 3
"""Receives, and visibility timeouts: a message may come back for reasons that are not its own."""

PATIENCE = 1_800
"""Seconds for which our own code may fail on a record before it is dead-lettered: time to take a release back."""


def in_halves(
    items: Sequence[Item],
    attempt: Callable[[Sequence[Item]], list[Result]],
    catch: type[Error],
    alone: Callable[[Error], Result],
) -> list[Result]:
    """Try the whole; where that fails, its halves, and so on down to the item that it fails on.

    Args:
        items: the whole.
        attempt: returns a result for each item that it is given, in their order.
        catch: what of its exceptions an item can be the cause of.
        alone: the result of an item that such an exception is raised for on its own.
    """
    try:
        return attempt(items)
    except catch as error:
        if len(items) <= 1:
            return [alone(error) for _ in items]
    middle = len(items) // 2
    return in_halves(items[:middle], attempt, catch, alone) + in_halves(items[middle:], attempt, catch, alone)


def by_risk(records: Sequence[Record], visibility_s: float) -> list[list[Record]]:
    """Divide a batch so that a record that kills the process, which nothing can catch, takes few others along.

    A killer comes back after the queue's own visibility timeout each time. What was received often, but sooner, failed
    in an orderly way. The suspects come last, in halves, down to one, in an order that differs at each receive:
    whatever stands in a part before the killer's is stored.

    Args:
        records: the batch.
        visibility_s: the queue's own visibility timeout.
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
