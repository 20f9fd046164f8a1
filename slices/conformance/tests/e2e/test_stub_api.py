"""Comparison of the stub API with a running stack."""

import json
import uuid

from slices.conformance import stub_api
from tests.e2e.client import EMPLOYEES, Client


def test_the_stub_api_answers_as_the_stack_does(client: Client) -> None:
    punch = {"id": str(uuid.uuid4()), "usuarioId": next(EMPLOYEES), "ponto": "2026-10-01T08:00:00-03:00"}
    api = stub_api.StubApi(client.address.api_key)
    valid = json.dumps(punch).encode()
    requests: list[tuple[bytes, dict[str, str | None]]] = [
        (valid, {}),
        (valid, {"x-api-key": None}),
        (valid, {"x-api-key": "another"}),
        (valid, {"content-type": "text/plain"}),
        (json.dumps({**punch, "usuarioId": 0}).encode(), {}),
        (json.dumps({**punch, "dispositivo": "x" * stub_api.MAX_BODY_BYTES}).encode(), {}),
        (b'{"usuarioId": 1}', {}),
        (b"\xff", {}),
        (valid.ljust(stub_api.MAX_BODY_BYTES), {}),
        (valid.ljust(stub_api.MAX_BODY_BYTES + 1), {}),
    ]
    for body, changed in requests:
        headers = {"content-type": "application/json", "x-api-key": client.address.api_key} | changed
        stub = api.respond("POST", "/ponto", {name: value for name, value in headers.items() if value}, body)
        real = client.post(body, "POST", "", **changed)
        message, real_message = json.loads(stub.body)["message"], real.body["message"]
        assert (stub.status, message) == (real.status, real_message), (changed, body[:80])
        assert stub.headers["access-control-allow-origin"] == real.headers["access-control-allow-origin"]
    client.wait_until_drained()
