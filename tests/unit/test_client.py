"""The client by which commands send punches, tested by the rules of docs/clients.md."""

import http.client
import socket
import threading
from collections.abc import Callable, Mapping

import pytest

from tests.clock import FakeClock
from tests.gateway import Response, answer_requests
from tools.kit.client import FINAL_STATUSES, Client, NoFinalResponseError
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError

URL = "https://api.example.com/dev/ponto"
ACCEPTED: Response = (202, '{"message":"accepted","messageId":"1"}', {})


class Gateway:
    """A fake gateway: it returns `answers` in order, then repeats the last, and records the requests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[Response] = [ACCEPTED]
        self.requests: list[tuple[str, str, bytes | None, str]] = []
        self.clock = FakeClock()
        answer_requests(monkeypatch, self._answer)

    def client(self, clock: Clock | None = None) -> Client:
        return Client(URL, {"x-api-key": "CANARY"}, timeout_seconds=300, clock=clock or self.clock)

    def _answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        self.requests.append((method, url, body, headers["x-api-key"]))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(monkeypatch)


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_request_with_a_final_status_is_not_repeated(gateway: Gateway, status: int) -> None:
    gateway.answers = [(status, '{"message":"why"}', {})]
    answer = gateway.client().send(b"{}")
    assert (answer.status, answer.message) == (status, "why")
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        *(((status, "<html>", {}), str(status)) for status in (200, 301, 404, 408, 429, 500, 503, 999)),
        (ConnectionRefusedError("no way"), "ConnectionRefusedError"),
        (socket.gaierror("no such name"), "gaierror"),
        (TimeoutError("no answer"), "TimeoutError"),
        (http.client.BadStatusLine(""), "BadStatusLine"),
    ],
    ids=str,
)
def test_transient_failure_is_retried_with_the_same_punch(gateway: Gateway, answer: Response, failure: str) -> None:
    gateway.answers = [answer, answer, ACCEPTED]
    response = gateway.client().send(b"{}")
    assert (response.status, response.failed_attempts) == (202, (failure, failure))
    assert gateway.requests == [("POST", URL, b"{}", "CANARY")] * 3


def test_delays_double_with_random_jitter(gateway: Gateway) -> None:
    gateway.answers = [*[(503, "", {})] * 7, ACCEPTED]
    gateway.client().send(b"{}")
    jitter = [wait - delay for wait, delay in zip(gateway.clock.waits, (1, 2, 4, 8, 16, 30, 30), strict=True)]
    assert [int(seconds) for seconds in jitter] == [0] * 7
    assert len(set(jitter)) == 7


@pytest.mark.parametrize(
    ("retry_after", "minimum"),
    [("17", 17), ("0", 1), ("soon", 1), ("-5", 1), ("9" * 5_000, 1), ("Fri, 31 Dec 99999 23:59:59 GMT", 1)],
)
def test_delay_is_at_least_retry_after(gateway: Gateway, retry_after: str, minimum: float) -> None:
    gateway.answers = [(429, "", {"retry-after": retry_after}), ACCEPTED]
    gateway.client().send(b"{}")
    (delay,) = gateway.clock.waits
    assert minimum <= delay <= max(minimum, 2)


def test_5xx_with_retry_after_is_never_final(gateway: Gateway) -> None:
    gateway.answers = [(503, "", {"retry-after": "2"}), (503, "", {})]
    assert Client(URL, {"x-api-key": "CANARY"}, timeout_seconds=300, final_statuses=frozenset({503})).send(
        b"{}"
    ).failed_attempts == ("503",)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((503, "", {}), "answered 503"),
        (OSError("no way"), "no answer: OSError: no way"),
        (http.client.BadStatusLine("x" * 60_000), "no answer: BadStatusLine: x{285}"),
    ],
    ids=["503", "no response", "invalid response"],
)
def test_retries_end_at_the_timeout(gateway: Gateway, answer: Response, message: str) -> None:
    gateway.answers = [answer]
    with pytest.raises(NoFinalResponseError, match=f"^{message}$"):
        gateway.client().send(b"{}")
    assert 270 < sum(gateway.clock.waits) <= 300


def test_stop_ends_a_wait(gateway: Gateway) -> None:
    gateway.answers = [(503, "", {"retry-after": "200"})]
    client = gateway.client(CLOCK)
    threading.Timer(0.1, client.stop).start()
    with pytest.raises(NoFinalResponseError, match=r"^answered 503$"):
        client.send(b"{}")
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"message":"' + "x" * 1_000 + '"}', "x" * 300),
        ('{"message":"' + "x" * 100_000 + '"}', ""),
        ("[" * 50_000, ""),
        ("[]", ""),
        ("<html>", ""),
    ],
    ids=["long", "too long", "deep", "not an object", "not JSON"],
)
def test_long_message_of_a_response_is_cut(gateway: Gateway, text: str, message: str) -> None:
    gateway.answers = [(400, text, {})]
    assert gateway.client().send(b"{}").message == message


@pytest.mark.parametrize(
    ("url", "proxy", "proxies"),
    [
        (URL, "http://proxy.example.com:3128", [("http://proxy.example.com:3128", None)]),
        (URL, "proxy.example.com:3128", [("http://proxy.example.com:3128", None)]),
        (URL, "proxy:3128", [("http://proxy:3128", None)]),
        (
            URL,
            "http://me:CANARY%40@proxy.example.com:3128",
            [("http://proxy.example.com:3128", {"proxy-authorization": "Basic bWU6Q0FOQVJZQA=="})],
        ),
        ("https://internal.example.com/ponto", "http://proxy.example.com:3128", []),
        ("http://127.0.0.1:4566/ponto", "http://proxy.example.com:3128", []),
    ],
    ids=["URL", "without scheme", "without domain", "with password", "host in no_proxy", "this machine"],
)
def test_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str, proxies: list[tuple[str, dict[str, str] | None]]
) -> None:
    managers: list[tuple[str, dict[str, str] | None]] = []
    manager: Callable[..., object] = lambda url, proxy_headers, **_: managers.append((url, proxy_headers))  # noqa: E731
    monkeypatch.setattr("urllib3.ProxyManager", manager)
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", proxy)
    monkeypatch.setenv("no_proxy", "internal.example.com")

    Client(url, {}, timeout_seconds=1)

    assert managers == proxies


@pytest.mark.parametrize("proxy", ["http://me:CANARY@proxy.example.com:no", "socks5://me:CANARY@proxy.example.com:80"])
def test_invalid_proxy_is_reported_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(CommandError, match=r"^the environment names an invalid proxy address; ") as caught:
        Client(URL, {}, timeout_seconds=1)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("key", ["CANARY\r", "CANARY\nx: y", "CANÁRIO"])
def test_api_key_that_no_header_can_hold_is_reported_without_its_value(key: str) -> None:
    with pytest.raises(CommandError, match=r"^the header x-api-key cannot be sent: it has a line break or ") as caught:
        Client(URL, {"x-api-key": key}, timeout_seconds=1)
    assert "CAN" not in str(caught.value)
