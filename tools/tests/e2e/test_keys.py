"""The effect of a key of `ponto keys` on requests to the deployed stack."""

from collections.abc import Iterator

import pytest

from tests.commands import Run, runner
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tools.kit import event


@pytest.fixture
def run(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    ponto = runner(capsys, "keys")
    run: Run = lambda verb, *words: ponto(verb, "--state", deployed.state, *words)  # noqa: E731
    yield run
    for key in run("list", "--json").json["keys"]:
        run("revoke", key["name"], "--yes", "--forget")
    api = deployed.stack.client("apigateway")
    for disabled in (key for key in api.get_api_keys()["items"] if not key["enabled"]):
        api.delete_api_key(apiKey=disabled["id"])


def test_key_works_until_it_is_revoked(client: Client, run: Run) -> None:
    body = event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z")
    revoked, other = (run("create", name).out.strip() for name in ("gate-1", "gate-2"))
    assert client.post(body, x_api_key=revoked).status == 202

    run("revoke", "gate-1", "--yes")

    refused = client.post(body, x_api_key=revoked)
    assert (refused.status, refused.body) == (403, {"message": "Forbidden"})
    assert client.post(body, x_api_key=other).status == 202
    assert client.post(body).status == 202  # the key of the template
