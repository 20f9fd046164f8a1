"""The guard in front of the emulator: the requests that it accepts, and its calls of the emulator."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ponto.punch import EVENT
from tools.kit import static
from tools.local import asgi, flow
from tools.local.asgi import Message, Receive, Scope, Send
from tools.local.guard import MAX_BODY_BYTES, Guard, PublicFunctions

KEY = "LOCALABCDEFGHIJKLMNO"
HOST = "127.0.0.1:4566"
PAGE_PATH = "/restapis/ab12cd34/local/_user_request_/"
PUNCH = PAGE_PATH + EVENT.path.removeprefix("/")
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20261001/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
PAGE = "http://evil.example"
POOL = "us-east-1_abc"
SERVED = [lambda: static.files(flow.FOLDER)]  # as files of a slice


class Response(NamedTuple):
    status: int
    body: bytes
    headers: dict[bytes, bytes]


class Emulator:
    """A fake emulator that answers every request, for every Origin, and records it."""

    def __init__(self, status: int = 200, body: bytes = b"done") -> None:
        self.forwarded: list[str] = []
        self.called: list[tuple[str, str, str, Mapping[str, str], bytes]] = []
        self.pools: list[str] = []
        self._status, self._body = status, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.forwarded.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        headers = [(b"Access-Control-Allow-Origin", b"*"), (b"Content-Length", str(len(self._body)).encode())]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body[:4], "more_body": True})
        await send({"type": "http.response.body", "body": self._body[4:]})

    async def call_api(
        self, api: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> asgi.AsgiResponse:
        self.called.append((api, method, path, headers, body))
        sent = [(b"Access-Control-Allow-Origin", b"*"), (b"Content-Length", str(len(self._body)).encode())]
        return asgi.AsgiResponse(self._status, sent, self._body)

    def is_signed(self, _: str, method: str, path: str) -> bool:
        return (method, path) == ("POST", "/signed")

    def public_keys(self, pool: str) -> asgi.AsgiResponse | None:
        self.pools.append(pool)
        return asgi.AsgiResponse(200, [], b"keys") if pool == POOL else None


def send_request(
    emulator: Emulator,
    path: str = "/2015-03-31/functions",
    method: str = "POST",
    query: str = "",
    body: bytes = b"",
    closing: bool = False,
    hosts: tuple[str, ...] = (HOST,),
    view: flow.Flow | None = None,
    parts: list[Message] | None = None,
    **headers: str,
) -> Response:
    """Send a request through a guard; return the response.

    Args:
        parts: ASGI messages of the request, after which no other comes; None: `body` in two messages.
    """
    public = PublicFunctions(emulator.call_api, emulator.is_signed, emulator.public_keys)
    guarded = Guard(emulator, public, 4566, KEY, view, SERVED)
    if closing:
        guarded.close()
    sent: list[Message] = []
    coming = parts or [
        {"type": "http.request", "body": body[:7], "more_body": True},
        {"type": "http.request", "body": body[7:], "more_body": False},
    ]

    async def receive() -> Message:
        return coming.pop(0) if coming else await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    request_headers = [(b"host", host.encode()) for host in hosts]
    request_headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": request_headers}
    asyncio.run(guarded(scope, receive, send))
    start, *rest = sent
    return Response(
        start["status"],
        b"".join(message["body"] for message in rest),
        {name.lower(): value for name, value in start["headers"]},
    )


def refused(response: Response) -> Any:
    assert response.status == 403
    return json.loads(response.body)["message"]


def test_request_with_an_api_key_is_told_where_the_apis_url_is() -> None:
    assert "api_url" in refused(send_request(Emulator(), "/ponto", x_api_key=KEY))


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"authorization": SIGNED}),
        ("", {"authorization": SIGNED.replace(KEY, "000000000000"), "x_amz_security_token": KEY}),  # a function's
        (f"X-Amz-Credential={KEY}%2F20261001%2Fus-east-1%2Fs3%2Faws4_request", {}),
    ],
)
def test_request_with_the_key_is_forwarded(query: str, headers: dict[str, Any]) -> None:
    response = send_request(Emulator(), query=query, **headers)

    assert (response.status, response.body) == (200, b"done")


@pytest.mark.parametrize(
    "hosts",
    [
        ("evil.example",),
        ("evil.example:4566",),
        ("127.0.0.1",),
        ("127.0.0.1:4567",),
        ("localhost.evil.example:4566",),
        ("ab12cd34.execute-api.127.0.0.1:4566",),
        (),
        (HOST, "evil.example"),
        (HOST, HOST),
    ],
)
@pytest.mark.parametrize("path", [PUNCH, PAGE_PATH, "/2015-03-31/functions", "/flow/", "/flow/numbers"])
def test_other_host_is_refused_on_every_path(path: str, hosts: tuple[str, ...], view: flow.Flow) -> None:
    emulator = Emulator()

    assert "another Host" in refused(
        send_request(emulator, path, hosts=hosts, view=view, authorization=SIGNED, x_run=KEY)
    )
    assert emulator.forwarded == []


@pytest.mark.parametrize("host", [HOST, "localhost:4566"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_api_accepts_every_origin(method: str, host: str) -> None:
    emulator = Emulator()

    response = send_request(emulator, PUNCH, method, hosts=(host,), origin=PAGE)

    assert (response.status, response.body) == (200, b"done")
    assert response.headers[b"access-control-allow-origin"] == b"*"
    assert emulator.called == [("ab12cd34", method, "/ponto", {}, b"")]
    assert emulator.forwarded == []


def test_api_gets_only_selected_parts_of_a_request() -> None:
    emulator = Emulator()
    read: dict[str, Any] = {
        "x_api_key": "a",
        "content_type": "b",
        "authorization": SIGNED,
        "accept": "d",
        "user_agent": "e",
    }
    unread: dict[str, Any] = {
        "x_amz_target": "AmazonSQS.CreateQueue",
        "x_forwarded_for": "1.2.3.4",
        "x_http_method_override": "PUT",
    }

    send_request(
        emulator, PUNCH, query="Action=CreateQueue&X-Amz-Credential=1/2/3/sqs/x", body=b"0123456789", **read, **unread
    )

    headers = {name.replace("_", "-"): value for name, value in read.items()}
    assert emulator.called == [("ab12cd34", "POST", "/ponto", headers, b"0123456789")]
    assert emulator.forwarded == []


SIGNED_ONLY = f"{PAGE_PATH}signed"


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": SIGNED.replace(KEY, "test")}, {"authorization": SIGNED, "origin": PAGE}]
)
def test_signed_method_requires_the_key_and_no_origin(headers: dict[str, Any]) -> None:
    emulator = Emulator()
    refused(send_request(emulator, SIGNED_ONLY, body=b"{}", x_api_key="a", **headers))
    assert emulator.called == []

    body = b"x" * (MAX_BODY_BYTES + 1)  # such a request may contain a batch
    assert send_request(emulator, SIGNED_ONLY, body=body, authorization=SIGNED).status == 200
    assert emulator.called == [("ab12cd34", "POST", "/signed", {"authorization": SIGNED}, body)]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_files_of_slices_are_served_beside_the_api(method: str) -> None:
    emulator = Emulator()

    for name, file in SERVED[0]().items():
        response = send_request(emulator, PAGE_PATH + name, method, closing=True)
        assert (response.status, response.body) == (200, file.body if method == "GET" else b"")
        assert (
            response.headers[b"content-security-policy"] == static.DEFAULT_HEADERS["content-security-policy"].encode()
        )
        assert response.headers[b"content-length"] == str(len(file.body) if method == "GET" else 0).encode()
        assert b"access-control-allow-origin" not in response.headers
    assert emulator.forwarded == []


def test_public_keys_of_a_user_pool_need_no_key() -> None:
    emulator = Emulator()
    path = f"/{POOL}/.well-known/jwks.json"
    target: dict[str, Any] = {"x_amz_target": "AWSCognitoIdentityProviderService.ListUserPools"}

    assert send_request(emulator, path, "GET", "Action=CreateStack", b"body", **target)[:2] == (200, b"keys")
    refused(send_request(emulator, path, "POST"))
    refused(send_request(emulator, path, "GET", origin=PAGE))
    refused(send_request(emulator, f"/x{path}", "GET"))
    refused(send_request(emulator, path.replace(POOL, "another"), "GET"))
    assert emulator.pools == [POOL, "another"]
    assert emulator.forwarded == []


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.01)
    monkeypatch.setattr(asgi, "LINGER_SECONDS", 0)


KEYED: dict[str, Any] = {"x_api_key": "key"}
LARGE: list[Message] = [{"type": "http.request", "body": b"x" * 65_536, "more_body": True}] * 3
HALF: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]
DISCONNECTED: list[Message] = [*HALF, {"type": "http.disconnect"}]


def test_large_body_is_refused_and_not_forwarded() -> None:
    emulator = Emulator()

    response = send_request(emulator, PUNCH, parts=[*LARGE], **KEYED)

    assert response.status == 413
    assert response.headers[b"access-control-allow-origin"] == b"*"
    assert emulator.called == []


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("parts", [HALF, DISCONNECTED])
def test_incomplete_body_is_not_forwarded(parts: list[Message]) -> None:
    emulator = Emulator()

    assert send_request(emulator, PUNCH, parts=[*parts], **KEYED).status == 408
    assert emulator.called == []
    refused(send_request(emulator, parts=[*parts]))


def test_closing_guard_refuses_punches_but_forwards_calls_of_aws() -> None:
    emulator = Emulator()

    assert send_request(emulator, PUNCH, closing=True).status == 503
    assert send_request(emulator, "/", closing=True, authorization=SIGNED).status == 200
    assert (emulator.forwarded, emulator.called) == (["/"], [])


QUEUES: dict[str, list[dict[str, Any]]] = {
    "queue": [{"id": "m1", "body": "{}", "sent_at": 0.0}],
    "dlq": [
        {
            "id": f"d{number}",
            "body": "{}",
            "sent_at": 0.0,
            "sys": {"SentTimestamp": "1790852400000"},
            "message_attributes": {"reason": {"DataType": "String", "StringValue": f"reason {number}"}},
        }
        for number in range(9)
    ],
}


ACCEPTED = {"queue": {f"m{number}": None for number in range(12)}, "dlq": {}}


@pytest.fixture
def view(tmp_path: Path) -> flow.Flow:
    """Return the view of a stack."""
    address = {"queue_url": "queue", "dlq_url": "dlq", "api_url": "http://api", "api_key": "secret"}
    (tmp_path / "stack.json").write_text(json.dumps(address))
    batch = {"message": "batch", "stored": 3, "duplicates": 1, "redelivered": 1, "rejected": 0, "failed": 2}
    (tmp_path / "emulator.log").write_text(f"{json.dumps(batch)}\n{json.dumps(batch)}\n")
    return flow.Flow(tmp_path, KEY, QUEUES.__getitem__, ACCEPTED)  # another key is tried below


def test_view_shows_the_numbers_with_its_key(view: flow.Flow) -> None:
    emulator = Emulator()
    response = send_request(emulator, "/flow/numbers", "GET", view=view, x_run=KEY)
    second = send_request(emulator, "/flow/numbers", "GET", view=view, x_run=KEY)

    numbers = json.loads(response.body)
    assert response.status == 200
    assert (numbers["accepted"], numbers["waiting"], numbers["deadLetters"]) == (12, 1, 9)
    assert [numbers[name] for name in ("stored", "duplicates", "redelivered", "failed")] == [6, 2, 2, 4]
    assert numbers["ageSeconds"] > 0
    assert [letter["reason"] for letter in numbers["lastDeadLetters"]] == [f"reason {n}" for n in range(8, 0, -1)]
    assert json.loads(second.body)["stored"] == 6  # each line of the log is counted once


@pytest.mark.parametrize("name", ["numbers", "verdict", "stop-database/10"])
@pytest.mark.parametrize("headers", [{}, {"x_run": "LOCAL"}, {"x_run": "LOCAL", "origin": PAGE}])
def test_view_without_its_key_is_refused(name: str, headers: dict[str, Any], view: flow.Flow) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        response = send_request(Emulator(), f"/flow/{name}", method, view=view, **headers)

        assert response.status == 403
        assert b"secret" not in response.body
        assert not any(header.startswith(b"access-control-") for header in response.headers)


def test_files_of_the_view_are_public_with_a_strict_policy(view: flow.Flow) -> None:
    for name in ("", "view.js", "view.css"):
        response = send_request(Emulator(), f"/flow/{name}", "GET", view=view)

        assert response.status == 200
        assert response.headers[b"content-security-policy"].startswith(b"default-src 'none'")


def test_key_of_the_view_is_valid_for_one_run_and_only_for_the_view(tmp_path: Path) -> None:
    key, other = flow.key(KEY), flow.key(f"{KEY}2")
    view = flow.Flow(tmp_path, key, QUEUES.__getitem__, {})

    assert key != other
    assert len(key) == 64
    for wrong in (KEY, other):  # the key of AWS calls; the view's key of another run
        refused(send_request(Emulator(), "/flow/numbers", "GET", view=view, x_run=wrong))
    refused(send_request(Emulator(), authorization=SIGNED.replace(KEY, key), view=view))


def test_call_of_aws_at_the_root_reaches_the_emulator_with_the_key() -> None:
    emulator = Emulator()
    refused(send_request(emulator, "/", "GET", authorization=SIGNED.replace(KEY, "test")))
    refused(send_request(emulator, "/", "GET", query="Action=ListQueues"))
    refused(send_request(emulator, "/", "POST"))

    assert send_request(emulator, "/", "GET", authorization=SIGNED).body == b"done"
    assert emulator.forwarded == ["/"]
