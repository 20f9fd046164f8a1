"""Time limits of a receipt while the database does not answer."""

import math
import uuid
from unittest.mock import MagicMock

import psycopg2
import pytest

from ponto.shared.config import SECRET_FETCH_TIMEOUT_SECONDS
from ponto.shared.connection import Parameters
from slices.receipts.lookup import TIMEOUTS, Receipts, open_session
from tests.unit.test_connection import Attempt, Server, with_each_refusal


@pytest.mark.parametrize(("resume_seconds", "connected_before"), [(3, False), (3, True), (3600, False)])
@with_each_refusal
def test_failing_receipt_keeps_the_time_limit(refusal: Attempt, resume_seconds: int, connected_before: bool) -> None:
    server = Server()
    connection = server.connected = MagicMock(closed=0)

    def fetch() -> Parameters:
        server.now += SECRET_FETCH_TIMEOUT_SECONDS
        return {"password": f"of {server.now}"}

    def stall(*_: object) -> None:
        server.now += max(TIMEOUTS.network_ms, TIMEOUTS.statement_ms) / 1000
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    session = open_session(fetch, driver=server)
    if connected_before:
        session.execute("select", {}, math.inf)
    connection.cursor.side_effect = stall
    begin, server.attempts = server.now, []
    server.answers = lambda _: refusal if server.now - begin < resume_seconds else (0.1, "")

    with pytest.raises(psycopg2.OperationalError):
        Receipts(session, is_sign_in_required=False).find(str(uuid.uuid4()), None)

    assert server.attempts
    assert server.now - begin <= TIMEOUTS.max_execute_seconds(SECRET_FETCH_TIMEOUT_SECONDS)
