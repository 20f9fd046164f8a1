"""The client by which commands send punches, tested by the rules of docs/clients.md."""

import http.client
import socket
from collections.abc import Mapping

import pytest

from tests.clock import FakeClock
from tools.kit.client import FINAL_STATUSES, ApiResponse, Client, NoFinalResponseError
from tools.kit.errors import CommandError
from tools.tests.gateway import Response, answer_requests

URL = "https://api.example.com/dev/ponto"
ACCEPTED: Response = (202, '{"message":"accepted","messageId":"1"}', {})


class Gateway:
    """A fake gateway: it returns `answers` in order, then repeats the last, and records the requests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[tuple[str, str, bytes | None, str]] = []
        self.clock = FakeClock()
        self._answers: list[Response] = []
        answer_requests(monkeypatch, self._answer)

    def send(self, *answers: Response, final_statuses: frozenset[int] = FINAL_STATUSES) -> ApiResponse:
        """Send a punch that gets these answers."""
        self._answers = list(answers)
        headers = {"x-api-key": "CANARY"}
        client = Client(URL, headers, timeout_seconds=300, final_statuses=final_statuses, clock=self.clock)
        return client.send(b"{}")

    def _answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        self.requests.append((method, url, body, headers["x-api-key"]))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(monkeypatch)


@pytest.mark.parametrize("status", [*sorted(FINAL_STATUSES), 301])
def test_request_with_a_final_status_is_not_repeated(gateway: Gateway, status: int) -> None:
    answer = gateway.send((status, '{"message":"why"}', {"location": "/"}))
    assert (answer.status, answer.message) == (status, "why")
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        *((status, "<html>", {}) for status in (200, 404, 408, 429, 500, 503, 999)),
        ConnectionRefusedError("no way"),
        socket.gaierror("no such name"),
        http.client.BadStatusLine(""),
    ],
    ids=str,
)
def test_transient_failure_is_retried_with_the_same_punch(gateway: Gateway, answer: Response) -> None:
    assert gateway.send(answer, answer, ACCEPTED).status == 202
    assert gateway.requests == [("POST", URL, b"{}", "CANARY")] * 3


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("17", 17), ("0", 0), ("soon", 0), ("9" * 5_000, 0), ("Fri, 31 Dec 99999 23:59:59 GMT", 0)],
)
def test_wait_is_that_of_retry_after(gateway: Gateway, retry_after: str, seconds: float) -> None:
    gateway.send((429, "", {"retry-after": retry_after}), ACCEPTED)
    assert gateway.clock.waits == [seconds]


def test_5xx_with_retry_after_is_never_final(gateway: Gateway) -> None:
    gateway.send((503, "", {"retry-after": "2"}), (503, "", {}), final_statuses=frozenset({503}))
    assert len(gateway.requests) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((503, "", {}), "answered 503"),
        (OSError("no way"), "no answer: .*no way"),
        (http.client.BadStatusLine("x" * 60_000), "no answer: .{300}"),
    ],
    ids=["503", "no response", "invalid response"],
)
def test_retries_end_at_the_timeout(gateway: Gateway, answer: Response, message: str) -> None:
    with pytest.raises(NoFinalResponseError, match=f"^{message}") as failure:
        gateway.send(answer)
    assert "CANARY" not in str(failure.value)
    assert 260 < sum(gateway.clock.waits) <= 300


def test_retry_after_the_timeout_is_not_awaited(gateway: Gateway) -> None:
    with pytest.raises(NoFinalResponseError, match=r"^answered 503$"):
        gateway.send((503, "", {"retry-after": "301"}))
    assert gateway.clock.waits == []


@pytest.mark.parametrize("key", ["CANARY\r", "CANARY\nx: y", "CANÁRIO"])
def test_api_key_that_no_header_can_hold_is_reported_without_its_value(key: str) -> None:
    with pytest.raises(CommandError, match=r"^the header x-api-key cannot be sent: it has a line break or ") as caught:
        Client(URL, {"x-api-key": key}, timeout_seconds=1)
    assert "CAN" not in str(caught.value)
