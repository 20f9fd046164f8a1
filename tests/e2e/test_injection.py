"""Injection through headers, parameters and bodies: the body is queued unchanged, or the response is a 4xx.

The drain is paused, and the tests read the queue.
"""

import http.client
import json
import random
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.strategies import fill_text_fields
from tests.waiting import DEADLINE_SECONDS
from tools.kit import event, target
from tools.kit.target import TargetOptions
from tools.operate.dlq import event_source

JSON = "application/json"
MAX_MESSAGE_BYTES = 65_536

# Texts with a meaning in URLs, forms, headers, Velocity, XML, SQL or shells.
PAYLOADS = [
    "&Action=DeleteQueue",
    "&DelaySeconds=900",
    "&MessageAttribute.1.Name=usuarioId&MessageAttribute.1.Value.DataType",
    "%2526DelaySeconds%253D900",
    "%0A%0DAction=DeleteQueue",
    "+a+b =c;d=e",
    "$util.urlEncode('x')$input.body",
    "${util}$!{input.path('$')}$context.authorizer.claims",
    "##",
    "]]><Action>DeleteQueue</Action><!--",
    "'; drop table batida; --",
    "ponto \u00e7\u00e3o \u65e5\u672c \U0001f600",
]


class Response(NamedTuple):
    status: int
    body: Any


class QueuedMessage(NamedTuple):
    """A message in the queue."""

    body: bytes
    attributes: dict[str, Any]
    id: str


class Sender:
    """Client that sends requests with arbitrary content and receives the resulting messages."""

    def __init__(self, client: Client) -> None:
        self.key = client.address.api_key
        keys = client.address.client("apigateway").get_api_keys(includeValues=True)["items"]
        (self._key_id,) = (key["id"] for key in keys if key["value"] == self.key)
        self._client = client
        self._url = urllib.parse.urlsplit(client.address.api_url)
        self._queue = client.address.queue_url

    def send(self, body: bytes, headers: Sequence[tuple[str, str]] | None = None, query: str = "") -> Response:
        """Send a POST with exactly these headers, in order and with repetitions, plus Host and Content-Length."""
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=DEADLINE_SECONDS)
        try:
            connection.putrequest("POST", self._url.path + query, skip_accept_encoding=True)
            for name, value in self.headers() if headers is None else headers:
                connection.putheader(name, value.encode("latin-1"))
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Response(response.status, json.loads(response.read()))
        finally:
            connection.close()

    def headers(self, *more: tuple[str, str], content_type: str = JSON) -> list[tuple[str, str]]:
        return [("content-type", content_type), ("x-api-key", self.key), *more]

    def take_messages(self) -> list[QueuedMessage]:
        """Receive and delete all visible messages."""
        received = []
        while messages := self._client.sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                received.append(
                    QueuedMessage(message["Body"].encode(), message.get("MessageAttributes", {}), message["MessageId"])
                )
                self._client.sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return received

    def require_queued(self, sent: Response, body: bytes) -> None:
        """Assert that the queue has exactly one message, with the sent bytes and only the key's id as attribute."""
        assert sent.status == 202, sent
        attributes = {"apiKeyId": {"DataType": "String", "StringValue": self._key_id}}
        assert self.take_messages() == [QueuedMessage(body, attributes, sent.body["messageId"])]

    def attributes(self) -> dict[str, str]:
        """Return the settings of the queue; fail if it does not exist."""
        attributes = self._client.sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["All"])["Attributes"]
        return {name: value for name, value in attributes.items() if not name.startswith("Approximate")}


@pytest.fixture(scope="module")
def paused(deployed: Deployed) -> Iterator[Client]:
    """Pause the drain; yield a client."""
    client = Client(deployed.stack)
    client.wait_until_drained()
    deployment = target.find(TargetOptions(state=deployed.state))
    event_source.switch(deployment, enabled=False)
    yield client
    event_source.switch(deployment, enabled=True)
    client.wait_until_drained()


@pytest.fixture
def sender(paused: Client) -> Iterator[Sender]:
    """Yield a sender; assert at the end that the queues' settings are unchanged and no message remains."""
    sender = Sender(paused)
    before = sender.attributes()
    yield sender
    assert sender.attributes() == before
    assert sender.take_messages() == []
    assert paused.depth(paused.address.dlq_url) == 0


def create_body(*, escaped: bool = False, **more: object) -> bytes:
    punch = event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z", **more)
    return json.dumps(punch, ensure_ascii=escaped).encode()


def test_any_body_is_queued_byte_for_byte(sender: Sender) -> None:
    rng = random.Random(20_261_001)  # noqa: S311  repeatable, not secret
    mixtures = ["".join(rng.choices(PAYLOADS, k=8))[rng.randrange(40) :] for _ in range(20)]
    for text in (*PAYLOADS, *mixtures):
        space = "".join(rng.choices([" ", "\n", "\r", "\t"], k=rng.randrange(9))).encode()
        for escaped in (False, True):
            body = space + create_body(escaped=escaped, **fill_text_fields(text[:64])) + space

            sender.require_queued(sender.send(body), body)


def test_body_up_to_the_limit_is_queued_and_a_larger_one_is_refused(sender: Sender) -> None:
    for size in (MAX_MESSAGE_BYTES - 1, MAX_MESSAGE_BYTES):
        body = create_body().ljust(size)
        sender.require_queued(sender.send(body), body)
    too_large = {"message": f"there is an error in your request: it is larger than {MAX_MESSAGE_BYTES} bytes"}
    for size in (MAX_MESSAGE_BYTES + 1, 2**20 + 1):
        assert sender.send(create_body().ljust(size)) == (413, too_large)


def test_header_has_no_effect(sender: Sender) -> None:
    body = create_body()
    for name in ("Action", "MessageBody", "usuarioId", "Authorization", "X-Amz-Target", "Content-Encoding"):
        for payload in ("&Action=DeleteQueue&DelaySeconds=900", "%0d%0aAction: DeleteQueue", "$input.body#set($x=1)"):
            sender.require_queued(sender.send(body, sender.headers((name, payload))), body)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        *((f"application/json{more}", 202) for more in ("", "; charset=utf-8", "; charset=utf-16", ";charset=latin-1")),
        ('application/json; boundary="&Action=DeleteQueue"', 202),
        *((f"application/json{more}", 415) for more in (", text/plain", "&Action=DeleteQueue")),
        *((f"application/{kind}", 415) for kind in ("x-www-form-urlencoded", "xml", "problem+json")),
        *((kind, 415) for kind in ("multipart/form-data; boundary=x", "text/plain", "text/json", "*/*", "garbage")),
    ],
    ids=repr,
)
def test_a_body_of_another_content_type_than_json_is_refused(sender: Sender, content_type: str, status: int) -> None:
    body = create_body(**fill_text_fields("ação &Action=DeleteQueue"))

    sent = sender.send(body, sender.headers(content_type=content_type))

    assert sent.status == status
    if status == 202:
        sender.require_queued(sent, body)
