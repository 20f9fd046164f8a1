"""The path from a POST to a row or a dead letter on the deployed stack."""

import json
import random
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from loadtest.ledger import Ledger
from ponto.drain.parser import parse
from ponto.punch import EVENT
from ponto.shared.event import Subject
from tests.e2e.client import EMPLOYEES, Client, expected_message
from tools.kit import event


@pytest.fixture
def employee() -> Subject:
    """Return the id of an employee without punches."""
    return next(EMPLOYEES)


def test_accepted_punch_is_stored(client: Client, employee: Subject) -> None:
    body = event.body(employee, "2026-10-01T08:00:00", **event.OPTIONAL_FIELDS)

    response = client.post(body)

    assert response.status == 202
    assert response.body["message"] == "accepted"
    client.wait_until_drained()
    punch = parse(json.dumps(body | {EVENT.fields[EVENT.instant].name: "2026-10-01T08:00:00-03:00"}), UTC)
    expected = {column: getattr(punch, column) for column, field in EVENT.fields.items() if field.name in body}
    columns = ", ".join((*expected, "mensagem_id"))
    message_id = response.body["messageId"]
    rows = client.query(f"select {columns} from ponto.batida where mensagem_id = %s", message_id)
    assert rows == [(*expected.values(), message_id)]
    sessions = "select distinct usename from pg_stat_activity where application_name = 'ponto drain'"
    assert client.query(sessions) == [("ponto_drain",)]  # the role of the drain
    assert client.query("show fsync") == [("on",)]  # so that stored rows survive a power failure


def test_punches_of_fifty_concurrent_clients_are_stored_once(client: Client) -> None:
    instants = [f"2026-10-01T08:00:00.{microsecond:06}-03:00" for microsecond in range(600)]
    good = [event.body(next(EMPLOYEES), instant, id=str(uuid.uuid4())) for instant in instants]
    bad = [event.INVALID[0][0], event.INVALID[1][0], [], "x"] * 10
    bodies: list[object] = [*good, *random.sample(good, 100), *bad]
    random.shuffle(bodies)

    with ThreadPoolExecutor(50) as clients:
        responses = list(clients.map(client.post, bodies))

    assert Counter(response.status for response in responses) == {202: 700, 400: 40}
    client.wait_until_drained()
    posted = zip(responses, bodies, strict=True)
    ledger = client.compare(
        {response.body["messageId"]: expected_message(body) for response, body in posted if response.status == 202}
    )
    assert ledger == Ledger(600, 100, {}, [], [], [])
    assert client.depth(client.address.dlq_url) == 0


@pytest.mark.parametrize("key", [None, "wrong"])
def test_requests_without_a_valid_key_are_refused(client: Client, key: str | None) -> None:
    for body in (event.body(1, "2026-10-01T08:00:00Z"), b" " * 65_537):
        assert client.post(body, x_api_key=key).status == 403


def test_preflight_and_all_responses_have_cors_headers(client: Client) -> None:
    preflight = client.post(b"", method="OPTIONS", x_api_key=None)
    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert "X-Api-Key" in preflight.headers["access-control-allow-headers"]
    assert "POST" in preflight.headers["access-control-allow-methods"]

    good = event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z")
    responses = [
        client.post(good),
        client.post({}),
        client.post(good, x_api_key="wrong"),
        client.post(good, content_type="text/plain"),
        client.post(json.dumps(good).encode().ljust(65_537)),
    ]

    assert [response.status for response in responses] == [202, 400, 403, 415, 413]
    assert {response.headers.get("access-control-allow-origin") for response in responses} == {"*"}
    refused, detail = event.INVALID[0]
    assert client.post(refused).body == {"message": f"there is an error in your request: {detail}"}


def test_same_id_with_other_content_is_a_dead_letter(client: Client, employee: Subject) -> None:
    first = event.body(employee, "2026-10-01T08:00:00Z", id=str(uuid.uuid4()))
    second = json.dumps(event.body(employee, "2026-10-01T09:00:00Z", id=first["id"]), indent=3).encode()
    client.post(first)
    client.wait_until_drained()

    response = client.post(second)

    (dead_letter,) = client.dead_letters(1)
    assert dead_letter["Body"].encode() == second
    attributes = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
    assert attributes["reason"] == "conflict"
    assert first["id"] in attributes["detail"]
    assert attributes["messageId"] == response.body["messageId"]
    assert int(attributes["receivedAt"]) > 1_700_000_000_000
    eight = datetime(2026, 10, 1, 8, tzinfo=UTC)
    assert [row.punch.instant for row in client.rows(employee)] == [eight]
