"""The records of an SQS event: what each is, and what it says of itself, of its sender and of its first life."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from ponto.derived_id import ClockRecord

_milliseconds = re.compile("[0-9]{1,15}").fullmatch  # whoever put a message on the queue by hand may write anything
_LONGEST_ID = 100  # characters: SQS's own limit, and the column's
_is_clock = re.compile("[0-9]{17}").fullmatch
_is_nsr = re.compile("[1-9][0-9]{0,8}").fullmatch
_ORIGIN = ("messageId", "receivedAt")  # the attributes of a message that was sent back
_OF_A_CLOCK = ("relogio", "nsr")
# Those that only the gateway and imports set, and that a dead letter which was sent back keeps: the number of the
# employee whose sign-in the gateway verified, as it stands in the token; the API key; the record of a hardware clock.
_SENDERS = ("usuarioId", "apiKeyId", *_OF_A_CLOCK)
_EARLIEST_MS = 1_577_836_800_000  # 2020-01-01: no punch was received before


class Attributes(TypedDict):
    """What SQS itself says of a message, as far as it is used here."""

    SentTimestamp: str  # when SQS stored it, ms since the epoch, UTC: nobody else can write it
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


class Origin(NamedTuple):
    """The message that first brought a body."""

    message_id: str
    received_ms: int  # when SQS stored it, ms since the epoch, UTC


class NotFromSqs(ValueError):
    """The event is not a batch of SQS messages."""


class NoSentTimestamp(ValueError):
    """When SQS stored a message cannot be read."""


class NoClockRecord(ValueError):
    """What a message says of a hardware clock is not the number of a clock and of its record."""


def records_of(event: Any) -> list[Record]:
    """Return the records of an SQS event.

    Raises:
        NotFromSqs: it is none.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not all(map(_is_from_sqs, records)):
        raise NotFromSqs("The event is not from SQS: expected Records, each with eventSource aws:sqs.")
    return records


def receive_count(record: Record) -> int:
    """Tell how often SQS has handed out a message, this time included; 1 where that cannot be read."""
    return max(1, _number(record, "ApproximateReceiveCount") or 1)  # nothing is concluded from a first receive


def first_received_ms(record: Record) -> int | None:
    """Return when SQS handed out a message first, ms since the epoch, UTC; None where that cannot be read."""
    return _number(record, "ApproximateFirstReceiveTimestamp")


def origin(record: Record) -> Origin:
    """Return which message first brought a body: this one, but for a dead letter that was sent back.

    Raises:
        NoSentTimestamp: of this message.
    """
    sent = sent_ms(record)
    carried = carried_origin(texts(record), sent) if is_redriven(record) else None
    return carried or Origin(record["messageId"], sent)


def sent_ms(record: Record) -> int:
    """Return when SQS stored this message, ms since the epoch, UTC, or raise NoSentTimestamp."""
    sent = _number(record, "SentTimestamp")
    if sent is None:
        raise NoSentTimestamp("SentTimestamp is missing, or is no number")
    return sent


def carried_origin(attributes: Mapping[str, str | None], sent_ms: int) -> Origin | None:
    """Return the origin that a message's own attributes, by name, carry when it is a dead letter that was sent back.

    A redrive is a new message to SQS, and carries the origin of its body as attributes. Whoever may send to the queue
    can write them, so a time is believed only if it can be true: not later than that of the message which says so, and
    not from before there was anything to receive. None: there is no origin, or none to be believed.
    """
    message_id, received = map(attributes.get, _ORIGIN)
    if not message_id or len(message_id) > _LONGEST_ID or not received or not _milliseconds(received):
        return None
    return Origin(message_id, int(received)) if _EARLIEST_MS <= int(received) <= sent_ms else None


def is_redriven(record: Record) -> bool:
    """Tell whether a message is a dead letter that was sent back: nothing else names an earlier message."""
    # Of nearly all messages the first look says no, in a quarter of the time.
    return "messageId" in (record.get("messageAttributes") or ()) and "messageId" in texts(record)


def texts(record: Record) -> dict[str, str]:
    """Return the attributes that came with a message and have a text: empty and binary ones have none."""
    attributes = record.get("messageAttributes")
    if not attributes:
        return {}
    return {name: text for name, each in attributes.items() if (text := (each or {}).get("stringValue"))}


def api_key_id(attributes: Mapping[str, str]) -> str | None:
    """Return the id of the API key that a punch came with, as its message's attributes have it.

    None: the message did not come through the gateway, or that is the local stack's, which knows no such id; or it is
    longer than the table takes.
    """
    key_id = attributes.get("apiKeyId", "")
    return key_id if 0 < len(key_id) <= _LONGEST_ID else None


def named_clock_record(attributes: Mapping[str, str | None]) -> ClockRecord | None:
    """Return which record of a hardware clock a message's own attributes, by name, say that its punch is, if any.

    Raises:
        NoClockRecord: it cannot be read. The punch must not pass for another one, of the same employee and minute.
    """
    clock, nsr = map(attributes.get, _OF_A_CLOCK)
    if not clock and not nsr:
        return None
    if not clock or not nsr or not _is_clock(clock) or not _is_nsr(nsr):
        raise NoClockRecord
    return ClockRecord(clock, int(nsr))


def senders_attributes(record: Record) -> dict[str, str]:
    """Return what the gateway or the import vouched for; a dead letter carries it, for a redrive is judged by it."""
    return {name: text for name, text in texts(record).items() if name in _SENDERS}


def _is_from_sqs(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _number(record: Record, name: str) -> int | None:
    """Give a number of SQS's attributes; None: it cannot be read."""
    try:
        attributes: Mapping[str, Any] = record["attributes"]
        return int(attributes[name])
    except (KeyError, TypeError, ValueError):
        return None
