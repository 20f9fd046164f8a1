"""Private names of the emulator and of hypercorn are replaced for one version; what the validator found is said."""

import asyncio
import json
from typing import Any

import pytest
from ministack.services import apigateway_v1  # type: ignore[import-untyped]

from tools.kit.event import REFUSED, VALID
from tools.local import adapter, replacements
from tools.local.errors import LocalError


@pytest.mark.parametrize("package", ["ministack", "hypercorn"])
def test_another_version_stops_it_and_names_each_replacement(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(replacements.VERSIONS, package, "0.1")

    with pytest.raises(LocalError, match=rf"Installed is {package} [\d.]+, not 0\.1, ") as stopped:
        replacements.replace(lambda *_: None)

    for replaced in ("ministack.services.sqs._receive_messages_for_esm, until", "TCPServer._idle_timeout, until"):
        assert replaced in str(stopped.value)


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        *((json.dumps(body).encode(), finding) for body, finding in REFUSED),
        (json.dumps(VALID[0] | {'a"b': 1}).encode(), "unknown field"),
        (b"[]", "body: must be an object"),
        (b"{", "body: not JSON"),
        (b"\xff", "body: must be UTF-8 text"),
        (json.dumps(VALID[0]).encode(), "it does not match ponto/punch.schema.json"),
    ],
)
def test_a_refusal_names_the_field_and_the_rule(body: bytes, finding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> Any:
        return 400, {}, b'{"message":"there is an error in your request: $context.error.validationErrorString"}'

    monkeypatch.setattr(apigateway_v1, "handle_execute", refuse)

    answer = asyncio.run(adapter.call_api("ab12cd34", "POST", "/ponto", {}, body))

    assert json.loads(answer.body)["message"].startswith(f"there is an error in your request: {finding}")
