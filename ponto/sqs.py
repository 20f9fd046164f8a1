"""What comes from SQS, and what goes to the dead-letter queue."""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from ponto.punch import Reason

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef

_milliseconds = re.compile("[0-9]{1,15}").fullmatch  # whoever put a message on the queue by hand may write anything
_LONGEST_ID = 100  # characters: SQS's own limit, and the column's
_RECEIPT = ("messageId", "receivedAt")  # the attributes of a message that was sent back
_EARLIEST_MS = 1_577_836_800_000  # 2020-01-01: no punch was received before
_TIMEOUT = 2  # s, to connect and again to read

CALL = 10
"""Messages that SQS takes in one call; ten of 64 KiB are below its limit of 1 MiB a call."""

CALL_SECONDS = 2 * _TIMEOUT
"""How long a call may take."""

DEAD_LETTER_SECONDS = 8.0
"""What the handler keeps of its time for the dead letters: boto3's import on a small function, and one call."""


class Attributes(TypedDict):
    """What SQS itself says of a message, as far as it is used here."""

    SentTimestamp: str  # when SQS stored it, ms since the epoch, UTC: the time of receipt that nobody can alter
    ApproximateReceiveCount: str
    ApproximateFirstReceiveTimestamp: str  # ms since the epoch, UTC


class Attribute(TypedDict, total=False):
    """An attribute that the sender gave a message; a binary one has no stringValue."""

    dataType: str
    stringValue: str


class Record(TypedDict):
    """One message of an SQS event, as far as it is used here."""

    messageId: str
    receiptHandle: str
    body: str
    attributes: Attributes
    messageAttributes: dict[str, Attribute]
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


class NoReceipt(ValueError):
    """When SQS stored a message cannot be read."""


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


def receive_count(record: Record) -> int:
    """Tell how often SQS has handed out a message, this time included; 1 where that cannot be read."""
    try:
        return max(1, int(record["attributes"]["ApproximateReceiveCount"]))
    except (KeyError, TypeError, ValueError):
        return 1  # nothing is concluded from a first receive


def first_received_ms(record: Record) -> int | None:
    """Return when SQS handed out a message first, ms since the epoch, UTC; None where that cannot be read."""
    try:
        return int(record["attributes"]["ApproximateFirstReceiveTimestamp"])
    except (KeyError, TypeError, ValueError):
        return None


def receipt(record: Record) -> tuple[str, int]:
    """Return the id of the message that first brought a body, and when SQS first stored it.

    They are SQS's own words, but for a dead letter that was sent back: see `first_receipt`.

    Returns:
        The id, and milliseconds since the epoch, UTC.

    Raises:
        NoReceipt: SQS's own words cannot be read.
    """
    sent = sent_ms(record)
    first = _text(record, "messageId") and first_receipt({name: _text(record, name) for name in _RECEIPT}, sent)
    return first or (record["messageId"], sent)


def sent_ms(record: Record) -> int:
    """Return when SQS stored this message, ms since the epoch, UTC.

    Raises:
        NoReceipt: SQS's own words cannot be read.
    """
    try:
        return int(record["attributes"]["SentTimestamp"])
    except (KeyError, TypeError, ValueError) as error:
        raise NoReceipt(f"SentTimestamp: {type(error).__name__}") from error


def first_receipt(attributes: Mapping[str, str | None], sent_ms: int) -> tuple[str, int] | None:
    """Return the receipt that a message carries when it is a dead letter that was sent back.

    A redrive is a new message to SQS, and carries the receipt of its first life as attributes. Whoever may send to the
    queue can write them, so a time is believed only if it can be true: not later than that of the message which says
    so, and not from before there was anything to receive.

    Args:
        attributes: the values of the message's own attributes, by name.
        sent_ms: when SQS stored this message, ms since the epoch, UTC.

    Returns:
        The first message's id and when SQS stored it; None: the message carries none, or none to be believed.
    """
    message_id, received = map(attributes.get, _RECEIPT)
    if not message_id or len(message_id) > _LONGEST_ID or not received or not _milliseconds(received):
        return None
    return (message_id, int(received)) if _EARLIEST_MS <= int(received) <= sent_ms else None


def signed_in(record: Record) -> str | None:
    """Return the number of the employee whose sign-in the gateway verified, as it stands in the token.

    Only the gateway sets it, from the token's claim, and a dead letter that was sent back keeps it. None: the stage
    has no user pool, the account has no number, or the message did not come through the gateway.
    """
    return _text(record, "usuarioId")


def api_key_id(record: Record) -> str | None:
    """Return the id of the API key that a punch came with.

    Only the gateway sets it, and a dead letter that was sent back keeps it. None: the message did not come through the
    gateway, or that is the local stack's, which knows no such id; or it is longer than the table takes.
    """
    key_id = _text(record, "apiKeyId")
    return key_id if key_id and len(key_id) <= _LONGEST_ID else None


def client() -> "SQSClient":
    """Make a client whose calls end soon, one way or the other."""
    # Imported here: it takes ten times as long as psycopg2, and most batches hold good punches only.
    import boto3
    from botocore.config import Config

    # One attempt: what could not be done comes back by itself.
    config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
    return boto3.client("sqs", config=config)


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


def _is_from_sqs(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _text(record: Record, name: str) -> str | None:
    """Give the text of an attribute that came with a message; None: it has none, or an empty or binary one."""
    return ((record.get("messageAttributes") or {}).get(name) or {}).get("stringValue") or None


def _attributes(rejection: Rejection) -> "dict[str, MessageAttributeValueTypeDef]":
    attributes: dict[str, MessageAttributeValueTypeDef] = {
        "reason": {"DataType": "String", "StringValue": rejection.reason},
        "detail": {"DataType": "String", "StringValue": rejection.detail},
        "messageId": {"DataType": "String", "StringValue": rejection.record["messageId"]},
    }
    with suppress(NoReceipt):  # then the dead letter counts as received when it was written
        message_id, received_ms = receipt(rejection.record)
        attributes["messageId"] = {"DataType": "String", "StringValue": message_id}
        attributes["receivedAt"] = {"DataType": "Number", "StringValue": str(received_ms)}
    if employee := signed_in(rejection.record):  # a redrive is judged by it again
        attributes["usuarioId"] = {"DataType": "String", "StringValue": employee}
    if key_id := api_key_id(rejection.record):
        attributes["apiKeyId"] = {"DataType": "String", "StringValue": key_id}
    return attributes


def _all(rejections: Sequence[Rejection], why: str) -> dict[str, str]:
    return {rejection.record["messageId"]: why for rejection in rejections}
