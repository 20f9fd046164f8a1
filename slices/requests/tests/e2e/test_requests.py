"""Requests through the deployed functions: asked with the key, decided by commands, and refused by the guard."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from slices.reports.tests.company import fill
from slices.requests.tests.requesting import new_id
from tests.commands import CommandResult, runner
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def employee(deployed: Deployed) -> int:
    """Return the number of an employee who has a punch of yesterday."""
    number = int(next(EMPLOYEES))
    punch = "insert into ponto.batida (id, usuario_id, ponto) values (gen_random_uuid(), %s, %s)"
    fill(deployed.stack.address.database_url, punch, number, YESTERDAY)
    return number


def test_request_is_accepted_onto_the_card_and_another_is_refused(
    client: Client, deployed: Deployed, employee: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def ponto(*words: object) -> CommandResult:
        return runner(capsys)(*words, "--state", deployed.state)

    client.address = client.address._replace(api_url=client.address.api_url.removesuffix("/ponto"))
    ask = partial(client.post, subpath="/solicitacao")
    body: dict[str, Any] = {
        "id": new_id(),
        "usuarioId": employee,
        "tipo": "inclusao",
        "ponto": f"{YESTERDAY - timedelta(hours=1):%Y-%m-%dT%H:%M:00Z}",
        "motivo": "forgot it",
    }
    other = {**body, "id": new_id(), "ponto": f"{YESTERDAY - timedelta(hours=2):%Y-%m-%dT%H:%M:00Z}"}

    assert [ask(each).status for each in (body, body, other)] == [201, 200, 201]
    assert ask(b"", "GET").status == 404  # without sign-in
    assert client.post(b"", "GET", subpath=f"/solicitacao/{body['id']}").status == 200
    assert ponto("requests", "accept", body["id"]).status == 0
    assert ponto("requests", "refuse", other["id"], "--reason", "was at home").status == 0

    card = ponto("report", "timecard", "--employee", employee, "--month", f"{YESTERDAY - timedelta(hours=7):%Y-%m}").out
    assert ("forgot it" in card, "local" in card) == (True, True)
    assert "refusal: was at home, by local" in ponto("requests", "show", other["id"]).out
    unsigned = client.post({"motivo": "mine"}, subpath=f"/solicitacao/{other['id']}/recusa")
    assert unsigned.status == 403
