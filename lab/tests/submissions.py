"""What somebody sends in a run that a test has laid out."""

import json
from datetime import UTC, datetime

from lab.simulate.employees import Submission
from loadtest.ledger import PunchKey
from ponto.parser import parse
from tools.kit.event import body


def submission(at: float, employee: int) -> Submission:
    """Have an employee punch at a time of the run, s."""
    when = datetime(2026, 1, 1, 11, tzinfo=UTC)
    text = json.dumps(body(employee, when.isoformat()))
    return Submission(at, text, PunchKey(parse(text, UTC).id, employee, when), "somebody punches")
