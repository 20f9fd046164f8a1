"""What a sender puts into headers, parameters and bodies to reach SQS: the stored body is what was sent, or a 4xx.

The drain stands still meanwhile, and the queue itself is read.
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
from tests.strategies import in_names
from tests.waiting import DEADLINE
from tools.dlq import event_source
from tools.kit import event, target

JSON = "application/json"
LIMIT = 65_536  # bytes that the queue takes
KEY = {"apiKeyId": {"DataType": "String"}}  # the emulator knows no key's id, and drops the empty value

# What means something to one of those on the way: a URL, a form, a header, Velocity, XML, SQL, a shell.
PAYLOADS = [
    "&Action=DeleteQueue",
    "&Action=PurgeQueue&Version=2012-11-05",
    "&DelaySeconds=900",
    "&MessageBody=another",
    "&MessageAttribute.1.Name=usuarioId&MessageAttribute.1.Value.DataType",
    "&MessageAttribute.1.Value.StringValue=1",
    "&QueueUrl=https://example.com/another",
    "%26Action%3DDeleteQueue",
    "%2526DelaySeconds%253D900",
    "%0A%0DAction=DeleteQueue",
    "%00%ff%u0026",
    "+a+b =c;d=e",
    "$util.urlEncode('x')$input.body",
    "${util}$!{input.path('$')}$context.authorizer.claims",
    "#set($x=1)#if(true)#end#foreach",
    "##",
    "#* *#",
    "]]><Action>DeleteQueue</Action><!--",
    "'; drop table batida; --",
    "$(reboot)`reboot`",
    "\u00a0\u3000\u200b\ufeff",
    "ponto \u00e7\u00e3o \u65e5\u672c \U0001f600",
    "e\u0301 \u00e9 \u05d0\u05d1",
]

# What is no device's name: control characters, line breaks, and what turns the direction of writing.
UNPRINTABLE = ["\u0085", "\u009b31m", "\u2028", "\u2029", "\u202ereversed", "\u2067isolated"]


class Sent(NamedTuple):
    status: int
    answer: Any


class Message(NamedTuple):
    """A message as it lies in the queue."""

    body: bytes
    attributes: dict[str, Any]
    id: str


class Sender:
    """Sends requests whose every part a test writes, and reads what they left in the queue."""

    def __init__(self, client: Client) -> None:
        self.key = client.address.api_key
        self._client = client
        self._url = urllib.parse.urlsplit(client.address.api_url)
        self._queue = client.address.queue_url

    def send(self, body: bytes, headers: Sequence[tuple[str, str]] | None = None, query: str = "") -> Sent:
        """POST; headers are sent in order, repeated ones too, and none is added but Host and Content-Length."""
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=DEADLINE)
        try:
            connection.putrequest("POST", self._url.path + query, skip_accept_encoding=True)
            for name, value in self.headers() if headers is None else headers:
                connection.putheader(name, value.encode("latin-1"))
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Sent(answer.status, json.loads(answer.read()))
        finally:
            connection.close()

    def headers(self, *more: tuple[str, str], content_type: str = JSON) -> list[tuple[str, str]]:
        return [("content-type", content_type), ("x-api-key", self.key), *more]

    def take(self) -> list[Message]:
        """Take what can be received now."""
        found = []
        while messages := self._client.sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                found.append(
                    Message(message["Body"].encode(), message.get("MessageAttributes", {}), message["MessageId"])
                )
                self._client.sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def require_stored(self, sent: Sent, body: bytes) -> None:
        """The one message is at once there, is what was sent, byte for byte, and carries nothing but a key's id."""
        assert sent.status == 202, sent
        assert self.take() == [Message(body, KEY, sent.answer["messageId"])]

    def require_refused(self, sent: Sent) -> None:
        assert 400 <= sent.status < 500, sent
        assert self._client.depth(self._queue) == 0

    def require_stored_or_refused(self, sent: Sent, body: bytes) -> None:
        if sent.status == 202:
            self.require_stored(sent, body)
        else:
            self.require_refused(sent)

    def attributes(self) -> dict[str, str]:
        """The settings of the queue; it exists."""
        found = self._client.sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["All"])["Attributes"]
        return {name: value for name, value in found.items() if not name.startswith("Approximate")}


@pytest.fixture(scope="module")
def paused(deployed: Deployed) -> Iterator[Client]:
    """Nobody drains the queue."""
    client = Client(deployed.stack)
    client.wait_until_drained()
    deployment = target.find(target.Where(state=deployed.state))
    event_source.switch(deployment, enabled=False)
    yield client
    event_source.switch(deployment, enabled=True)
    client.wait_until_drained()


@pytest.fixture
def sender(paused: Client) -> Iterator[Sender]:
    """A sender, after whose requests the queue has the settings that it had, and holds nothing unexpected."""
    sender = Sender(paused)
    before = sender.attributes()
    yield sender
    assert sender.attributes() == before
    assert sender.take() == []
    assert paused.depth(paused.address.dlq_url) == 0


def punch(**more: object) -> dict[str, object]:
    return event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z", **more)


def written(*, escaped: bool = False, **more: object) -> bytes:
    return json.dumps(punch(**more), ensure_ascii=escaped).encode()


# Bodies


