"""What goes to the dead-letter queue by the function's own hand."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ponto.punch import Reason
from ponto.records import NoSentTimestamp, Record, origin, senders_attributes
from ponto.sqs import call, client, in_calls

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
        """Calls nobody."""
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        return client()

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Send each record to the dead-letter queue, its body untouched, with what an operator needs to know.

        Args:
            rejections: what to send.
            deadline: `time.monotonic()` seconds past which no call is begun.

        Returns:
            Why, for each message id that was not sent: such a record has to stay where it came from.
        """
        unsent: dict[str, str] = {}
        parts = in_calls(rejections)
        for part in parts:
            try:
                unsent |= self._send(part, deadline)
            except _EndError as error:
                return unsent | _all([*part, *chain.from_iterable(parts)], str(error))
        return unsent

    def _send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        _require_time(deadline)
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [
            {"MessageBody": rejection.record["body"], "MessageAttributes": _attributes(rejection)}
            for rejection in rejections
        ]
        try:
            sqs = self._client
            _require_time(deadline)  # that may have been boto3's import
            refused = call(sqs.send_message_batch, self._queue_url, entries)
        except ClientError as error:
            return _all(rejections, f"dead-letter queue: {type(error).__name__}: {error}")
        except BotoCoreError as error:
            # The next call would fare no better, and take as long.
            raise _EndError(f"dead-letter queue: {type(error).__name__}: {error}") from error
        return {
            rejections[index].record["messageId"]: f"dead-letter queue: {why.code}" for index, why in refused.items()
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
