"""A receipt of a database that does not answer."""

import uuid
from typing import Any, cast

import pytest

from ponto.config import MAX_SECRET_SECONDS
from ponto.connection import Parameters
from slices.receipts.lookup import TIMEOUTS, Receipts
from tests.unit.test_connection import REFUSALS, Attempt, Silent, reached


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("resumes", [3, 6, 3600])
@pytest.mark.parametrize("connected_before", [False, True])
def test_a_receipt_that_cannot_be_had_is_a_503_in_its_time(
    monkeypatch: pytest.MonkeyPatch, refusal: Attempt, resumes: int, connected_before: bool
) -> None:
    server = reached(monkeypatch)
    times = TIMEOUTS

    def fetch() -> Parameters:
        server.now += MAX_SECRET_SECONDS
        return {"password": f"of {server.now}"}

    receipts = Receipts(fetch, "*")
    if connected_before:
        receipts._session._given = {"password": "old"}
        receipts._session._connection = cast(Any, Silent(server, times.network_ms / 1000))
    server.answers = lambda _: refusal if server.now < resumes else (0.1, "")
    server.connected = cast(Any, Silent(server, times.statement_ms / 1000))

    answer = receipts.answer({"pathParameters": {"id": str(uuid.uuid4())}, "requestContext": {}}, lambda _: None)

    assert answer["statusCode"] == 503
    assert server.tries
    assert server.now <= times.max_execute_seconds(MAX_SECRET_SECONDS)
