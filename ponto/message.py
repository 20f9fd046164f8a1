"""Messages of the queue of punches, each read once from its record in an SQS event."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

MAX_ID_CHARACTERS = 100
"""Of a message's id or an API key's: SQS's own limit, and that of the table's columns."""

_ORIGIN = ("messageId", "receivedAt")  # attributes of a dead letter that was sent back
_SOURCE_KEY = "sourceKey"
# 1.0.0-rc.1 sent the two parts of a source key as two attributes; the release after the next may drop them.
_SOURCE_KEY_PARTS = ("relogio", "nsr")
# Only the gateway and imports set them. A dead letter keeps them, for a redrive is judged by them.
_SENDER_ATTRIBUTES = frozenset({"usuarioId", "apiKeyId", _SOURCE_KEY, *_SOURCE_KEY_PARTS})
_EARLIEST_MS = 1_577_836_800_000  # 2020-01-01: no punch was received before
_is_milliseconds = re.compile("[0-9]{1,15}").fullmatch  # a message put on the queue by hand may have any text


class ItemFailure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """Response to Lambda, by ReportBatchItemFailures; a misspelt key would delete every message of the batch."""

    batchItemFailures: list[ItemFailure]


class Origin(NamedTuple):
    """The message that first brought a body."""

    message_id: str
    received_ms: int  # when SQS stored it, ms since the epoch, UTC


class Message(NamedTuple):
    """A message as the function received it."""

    id: str
    body: str
    receipt_handle: str
    receive_count: int  # this receive included; 1 if it cannot be read
    sent_ms: int | None  # when SQS stored this message, ms since the epoch, UTC; None: it cannot be read
    first_received_ms: int | None  # when SQS first handed it out, likewise
    origin: Origin | None  # this message, or that of a dead letter which was sent back; None: `sent_ms` is None
    is_redriven: bool  # it is a dead letter that was sent back
    sender_attributes: Mapping[str, str]  # set by the gateway or an import

    @property
    def employee_id(self) -> str | None:
        """Number of the employee whose sign-in the gateway verified, as the token has it."""
        return self.sender_attributes.get("usuarioId")

    @property
    def api_key_id(self) -> str | None:
        """Id of the API key that the punch came with.

        None: it did not come through the gateway, or through that of the local stack, which knows no such id; or the id
        is longer than the table takes.
        """
        key_id = self.sender_attributes.get("apiKeyId")
        return key_id if key_id and len(key_id) <= MAX_ID_CHARACTERS else None

    @property
    def source_key(self) -> str | None:
        """Text from which the id of an imported record is derived; see `derived_id.derive_source_id`."""
        return read_source_key(self.sender_attributes)


_NO_ATTRIBUTES: Mapping[str, str] = {}


class NotFromSqsError(ValueError):
    """The event is not a batch of SQS messages."""


def read_messages(event: Any) -> list[Message]:
    """Return the messages of an SQS event, in its order.

    Raises:
        NotFromSqsError: it is another event.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not all(map(_is_from_sqs, records)):
        raise NotFromSqsError("The event is not from SQS: expected Records, each with eventSource aws:sqs.")
    return list(map(_read, records))


def read_source_key(attributes: Mapping[str, str]) -> str | None:
    """Return the source key that a message's attributes, by name, carry; None: there is none."""
    if key := attributes.get(_SOURCE_KEY):
        return key
    source, record = map(attributes.get, _SOURCE_KEY_PARTS)
    return f"{source or ''}/{record or ''}" if source or record else None


def carried_origin(attributes: Mapping[str, str], sent_ms: int) -> Origin | None:
    """Return the origin that the attributes of a dead letter which was sent back carry.

    A redrive is a new message to SQS, and carries the origin of its body as attributes. All who may send to the queue
    can write them, so a time is believed only if it can be true: not later than that of the message which carries it,
    and not before there was anything to receive.

    Args:
        attributes: the message's own, by name.
        sent_ms: when SQS stored it, ms since the epoch, UTC.
    """
    message_id, received = map(attributes.get, _ORIGIN)
    if not message_id or len(message_id) > MAX_ID_CHARACTERS or not received or not _is_milliseconds(received):
        return None
    return Origin(message_id, int(received)) if _EARLIEST_MS <= int(received) <= sent_ms else None


def _is_from_sqs(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _read(record: Mapping[str, Any]) -> Message:
    message_id: str = record["messageId"]
    body: Any = record.get("body")  # always a text from SQS; otherwise the parser fails on it, on this message alone
    system = record.get("attributes") or _NO_ATTRIBUTES
    sent_ms = _number(system, "SentTimestamp")
    origin = None if sent_ms is None else Origin(message_id, sent_ms)
    is_redriven, sender_attributes = False, _NO_ATTRIBUTES
    attributes = record.get("messageAttributes")
    if attributes and isinstance(attributes, dict):
        texts = {  # empty and binary ones have none
            name: text
            for name, value in attributes.items()
            if isinstance(value, dict) and (text := value.get("stringValue"))
        }
        sender_attributes = {name: text for name, text in texts.items() if name in _SENDER_ATTRIBUTES}
        is_redriven = "messageId" in texts  # only a redrive sends it
        if is_redriven and sent_ms is not None:
            origin = carried_origin(texts, sent_ms) or origin
    return Message(
        message_id,
        body,
        record.get("receiptHandle") or "",  # an event written by hand may lack it
        max(1, _number(system, "ApproximateReceiveCount") or 1),
        sent_ms,
        _number(system, "ApproximateFirstReceiveTimestamp"),
        origin,
        is_redriven,
        sender_attributes,
    )


def _number(system: Mapping[str, Any], name: str) -> int | None:
    """Return a number of SQS's own attributes; None: it cannot be read."""
    try:
        return int(system[name])
    except (KeyError, TypeError, ValueError):
        return None
