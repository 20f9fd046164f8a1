"""What reports show beside dead letters."""

import uuid

from tests.commands import run_process
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.waiting import wait_for
from tools.kit import event


def test_the_exceptions_have_the_dead_letters_beside_them_and_the_drained_punches_are_on_the_card(
    client: Client, deployed: Deployed
) -> None:
    employee = next(EMPLOYEES)
    first = event.body(employee, "2026-10-01T08:00:00Z", id=str(uuid.uuid4()))
    client.post(first)
    client.wait_until_drained()
    client.post(event.body(employee, "2026-10-01T09:00:00Z", id=first["id"]))
    wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the conflict")

    asked = ("--employee", employee, "--format", "json", "--state", deployed.state)
    exceptions = run_process("report", "exceptions", "--from", "2026-10-01", "--to", "2026-10-01", *asked).json
    card = run_process("report", "timecard", "--month", "2026-10", *asked).json

    assert "incompleta" in [finding["tipo"] for finding in exceptions["excecoes"]]
    (group,) = exceptions["naoGravadas"]
    assert (group["motivo"], group["usuarioId"], group["quantidade"]) == ("conflict", employee, 1)
    assert client.depth(client.address.dlq_url) == 1
    assert card["dias"][0]["pontos"] == ["2026-10-01T08:00:00Z"]
