"""Inputs of the functions in tests: SQS events and Lambda's context; and a dead-letter queue in moto."""

import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from moto import mock_aws

from ponto.drain.message import Message, read_messages
from tests.aws import receive_all
from tools.kit.event import body

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

Record = dict[str, Any]
"""A record of an SQS event."""

RECEIVED_MS = 1_790_852_401_234  # 2026-10-01T11:00:01.234Z


def punch(employee_id: int = 1, instant: str = "2026-10-01T08:00:00-03:00", /, **more: Any) -> str:
    """Return the body of a valid punch.

    Args:
        employee_id: Employee id.
        instant: Date and time of the punch, as a client writes it.
        more: Further fields, by their names on the wire.
    """
    return json.dumps(body(employee_id, instant, **more))


def new_punch(receive_count: int = 1) -> Record:
    """Return the SQS record of a punch with a new id."""
    return record(punch(id=str(uuid.uuid4())), receive_count=receive_count)


def record(
    text: str, message_id: str | None = None, received_ms: int = RECEIVED_MS, *, receive_count: int = 1
) -> Record:
    """Return an SQS record as Lambda passes it, with the fields that the function does not use.

    Args:
        text: Body of the message.
        message_id: Message id; None: a new one.
        received_ms: Time when SQS received the message, in Unix milliseconds.
        receive_count: Number of receives, including the current one.
    """
    return {
        "messageId": message_id or str(uuid.uuid4()),
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": text,
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": str(received_ms),
            "SenderId": "AROAEXAMPLE:BackplaneAssumeRoleSession",
            "ApproximateFirstReceiveTimestamp": str(received_ms + 20),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:punches",
        "awsRegion": "us-east-1",
    }


def message(
    text: str, message_id: str | None = None, received_ms: int = RECEIVED_MS, *, receive_count: int = 1
) -> Message:
    """Return the `Message` that the function reads from `record(...)` with the same arguments."""
    [read] = read_messages(sqs_event(record(text, message_id, received_ms, receive_count=receive_count)))
    return read


def sqs_event(*records: Record) -> dict[str, Any]:
    return {"Records": list(records)}


NOT_SQS: dict[str, Any] = {
    "nothing": None,
    "list": [record("{}")],
    "no records": {"Records": []},
    "records are an object": {"Records": {"0": record("{}")}},
    "S3": {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "a"}}}]},
    "EventBridge": {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    "mixed": sqs_event(record("{}"), record("{}") | {"eventSource": "aws:s3"}),
    "records are texts": {"Records": ["{}"]},
}
"""Events of which at least one record is not from SQS."""


class Context:
    """The part of Lambda's context that the functions use."""

    aws_request_id = "request"

    def __init__(self, seconds: float = 60) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - time.monotonic()) * 1000))


class DeadLetter(NamedTuple):
    body: str
    attributes: dict[str, tuple[str, str]]  # name -> data type and value

    @property
    def message_id(self) -> str:
        return self.attributes["messageId"][1]

    @property
    def reason(self) -> str:
        return self.attributes["reason"][1]


class DeadLetterQueue:
    """A dead-letter queue in moto."""

    def __init__(self) -> None:
        self._sqs: SQSClient = boto3.client("sqs")
        created = self._sqs.create_queue(QueueName="dead-letters", Attributes={"VisibilityTimeout": "43200"})
        self.url = created["QueueUrl"]

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters sent since the last call: each call hides the messages that it receives."""
        return [
            DeadLetter(
                message["Body"],
                {
                    name: (attribute["DataType"], attribute["StringValue"])
                    for name, attribute in message["MessageAttributes"].items()
                },
            )
            for message in receive_all(self._sqs, self.url)
        ]


@contextmanager
def aws_environment() -> Iterator[None]:
    """Set a region and fake credentials, and hide the AWS configuration of the machine."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SECRETS_MANAGER"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_CONFIG_FILE", os.devnull)
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ACCESS_KEY_ID", "id")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "key")
        environment.setattr(boto3, "DEFAULT_SESSION", None)  # a cached session would keep the old environment
        yield


@contextmanager
def aws() -> Iterator[None]:
    """Answer every call to AWS with moto."""
    with aws_environment(), mock_aws():
        yield


@pytest.fixture
def queue() -> Iterator[DeadLetterQueue]:
    """Yield an empty dead-letter queue."""
    with aws():
        yield DeadLetterQueue()
