"""Requests of devices for simulated plans."""

import json
from datetime import UTC, datetime

from lab.simulate.employees import Submission
from loadtest.ledger import PunchKey
from ponto.drain.parser import parse
from tools.kit.event import body


def submission(accepted_at: float, employee_id: int) -> Submission:
    """Return the request with a punch that the gateway accepts at a time of the run, in seconds."""
    instant = datetime(2026, 1, 1, 11, tzinfo=UTC)
    text = json.dumps(body(employee_id, instant.isoformat()))
    return Submission(accepted_at, text, PunchKey(parse(text, UTC).id, employee_id, instant), "an employee punches")
