"""Batches as Lambda hands them over, and Lambda's context."""

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

DEFAULT_EMPLOYEES = 1_000_000  # of whom each punch is one's, where nothing else is said
_MAX_PUNCHES_IN_MEMORY = 10_000  # punches that are in memory, about

Event = dict[str, Any]
NewId = Callable[[], str] | None
"""Makes the id of a punch; None: the punch has none, and gets one that is derived from its employee and instant."""


class Context:
    """Lambda's, as far as the handler looks at it."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Return plenty."""
        return 60_000


def uuid4() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


def make_event(
    size: int, new_id: NewId = uuid4, employees: int = DEFAULT_EMPLOYEES, *, at_present: bool = False
) -> Event:
    """Make a batch of good punches, all new.

    Args:
        size: how many.
        new_id: makes the id of each.
        employees: of the company; each punch is of one at random.
        at_present: each punch has an instant of its own, instead of one that is past. Those without an id always have.
    """
    instant = _current_instant if at_present or not new_id else lambda: "2026-10-01T08:00:00-03:00"
    now = str(time.time_ns() // 1_000_000)
    return {
        "Records": [
            {
                "messageId": uuid4(),
                "receiptHandle": "handle",
                "body": json.dumps(
                    {
                        **({"id": new_id()} if new_id else {}),
                        "ponto": instant(),
                        "usuarioId": random.randint(1, employees),  # noqa: S311  an employee, no secret
                        "offline": True,
                    }
                ),
                "attributes": {"SentTimestamp": now, "ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for _ in range(size)
        ]
    }


def _current_instant() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def make_events(punches: int, batch: int, new_id: NewId = uuid4, **how: Any) -> Iterator[list[Event]]:
    """Give the batches of many punches, some at a time, so that they need not all be in memory.

    Args:
        punches: how many in all.
        batch: how many an event has; the last one has the rest.
        new_id: makes the id of each.
        how: as of `event`.
    """
    sizes = [min(batch, punches - start) for start in range(0, punches, batch)]
    step = max(1, _MAX_PUNCHES_IN_MEMORY // batch)
    for start in range(0, len(sizes), step):
        yield [make_event(size, new_id, **how) for size in sizes[start : start + step]]
