"""The dead-letter queue, to which the function sends messages that can never be stored."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ponto.drain.message import Message
from ponto.drain.parser import Reason
from ponto.drain.sqs import MAX_MESSAGES_PER_CALL, call_batch, create_client

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef

DEAD_LETTER_SECONDS = 8.0
"""Time reserved at the end of an invocation to import boto3 and make one call."""


class Rejection(NamedTuple):
    """A message that can never be stored."""

    message: Message
    reason: Reason
    detail: str  # why; printable ASCII and not empty, because it is sent as a message attribute


class _SendingStoppedError(Exception):
    """No further calls are made. The error text says why."""


class DeadLetters:
    """The dead-letter queue."""

    def __init__(
        self,
        queue_url: str,
        create_client: "Callable[[], SQSClient]" = create_client,
        clock: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:
        """Create a sender. It makes no call until it is used.

        Args:
            queue_url: URL of the dead-letter queue.
            create_client: called once, before the first dead letter.
            clock: `time.monotonic`, looked up at each call, so that it can be patched.
        """
        self._queue_url = queue_url
        self._create_client = create_client
        self._clock = clock

    @cached_property
    def _client(self) -> "SQSClient":
        return self._create_client()

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Send messages to the dead-letter queue, with unchanged bodies, and with the reason as message attributes.

        Args:
            rejections: the messages and the reasons.
            deadline: time in `time.monotonic()` seconds after which no call is started.

        Returns:
            The error for each message that was not sent, by message id. Such a message has to stay in its queue.
        """
        unsent: dict[str, str] = {}
        for start in range(0, len(rejections), MAX_MESSAGES_PER_CALL):
            try:
                unsent |= self._send(rejections[start : start + MAX_MESSAGES_PER_CALL], deadline)
            except _SendingStoppedError as error:
                return unsent | _repeat_error(rejections[start:], str(error))
        return unsent

    def _send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        self._require_time(deadline)
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [
            {"MessageBody": rejection.message.body, "MessageAttributes": _attributes(rejection)}
            for rejection in rejections
        ]
        try:
            sqs = self._client
            self._require_time(deadline)  # creating the client may have taken seconds to import boto3
            failures = call_batch(sqs.send_message_batch, self._queue_url, entries)
        except ClientError as error:
            return _repeat_error(rejections, f"dead-letter queue: {type(error).__name__}: {error}")
        except BotoCoreError as error:
            # The next call would fail too, and take as long.
            raise _SendingStoppedError(f"dead-letter queue: {type(error).__name__}: {error}") from error
        return {
            rejections[index].message.id: f"dead-letter queue: {failure.code}" for index, failure in failures.items()
        }

    def _require_time(self, deadline: float) -> None:
        if self._clock() > deadline:
            raise _SendingStoppedError("no time left for the dead-letter queue")


def _attributes(rejection: Rejection) -> "dict[str, MessageAttributeValueTypeDef]":
    message = rejection.message
    texts = {"reason": rejection.reason, "detail": rejection.detail, **message.sender_attributes}
    texts["messageId"] = message.origin.message_id if message.origin else message.id
    attributes: dict[str, MessageAttributeValueTypeDef] = {
        name: {"DataType": "String", "StringValue": text} for name, text in texts.items()
    }
    if message.origin:  # without receivedAt, the dead letter's own SentTimestamp counts as the time of receipt
        attributes["receivedAt"] = {"DataType": "Number", "StringValue": str(message.origin.received_ms)}
    return attributes


def _repeat_error(rejections: Sequence[Rejection], error: str) -> dict[str, str]:
    return {rejection.message.id: error for rejection in rejections}