@pytest.mark.parametrize("escaped", [False, True], ids=["raw", "escaped"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_a_text_in_a_punch_is_stored_as_it_was_sent(sender: Sender, payload: str, escaped: bool) -> None:
    body = written(escaped=escaped, **in_names(payload[:64]))

    sender.require_stored(sender.send(body), body)


@pytest.mark.parametrize("payload", [*PAYLOADS, *UNPRINTABLE], ids=ascii)
def test_what_stands_beside_a_punch_is_refused(sender: Sender, payload: str) -> None:
    good = written()

    for body in (good + payload.encode(), payload.encode() + good, payload.encode()):
        sender.require_refused(sender.send(body))


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n\t %s \n\n\n",
        b"%s\r\n\r\nAction=DeleteQueue",
        b"Action=SendMessage&MessageBody=%s",
        b"MessageBody=%s&Action=SendMessage",
        b"%s%%0AAction=DeleteQueue",
        b"%s\x00",
        b"\xef\xbb\xbf%s",
        b"%s\xff\xfe",
    ],
    ids=repr,
)
def test_lines_and_bytes_around_a_punch_are_stored_as_they_were_sent_or_refused(sender: Sender, body: bytes) -> None:
    whole = body.replace(b"%%", b"%").replace(b"%s", written())

    sender.require_stored_or_refused(sender.send(whole), whole)


def test_any_mixture_is_stored_byte_for_byte(sender: Sender) -> None:
    chance = random.Random(20_261_001)  # noqa: S311  repeatable, not secret
    for _ in range(100):
        start = chance.randrange(40)
        mixed = "".join(chance.choices(PAYLOADS, k=8))[start : start + chance.randrange(65)]
        space = "".join(chance.choices([" ", "\n", "\r", "\t"], k=chance.randrange(9)))
        text = json.dumps(punch(**in_names(mixed)), ensure_ascii=chance.random() < 0.3)
        body = f"{space}{text}{space}".encode()

        sender.require_stored(sender.send(body), body)


# Size


@pytest.mark.parametrize("fill", [b" ", b"\n", "\u2028".encode()], ids=["blanks", "lines", "three bytes each"])
@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
def test_a_body_up_to_the_limit_of_the_queue_is_whole_or_refused(sender: Sender, size: int, fill: bytes) -> None:
    start = written()
    body = start + fill * ((size - len(start)) // len(fill))

    sent = sender.send(body)

    if fill.isspace():
        sender.require_stored(sent, body)
    else:  # no blank to JSON
        sender.require_refused(sent)


@pytest.mark.parametrize("size", [LIMIT + 1, 2**20 - 1, 2**20, 2**20 + 1])
def test_a_larger_body_is_not_stored_not_even_in_part(sender: Sender, size: int) -> None:
    sent = sender.send(written().ljust(size))

    assert sent == (413, {"message": f"there is an error in your request: it is larger than {LIMIT} bytes"})


# Headers and parameters


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_the_query_string_reaches_nothing(sender: Sender, payload: str) -> None:
    body = written()
    given = urllib.parse.quote(payload, safe="&=+;%$(){}.#'!:/")
    for query in (f"?{given}", f"?x={given}", f"?MessageBody=x&{given}"):
        sender.require_stored(sender.send(body, query=query.replace("#", "%23")), body)


@pytest.mark.parametrize(
    "name",
    [
        *("Action", "MessageBody", "DelaySeconds", "MessageAttribute.1.Name", "usuarioId", "Authorization"),
        *(
            "X-Amz-Target",
            "X-HTTP-Method-Override",
            "X-Forwarded-For",
            "Content-Encoding",
            "Accept",
            "Origin",
            "Cookie",
        ),
    ],
)
def test_a_header_reaches_nothing(sender: Sender, name: str) -> None:
    body = written()
    for payload in ("&Action=DeleteQueue&DelaySeconds=900", "%0d%0aAction: DeleteQueue", "$input.body#set($x=1)"):
        sender.require_stored_or_refused(sender.send(body, sender.headers((name, payload))), body)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        "application/json;charset=latin-1",
        'application/json; boundary="&Action=DeleteQueue"',
        "application/json, text/plain",
        "application/json&Action=DeleteQueue",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/json",
        "application/problem+json",
        "*/*",
        "",
        "garbage",
    ],
    ids=repr,
)
def test_whatever_the_content_type_says_the_body_is_stored_as_it_was_sent_or_refused(
    sender: Sender, content_type: str
) -> None:
    body = written(**in_names("ação &Action=DeleteQueue"))

    sender.require_stored_or_refused(sender.send(body, sender.headers(content_type=content_type)), body)


@pytest.mark.parametrize("kind", ["form", "plain"])
def test_a_form_with_parameters_of_sqs_is_refused_as_what_it_is(sender: Sender, kind: str) -> None:
    content_type = {"form": "application/x-www-form-urlencoded", "plain": "text/plain"}[kind]
    body = b"Action=SendMessage&MessageBody=" + urllib.parse.quote_plus(written()).encode()

    sent = sender.send(body, sender.headers(content_type=content_type))

    sender.require_refused(sent)
    # Valid JSON of that type is refused too: what the template does not know never reaches SQS.
    assert sender.send(written(), sender.headers(content_type=content_type)).status == 415


@pytest.mark.parametrize("right_first", [True, False])
def test_two_keys_are_one_or_refused(sender: Sender, right_first: bool) -> None:
    body = written()
    keys = [sender.key, "wrong"] if right_first else ["wrong", sender.key]
    headers = [("content-type", JSON), *(("x-api-key", key) for key in keys)]

    sender.require_stored_or_refused(sender.send(body, headers), body)
