"""The client that commands and chaos punch by keeps the rules of docs/clients.md."""

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
    """Gives its answers, the last one again and again; notes what came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[Response] = [ACCEPTED]
        self.tries: list[tuple[str, str, bytes | None, str]] = []
        self.clock = FakeClock()
        answer_requests(monkeypatch, self._answer)

    def client(self, clock: Clock | None = None) -> Client:
        return Client(URL, {"x-api-key": "CANARY"}, timeout_seconds=300, clock=clock or self.clock)

    def _answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        self.tries.append((method, url, body, headers["x-api-key"]))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(monkeypatch)


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_an_answer_for_good_is_not_asked_for_again(gateway: Gateway, status: int) -> None:
    gateway.answers = [(status, '{"message":"why"}', {})]
    answer = gateway.client().send(b"{}")
    assert (answer.status, answer.message) == (status, "why")
    assert len(gateway.tries) == 1


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        *(((status, "<html>", {}), str(status)) for status in (200, 301, 404, 408, 429, 500, 503, 999)),
        (ConnectionRefusedError("no way"), "ConnectionRefusedError"),
        (socket.gaierror("no such name"), "gaierror"),
        (TimeoutError("no answer"), "TimeoutError"),
        (http.client.BadStatusLine(""), "BadStatusLine"),
    ],
    ids=str,
)
def test_whatever_may_pass_is_tried_again_with_the_same_punch(gateway: Gateway, answer: Response, named: str) -> None:
    gateway.answers = [answer, answer, ACCEPTED]
    found = gateway.client().send(b"{}")
    assert (found.status, found.failed_attempts) == (202, (named, named))
    assert gateway.tries == [("POST", URL, b"{}", "CANARY")] * 3


def test_it_waits_longer_each_time_and_a_random_part(gateway: Gateway) -> None:
    gateway.answers = [*[(503, "", {})] * 7, ACCEPTED]
    gateway.client().send(b"{}")
    assert [int(wait - lost) for wait, lost in zip(gateway.clock.waits, (1, 2, 4, 8, 16, 30, 30), strict=True)] == [
        0
    ] * 7
    assert len({wait % 1 for wait in gateway.clock.waits}) == 7


@pytest.mark.parametrize(
    ("asked", "least"),
    [("17", 17), ("0", 1), ("soon", 1), ("-5", 1), ("9" * 5_000, 1), ("Fri, 31 Dec 99999 23:59:59 GMT", 1)],
)
def test_it_waits_at_least_as_long_as_it_is_asked_to(gateway: Gateway, asked: str, least: float) -> None:
    gateway.answers = [(429, "", {"retry-after": asked}), ACCEPTED]
    gateway.client().send(b"{}")
    (waited,) = gateway.clock.waits
    assert least <= waited <= max(least, 2)


def test_a_5xx_that_asks_to_come_again_is_never_for_good(gateway: Gateway) -> None:
    gateway.answers = [(503, "", {"retry-after": "2"}), (503, "", {})]
    assert Client(URL, {"x-api-key": "CANARY"}, timeout_seconds=300, final_statuses=frozenset({503})).send(
        b"{}"
    ).failed_attempts == ("503",)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((503, "", {}), "answered 503"),
        (OSError("no way"), "no answer: OSError: no way"),
        (http.client.BadStatusLine("x" * 60_000), "no answer: BadStatusLine: x{285}"),
    ],
    ids=["503", "none", "a broken one"],
)
def test_after_its_patience_it_gives_up(gateway: Gateway, answer: Response, why: str) -> None:
    gateway.answers = [answer]
    with pytest.raises(NoFinalResponseError, match=f"^{why}$"):
        gateway.client().send(b"{}")
    assert 270 < sum(gateway.clock.waits) <= 300


def test_whoever_waits_can_be_stopped(gateway: Gateway) -> None:
    gateway.answers = [(503, "", {"retry-after": "200"})]
    stopped = gateway.client(CLOCK)
    threading.Timer(0.1, stopped.stop).start()
    with pytest.raises(NoFinalResponseError, match=r"^answered 503$"):
        stopped.send(b"{}")
    assert len(gateway.tries) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"message":"' + "x" * 1_000 + '"}', "x" * 300),
        ('{"message":"' + "x" * 100_000 + '"}', ""),
        ("[" * 50_000, ""),
        ("[]", ""),
        ("<html>", ""),
    ],
    ids=["long", "too long", "deep", "another", "none"],
)
def test_of_a_message_a_part_is_given(gateway: Gateway, text: str, message: str) -> None:
    gateway.answers = [(400, text, {})]
    assert gateway.client().send(b"{}").message == message


@pytest.mark.parametrize(
    ("url", "named", "proxies"),
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
    ids=["an address", "no scheme", "no domain", "a password", "not for a host that is named", "not for this machine"],
)
def test_a_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, url: str, named: str, proxies: list[tuple[str, dict[str, str] | None]]
) -> None:
    asked: list[tuple[str, dict[str, str] | None]] = []
    manager: Callable[..., object] = lambda proxy, proxy_headers, **_: asked.append((proxy, proxy_headers))  # noqa: E731
    monkeypatch.setattr("urllib3.ProxyManager", manager)
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", named)
    monkeypatch.setenv("no_proxy", "internal.example.com")

    Client(url, {}, timeout_seconds=1)

    assert asked == proxies


@pytest.mark.parametrize("named", ["http://me:CANARY@proxy.example.com:no", "socks5://me:CANARY@proxy.example.com:80"])
def test_a_proxy_that_is_no_address_is_said_without_its_password(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("https_proxy", named)
    with pytest.raises(CommandError, match=r"^the environment names an invalid proxy address; ") as caught:
        Client(URL, {}, timeout_seconds=1)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("key", ["CANARY\r", "CANARY\nx: y", "CANÁRIO"])
def test_a_key_that_no_header_can_be_is_said_and_not_shown(key: str) -> None:
    with pytest.raises(CommandError, match=r"^the header x-api-key cannot be sent: it has a line break or ") as caught:
        Client(URL, {"x-api-key": key}, timeout_seconds=1)
    assert "CAN" not in str(caught.value)
