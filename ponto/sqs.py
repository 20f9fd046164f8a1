"""What comes from SQS, and what goes to the dead-letter queue."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from ponto.punch import Reason

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_CALL = 10  # messages that SQS takes in one call; ten of 64 KiB are below its limit of 1 MiB a call
_TIMEOUT = 2  # s, to connect and again to read

PUT_ASIDE_SECONDS = 8.0
"""What the handler keeps of its time for the dead letters: boto3's import on a small function, and one call."""


class Attributes(TypedDict):
    """What SQS itself says of a message, as far as it is used here."""

    SentTimestamp: str  # when SQS stored it, ms since the epoch, UTC: the time of receipt that nobody can alter
    ApproximateReceiveCount: str


class Record(TypedDict):
    """One message of an SQS event, as far as it is used here."""

    messageId: str
    body: str
    attributes: Attributes
    eventSource: str


class ItemFailure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda reads with ReportBatchItemFailures; a misspelt key would delete every message of the batch."""

    batchItemFailures: list[ItemFailure]


class Rejection(NamedTuple):
    """A record that can never be stored."""

    record: Record
    reason: Reason
    detail: str  # printable ASCII, not empty: a message attribute


class NotFromSqs(ValueError):
    """The event is not a batch of SQS messages."""


def records_of(event: Any) -> list[Record]:
    """Return the records of an SQS event.

    Raises:
        NotFromSqs: it is none. Lambda then retries the invocation if it was asynchronous, and hands the
            event to the function's own dead-letter queue.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not all(map(_is_from_sqs, records)):
        raise NotFromSqs("The event is not from SQS: expected Records, each with eventSource aws:sqs.")
    return records


class DeadLetters:
    """The dead-letter queue, written by the Lambda itself."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url
        self._client: SQSClient | None = None

    def put_aside(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Send each record to the dead-letter queue, its body untouched, with what an operator needs to know.

        Args:
            rejections: what to send.
            deadline: `time.monotonic()` seconds past which no call is begun.

        Returns:
            Why, for each message id that was not sent: such a record has to stay where it came from.
        """
        unsent: dict[str, str] = {}
        for start in range(0, len(rejections), _CALL):
            part = rejections[start : start + _CALL]
            if time.monotonic() > deadline:
                unsent |= _all(part, "no time left for the dead-letter queue")
            else:
                unsent |= self._send(part)
        return unsent

    def _send(self, rejections: Sequence[Rejection]) -> dict[str, str]:
        # Imported here: it takes ten times as long as psycopg2, and most batches hold good punches only.
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._sqs().send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {
                        "Id": str(index),
                        "MessageBody": rejection.record["body"],
                        "MessageAttributes": {
                            "reason": {"DataType": "String", "StringValue": rejection.reason},
                            "detail": {"DataType": "String", "StringValue": rejection.detail},
                            "messageId": {"DataType": "String", "StringValue": rejection.record["messageId"]},
                            "receivedAt": {
                                "DataType": "Number",
                                "StringValue": rejection.record["attributes"]["SentTimestamp"],
                            },
                        },
                    }
                    for index, rejection in enumerate(rejections)
                ],
            )
        except (BotoCoreError, ClientError) as error:
            return _all(rejections, f"dead-letter queue: {type(error).__name__}: {error}")
        return {
            rejections[int(failed["Id"])].record["messageId"]: f"dead-letter queue: {failed['Code']}"
            for failed in answer.get("Failed", [])
        }

    def _sqs(self) -> "SQSClient":
        if self._client is None:
            import boto3
            from botocore.config import Config

            # One attempt: a record that cannot be put aside now comes back by itself.
            config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
            self._client = boto3.client("sqs", config=config)
        return self._client


def _is_from_sqs(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _all(rejections: Sequence[Rejection], why: str) -> dict[str, str]:
    return {rejection.record["messageId"]: why for rejection in rejections}
