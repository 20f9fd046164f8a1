"""Messages of the queue of punches, parsed from the records of an SQS event."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

MAX_ID_CHARACTERS = 100
"""Maximum length of message ids and API key ids: the limit of SQS and of the table's columns."""

_ORIGIN_ATTRIBUTES = ("messageId", "receivedAt")  # set by a redrive
_SOURCE_KEY = "sourceKey"
# Set only by the gateway and imports. Dead letters keep these attributes, because redriven messages need them.
_SENDER_ATTRIBUTES = frozenset({"usuarioId", "apiKeyId", _SOURCE_KEY})
_MIN_RECEIVED_MS = 1_577_836_800_000  # 2020-01-01: no punch was received earlier
_is_milliseconds = re.compile("[0-9]{1,15}").fullmatch  # messages put on the queue by hand may contain any text


class ItemFailure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """Response to Lambda for ReportBatchItemFailures. If a key were misspelt, SQS would delete all messages."""

    batchItemFailures: list[ItemFailure]


class Origin(NamedTuple):
    """The message in which a body was sent first."""

    message_id: str
    received_ms: int  # when SQS stored the message, in ms since the epoch


class Message(NamedTuple):
    """A message as received by the function. Times are in ms since the epoch, and None if they cannot be parsed."""

    id: str
    body: str
    receipt_handle: str
    receive_count: int  # including this receive; 1 if it cannot be parsed
    sent_ms: int | None  # when SQS stored this message
    first_received_ms: int | None  # when SQS first delivered this message
    origin: Origin | None  # this message or, if it is redriven, the original one; None if `sent_ms` is None
    is_redriven: bool  # whether the message is a redriven dead letter
    sender_attributes: Mapping[str, str]  # attributes set by the gateway or an import

    @property
    def employee_id(self) -> str | None:
        """Employee id from the token of the signed-in user, whom the gateway verified."""
        return self.sender_attributes.get("usuarioId")

    @property
    def api_key_id(self) -> str | None:
        """Id of the API key that the punch was sent with.

        None if the punch was not sent through API Gateway, or if the id is too long for the table. The local stack's
        gateway sets no id.
        """
        key_id = self.sender_attributes.get("apiKeyId")
        return key_id if key_id and len(key_id) <= MAX_ID_CHARACTERS else None

    @property
    def source_key(self) -> str | None:
        """Source key of an imported record; see `derived_id.derive_source_id`."""
        return read_source_key(self.sender_attributes)


_NO_ATTRIBUTES: Mapping[str, str] = {}


class NotFromSqsError(ValueError):
    """The event is not a batch of SQS messages."""


def read_messages(event: Any) -> list[Message]:
    """Return the messages of an SQS event, in its order.

    Raises:
        NotFromSqsError: the event is not a batch of SQS messages.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not all(map(_is_from_sqs, records)):
        raise NotFromSqsError("The event is not from SQS: expected Records, each with eventSource aws:sqs.")
    return list(map(_parse_record, records))


def read_source_key(attributes: Mapping[str, str]) -> str | None:
    """Return the source key from a message's attributes, or None if there is none.

    Args:
        attributes: string values of the attributes, by name.
    """
    return attributes.get(_SOURCE_KEY) or None


def parse_origin(attributes: Mapping[str, str], sent_ms: int) -> Origin | None:
    """Return the origin from the attributes of a redriven message, or None if they are missing or implausible.

    To SQS a redriven message is new, so a redrive sends the origin in attributes. The gateway sets none of them. Anyone
    who may put messages on the queue can claim another message's id, and a time of receipt from 2020 until the
    message's own.

    Args:
        attributes: string values of the attributes, by name.
        sent_ms: when SQS stored the redriven message, in ms since the epoch.
    """
    message_id, received = map(attributes.get, _ORIGIN_ATTRIBUTES)
    if not message_id or len(message_id) > MAX_ID_CHARACTERS or not received or not _is_milliseconds(received):
        return None
    return Origin(message_id, int(received)) if _MIN_RECEIVED_MS <= int(received) <= sent_ms else None


def _is_from_sqs(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _parse_record(record: Mapping[str, Any]) -> Message:
    message_id: str = record["messageId"]
    body: Any = record.get("body")  # SQS always sends a string; if another event does not, only its message fails
    system_attributes = record.get("attributes") or _NO_ATTRIBUTES
    sent_ms = _parse_integer(system_attributes, "SentTimestamp")
    origin = None if sent_ms is None else Origin(message_id, sent_ms)
    is_redriven, sender_attributes = False, _NO_ATTRIBUTES
    attributes = record.get("messageAttributes")
    if attributes and isinstance(attributes, dict):
        string_attributes = {  # without empty and binary ones
            name: text
            for name, value in attributes.items()
            if isinstance(value, dict) and (text := value.get("stringValue"))
        }
        sender_attributes = {name: text for name, text in string_attributes.items() if name in _SENDER_ATTRIBUTES}
        is_redriven = "messageId" in string_attributes  # set by a redrive; see `parse_origin`
        if is_redriven and sent_ms is not None:
            origin = parse_origin(string_attributes, sent_ms) or origin
    return Message(
        message_id,
        body,
        record.get("receiptHandle") or "",  # an event written by hand may lack it
        max(1, _parse_integer(system_attributes, "ApproximateReceiveCount") or 1),
        sent_ms,
        _parse_integer(system_attributes, "ApproximateFirstReceiveTimestamp"),
        origin,
        is_redriven,
        sender_attributes,
    )


def _parse_integer(system_attributes: Mapping[str, Any], name: str) -> int | None:
    try:
        return int(system_attributes[name])
    except (KeyError, TypeError, ValueError):
        return None
