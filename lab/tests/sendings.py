"""What somebody sends in a run that a test has laid out."""

import json
from datetime import UTC, datetime

from lab.simulate.employees import Sending
from loadtest.ledger import PunchKey
from ponto.derived_id import derive_id


def sending(at: float, employee: int) -> Sending:
    """Have an employee punch at a time of the run, s."""
    when = datetime(2026, 1, 1, 11, tzinfo=UTC)
    body = json.dumps({"usuarioId": employee, "ponto": when.isoformat()})
    return Sending(at, body, PunchKey(derive_id(employee, when), employee, when), "somebody punches")
