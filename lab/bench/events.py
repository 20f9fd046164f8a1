"""Events and context as Lambda passes them to the handler."""

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

DEFAULT_EMPLOYEES = 1_000_000
_MAX_PUNCHES_IN_MEMORY = 10_000  # approximately

Event = dict[str, Any]
NewId = Callable[[], str] | None
"""Function that creates the id of a punch. None: punches are sent without an id, and the handler derives one."""


class LambdaContext:
    """Lambda's context object, with the attributes that the handler uses."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Return one minute."""
        return 60_000


def uuid4() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


def make_event(
    size: int, new_id: NewId = uuid4, employees: int = DEFAULT_EMPLOYEES, *, at_present: bool = False
) -> Event:
    """Return an event with a batch of new, good punches.

    Args:
        size: number of punches.
        new_id: creates the id of each punch.
        employees: number of employees; each punch is by a random one.
        at_present: whether punches have the current instant, not a constant past one. Punches without an id always have
            the current instant.
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
                        "usuarioId": random.randint(1, employees),  # noqa: S311  not a secret
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


def make_events(punches: int, batch: int, new_id: NewId = uuid4, **options: Any) -> Iterator[list[Event]]:
    """Yield lists of events, each list small enough to be held in memory.

    Args:
        punches: number of punches in all events.
        batch: punches of an event; the last event has the remainder.
        new_id: creates the id of each punch.
        options: see `make_event`.
    """
    sizes = [min(batch, punches - start) for start in range(0, punches, batch)]
    step = max(1, _MAX_PUNCHES_IN_MEMORY // batch)
    for start in range(0, len(sizes), step):
        yield [make_event(size, new_id, **options) for size in sizes[start : start + step]]
