"""The conformance kit before the deployed stack: it harms no punch, and alone it answers as the stack does."""

import json
import uuid

from slices.conformance import stub_api
from tests.e2e.client import EMPLOYEES, Client


def test_without_the_stack_the_kit_answers_as_the_stack_does(client: Client) -> None:
    punch = {"id": str(uuid.uuid4()), "usuarioId": next(EMPLOYEES), "ponto": "2026-10-01T08:00:00-03:00"}
    api = stub_api.StubApi(client.address.api_key)
    good = json.dumps(punch).encode()
    requests: list[tuple[bytes, dict[str, str | None]]] = [
        (good, {}),
        (good, {"x-api-key": None}),
        (good, {"x-api-key": "another"}),
        (good, {"content-type": "text/plain"}),
        (json.dumps({**punch, "usuarioId": 0}).encode(), {}),
        (json.dumps({**punch, "dispositivo": "x" * stub_api.MAX_BODY_BYTES}).encode(), {}),
        (b'{"usuarioId": 1}', {}),
        (b"\xff", {}),
        (good.ljust(stub_api.MAX_BODY_BYTES), {}),
        (good.ljust(stub_api.MAX_BODY_BYTES + 1), {}),
    ]
    for body, changed in requests:
        headers = {"content-type": "application/json", "x-api-key": client.address.api_key} | changed
        made_up = api.respond("POST", "/ponto", {name: value for name, value in headers.items() if value}, body)
        real = client.post(body, "POST", "", **changed)
        message, real_message = json.loads(made_up.body)["message"], real.body["message"]
        assert (made_up.status, message) == (real.status, real_message), (changed, body[:80])
        assert made_up.headers["access-control-allow-origin"] == real.headers["access-control-allow-origin"]
    client.wait_until_drained()
