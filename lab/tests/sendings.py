"""What somebody sends in a run that a test has laid out."""

import json
from datetime import UTC, datetime

from lab.simulate.employees import Sending
from loadtest.ledger import PunchKey
from ponto.parser import parse
from tools.kit.event import body


def sending(at: float, employee: int) -> Sending:
    """Have an employee punch at a time of the run, s."""
    when = datetime(2026, 1, 1, 11, tzinfo=UTC)
    text = json.dumps(body(employee, when.isoformat()))
    return Sending(at, text, PunchKey(parse(text, UTC).id, employee, when), "somebody punches")
