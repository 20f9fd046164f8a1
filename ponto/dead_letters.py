"""What goes to the dead-letter queue by the function's own hand."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ponto.punch import Reason
from ponto.records import NoSentTimestamp, Record, origin, senders_attributes
from ponto.sqs import CALL, client

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef

DEAD_LETTER_SECONDS = 8.0
"""What the handler keeps of its time for the dead letters: boto3's import on a small function, and one call."""


class Rejection(NamedTuple):
    """A record that can never be stored."""

    record: Record
    reason: Reason
    detail: str  # printable ASCII, not empty: a message attribute


class _EndError(Exception):
    """No other call is begun. The message says why."""


class DeadLetters:
    """The dead-letter queue, written by the Lambda itself."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url
        self._client: SQSClient | None = None

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Send each record to the dead-letter queue, its body untouched, with what an operator needs to know.

        Args:
            rejections: what to send.
            deadline: `time.monotonic()` seconds past which no call is begun.

        Returns:
            Why, for each message id that was not sent: such a record has to stay where it came from.
        """
        unsent: dict[str, str] = {}
        for start in range(0, len(rejections), CALL):
            try:
                _require_time(deadline)
                unsent |= self._send(rejections[start : start + CALL], deadline)
            except _EndError as error:
                return unsent | _all(rejections[start:], str(error))
        return unsent

    def _send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = client()
                _require_time(deadline)  # that was boto3's import
            answer = self._client.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {
                        "Id": str(index),
                        "MessageBody": rejection.record["body"],
                        "MessageAttributes": _attributes(rejection),
                    }
                    for index, rejection in enumerate(rejections)
                ],
            )
        except ClientError as error:
            return _all(rejections, f"dead-letter queue: {type(error).__name__}: {error}")
        except BotoCoreError as error:
            # The next call would fare no better, and take as long.
            raise _EndError(f"dead-letter queue: {type(error).__name__}: {error}") from error
        return {
            rejections[int(failed["Id"])].record["messageId"]: f"dead-letter queue: {failed['Code']}"
            for failed in answer.get("Failed", [])
        }


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise _EndError("no time left for the dead-letter queue")


def _attributes(rejection: Rejection) -> "dict[str, MessageAttributeValueTypeDef]":
    attributes: dict[str, MessageAttributeValueTypeDef] = {
        "reason": {"DataType": "String", "StringValue": rejection.reason},
        "detail": {"DataType": "String", "StringValue": rejection.detail},
        "messageId": {"DataType": "String", "StringValue": rejection.record["messageId"]},
    }
    with suppress(NoSentTimestamp):  # then the dead letter counts as received when it was written
        message_id, received_ms = origin(rejection.record)
        attributes["messageId"] = {"DataType": "String", "StringValue": message_id}
        attributes["receivedAt"] = {"DataType": "Number", "StringValue": str(received_ms)}
    for name, text in senders_attributes(rejection.record).items():
        attributes[name] = {"DataType": "String", "StringValue": text}
    return attributes


def _all(rejections: Sequence[Rejection], why: str) -> dict[str, str]:
    return {rejection.record["messageId"]: why for rejection in rejections}
