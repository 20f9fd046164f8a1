"""What is given to a store, and what it answers."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ponto.connection import Timeouts
from ponto.punch import Punch
from ponto.store import Entry, Outcome, Status
from tests.events import RECEIVED_MS

EIGHT = datetime(2026, 10, 1, 8, tzinfo=timezone(timedelta(hours=-3)))
QUICK = Timeouts(connect_s=2, statement_ms=2_000, lock_ms=200)
STORED, DUPLICATE, REDELIVERED = map(Outcome, (Status.STORED, Status.DUPLICATE, Status.REDELIVERED))


def entry(usuario_id: int = 1, ponto: datetime = EIGHT, punch_id: str | None = None, **more: Any) -> Entry:
    """Make an entry, by default of a new punch; `more` are columns."""
    absent = dict.fromkeys(Punch._fields)
    fields = {"id": punch_id or str(uuid.uuid4()), "usuario_id": usuario_id, "ponto": ponto, **more}
    return Entry(Punch(**{**absent, **fields}), str(uuid.uuid4()), RECEIVED_MS)


def statuses(outcomes: Sequence[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]
