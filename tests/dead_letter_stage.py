"""The stage `dev` with a dead-letter queue in moto, for tests of `ponto dlq`."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ponto.punch import EVENT
from tests.aws import Call, Calls, receive_all, skip_long_polling, stack
from tests.clock import FakeClock
from tests.commands import CommandResult, runner
from tests.events import RECEIVED_MS, aws
from tests.events import punch as body_of
from tests.strategies import fill_text_fields
from tools.kit import event
from tools.kit.collaborators import Collaborators

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

RECEIVED = "2026-10-01T11:00:01.234Z"
ORIGINAL_ID = "0f7c1a52-8a36-4a8e-9a62-6f0a4c2d3e11"
EMPLOYEE_FIELD = EVENT.fields[EVENT.subject].name
# JSON with unusual spaces, an escape and a duplicate key, all of which decoding and encoding again would change.
PUNCH = (
    body_of(7, "2026-10-01T08:00:00Z", **fill_text_fields("portão 日"))
    .replace("\\u65e5", "\u65e5")
    .replace(", ", ",  ", 1)
)
PUNCH = f'{PUNCH[:-1]}, "{EMPLOYEE_FIELD}": {json.dumps(event.subject(7))}}}\n'
LAMBDA_EVENT = {"Records": [{"eventSource": "aws:s3", "key": "\u65e5"}]}
LAMBDA_ATTRIBUTES = {"RequestID": "1", "ErrorCode": "200", "ErrorMessage": "not from SQS"}


def text(value: object, kind: str = "String") -> Any:
    return {"DataType": kind, "StringValue": str(value)}


def message(body: str = PUNCH, **attributes: str) -> "MessageTypeDef":
    return {
        "MessageId": "in-the-dlq",
        "Body": body,
        "MessageAttributes": {name: text(value) for name, value in attributes.items()},
        "Attributes": {"SentTimestamp": str(RECEIVED_MS), "ApproximateReceiveCount": "301"},
    }


def destination_record(event: Any) -> str:
    """Return the record of a failed event as a Lambda destination or the emulator writes it."""
    answer = {"errorMessage": "not from SQS"}
    return json.dumps({"requestContext": {}, "requestPayload": event, "responsePayload": answer})


API = {"ApiId": "abc", "ApiUrl": "https://abc/dev/ponto"}


class DeadLetterStage:
    """The deployed stage `dev`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.sqs: Any = boto3.client("sqs")
        self.queue_url = self.sqs.create_queue(QueueName="punches")["QueueUrl"]
        self.dlq_url = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.outputs = {"QueueUrl": self.queue_url, "DeadLetterQueueUrl": self.dlq_url} | API
        self.drain = ["Enabled"]  # states of the event source mapping at the next calls; the last one stays
        self.drain_changed: dict[str, datetime] = {}  # LastModified of the mapping, if it is known
        self._ponto = runner(capsys, "dlq", collaborators=Collaborators(FakeClock()))
        self.calls = Calls(monkeypatch)
        self.stubs = self.calls.stubs
        self.stubs |= {
            "DescribeStacks": lambda *_: stack(**self.outputs),
            "Invoke": {"StatusCode": 202},
            "ReceiveMessage": skip_long_polling,
            "ListEventSourceMappings": {"EventSourceMappings": [{"UUID": "m"}]},
            "GetEventSourceMapping": self._mapping,
            "UpdateEventSourceMapping": self._update_mapping,
        }

    def run(self, verb: str, *words: object, typed: str | None = None) -> CommandResult:
        return self._ponto(verb, "--stage", "dev", *words, typed=typed)

    def reject(self, reason: str = "invalid", body: str = PUNCH, **more: Any) -> str:
        """Send a dead letter as the function does; return its id."""
        attributes = {
            "reason": text(reason),
            "detail": text("ponto: required"),
            "messageId": text(ORIGINAL_ID),
            "receivedAt": text(RECEIVED_MS, "Number"),
        }
        return self.send(body, attributes | more)

    def send_event(self, event: Any = LAMBDA_EVENT) -> str:
        """Send a failed asynchronous event as Lambda does; return its id."""
        attributes = {
            "RequestID": text(1),
            "ErrorCode": text(200, "Number"),
            "ErrorMessage": text("not from SQS"),
        }
        return self.send(json.dumps(event), attributes)

    def send(self, body: str, attributes: Any = None) -> str:
        """Send a message to the dead-letter queue, without attributes as SQS moves it; return its id."""
        sent = self.sqs.send_message(QueueUrl=self.dlq_url, MessageBody=body, MessageAttributes=attributes or {})
        return str(sent["MessageId"])

    def queued(self) -> list[Any]:
        """Receive and hide the messages in the queue of punches."""
        return receive_all(self.sqs, self.queue_url, VisibilityTimeout=43_200)

    def dead_letters(self) -> set[str]:
        """Receive and hide the visible dead letters; return their ids."""
        return {
            dead_letter["MessageId"] for dead_letter in receive_all(self.sqs, self.dlq_url, VisibilityTimeout=43_200)
        }

    def set_redrive_policy(self, receives: int, **attributes: Any) -> None:
        """Configure SQS to move a punch to the dead-letter queue after a number of receives."""
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dlq_url, AttributeNames=["QueueArn"])["Attributes"]
        policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": receives}
        attributes["RedrivePolicy"] = json.dumps(policy)
        self.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes=attributes)

    def _mapping(self, *_: Any) -> Any:
        state = self.drain.pop(0) if len(self.drain) > 1 else self.drain[0]
        return {"UUID": "m", "State": state} | self.drain_changed

    def _update_mapping(self, _: Call, parameters: Any) -> Any:
        self.drain = ["Enabling", "Enabled"] if parameters["Enabled"] else ["Disabling", "Disabled"]
        return {}


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[DeadLetterStage]:
    with aws():
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.setenv("COLUMNS", "250")  # each row of a table is a line
        yield DeadLetterStage(monkeypatch, capsys)
