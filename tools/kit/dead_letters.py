"""Dead letters: messages of the dead-letter queue, in each format that arrives there."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ponto import enabled_slices
from ponto.drain.message import parse_origin, read_source_key
from ponto.drain.parser import InvalidPunchError, Reason, parse
from ponto.punch import EVENT
from ponto.shared.derived_id import InvalidSourceKeyError, derive_source_id
from ponto.shared.event import Subject

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import (
        MessageAttributeValueOutputTypeDef,
        MessageAttributeValueTypeDef,
        MessageTypeDef,
    )

_EMPLOYEE_FIELD = EVENT.fields[EVENT.subject].name  # its name on the wire
_TWO_ZONES = (UTC, timezone(timedelta(hours=1)))  # an id that differs between them depends on the stage's time zone
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Source(StrEnum):
    """Sender of a message to the dead-letter queue."""

    REJECTED = "rejected"  # the function, at the first receive
    EXHAUSTED = "exhausted"  # SQS, after maxReceiveCount receives
    ASYNCHRONOUS = "asynchronous"  # Lambda, after its retries of an asynchronous invocation

    @property
    def is_event(self) -> bool:
        """True for events of asynchronous invocations, which are not punches."""
        return self is Source.ASYNCHRONOUS


@cache
def _slice_events() -> "dict[str, DeadLetterEvent]":
    return {event.reason: event for event in enabled_slices.collect("dead_letters", "EVENT").values()}


def reasons() -> list[str]:
    """Return all reasons of dead letters: the function's, those of SQS and Lambda, and those of slices' events."""
    return [*Reason, Source.EXHAUSTED, Source.ASYNCHRONOUS, *_slice_events()]


class DeadLetterEvent(NamedTuple):
    """A type of events of a slice that may become dead letters."""

    reason: str  # reason of such a dead letter
    function: str  # name in serverless.yml of the function that the event invokes
    describe: Callable[[Any], str | None]  # describes an event; None if it has another type


class DeadLetter(NamedTuple):
    """A message of the dead-letter queue.

    `message_id` and `received_ms` are those of the original message, as the gateway stored it.
    """

    id: str  # MessageId in the dead-letter queue
    source: Source
    reason: str
    detail: str
    message_id: str
    received_ms: int  # ms since the epoch, UTC
    receive_count: int  # includes receives from the dead-letter queue
    body: str
    attributes: "Mapping[str, MessageAttributeValueOutputTypeDef]"
    system: Mapping[str, str]  # SQS's own attributes

    @property
    def received(self) -> str:
        """Time at which the queue stored the original message, ISO 8601 in UTC."""
        instant = _EPOCH + timedelta(milliseconds=self.received_ms)
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def employee_id(self) -> Subject | None:
        """Employee in the body; None if it has none."""
        fields = None if self.source.is_event else _parse_object(self.body)
        employee_id = fields.get(_EMPLOYEE_FIELD) if fields else None
        return employee_id if type(employee_id) is EVENT.subject_type else None

    @property
    def punch_id(self) -> str | None:
        """Id that the client assigned to the punch, in lower case; None if the body has none."""
        fields = None if self.source.is_event else _parse_object(self.body)
        client_id = fields.get("id") if fields else None
        return client_id.lower() if isinstance(client_id, str) else None

    @property
    def id_from_source_key(self) -> str | None:
        """Id of an imported record, which takes precedence over the body's; None without a valid source key."""
        key = read_source_key(_string_values(self.attributes))
        try:
            return derive_source_id(key) if key else None
        except InvalidSourceKeyError:
            return None

    def find_punch_id(self, zone: tzinfo | None = None) -> str | None:
        """Return the punch's id: from its source key, or the client's, or derived from its fields.

        Args:
            zone: the stage's time zone. None: unknown, so a punch whose time has no offset gets no derived id.
        """
        if self.id_from_source_key or self.source.is_event:
            return self.id_from_source_key
        try:
            ids = {parse(self.body, time_zone).id for time_zone in ((zone,) if zone else _TWO_ZONES)}
        except InvalidPunchError:
            return self.punch_id
        return ids.pop() if len(ids) == 1 else None

    def attributes_to_resend(self) -> "dict[str, MessageAttributeValueTypeDef]":
        """Return the attributes with which to send a punch to its queue again.

        They contain the id and the time of the original message, which the redriven message lacks.
        """
        attributes = {
            name: _sendable_parts(value)
            for name, value in self.attributes.items()
            if name not in ("reason", "detail")
            and value.keys() & {"StringValue", "BinaryValue"}  # SQS refuses empty ones
        }
        return attributes | {
            "messageId": {"DataType": "String", "StringValue": self.message_id},
            "receivedAt": {"DataType": "Number", "StringValue": str(self.received_ms)},
        }

    @property
    def function(self) -> str | None:
        """Name of the slice's function that the event invokes; None if the event belongs to no slice."""
        return self._slice_event.function if self._slice_event else None

    @property
    def _slice_event(self) -> DeadLetterEvent | None:
        return _slice_events().get(self.reason) if self.source is Source.ASYNCHRONOUS else None

    def event_to_retry(self) -> bytes:
        """Return the JSON of the event with which to repeat the failed asynchronous invocation.

        Raises:
            ValueError, RecursionError: the event cannot be parsed or serialized.
        """
        return json.dumps(read_event(self.body)).encode() if _destination_record(self.body) else self.body.encode()

    def summary(self) -> dict[str, Any]:
        """Return the fields that a list shows, for JSON, without the body."""
        return {
            "id": self.id,
            "reason": self.reason,
            "detail": self.detail,
            "employee": self.employee_id,
            "received": self.received,
            "receives": self.receive_count,
            "messageId": self.message_id,
        }

    def details(self) -> dict[str, Any]:
        """Return all fields, for JSON; binary values in base64."""
        return self.summary() | {
            "body": self.body,
            "attributes": {
                name: {
                    key: base64.b64encode(part).decode() if isinstance(part, bytes) else part
                    for key, part in _sendable_parts(value).items()
                }
                for name, value in self.attributes.items()
            },
            "systemAttributes": dict(self.system),
        }


def read(message: "MessageTypeDef") -> DeadLetter:
    """Read a message of the dead-letter queue, received with all its attributes."""
    attributes = message.get("MessageAttributes", {})
    texts = _string_values(attributes)
    system = {str(name): value for name, value in message.get("Attributes", {}).items()}
    body = message.get("Body", "")
    source, reason, detail = _classify(body, texts)
    sent_ms = int(system.get("SentTimestamp", "0"))
    # A punch that was redriven before carries the id and the time of its original message.
    message_id, received_ms = parse_origin(texts, sent_ms) or (message["MessageId"], sent_ms)
    return DeadLetter(
        id=message["MessageId"],
        source=source,
        reason=reason,
        detail=detail,
        message_id=message_id,
        received_ms=received_ms,
        receive_count=int(system.get("ApproximateReceiveCount", "0")),
        body=body,
        attributes=attributes,
        system=system,
    )


def _string_values(attributes: "Mapping[str, MessageAttributeValueOutputTypeDef]") -> dict[str, str]:
    return {name: value.get("StringValue", "") for name, value in attributes.items()}


def _classify(body: str, texts: Mapping[str, str]) -> tuple[Source, str, str]:
    if "reason" in texts:
        return Source.REJECTED, texts["reason"], texts.get("detail", "")
    if {"RequestID", "ErrorCode"} <= texts.keys():
        return _classify_event(body, f"{texts['ErrorCode']}: {texts.get('ErrorMessage', '')}")
    if record := _destination_record(body):
        response = record.get("responsePayload")
        error = response.get("errorMessage") if isinstance(response, dict) else None
        return _classify_event(body, error if isinstance(error, str) else "")
    return Source.EXHAUSTED, Source.EXHAUSTED, "received too often; the function's log has the reason of each failure"


def _classify_event(body: str, error: str) -> tuple[Source, str, str]:
    event = read_event(body)
    for reason, slice_event in _slice_events().items():
        if description := slice_event.describe(event):
            return Source.ASYNCHRONOUS, reason, f"{description}: {error}"
    return Source.ASYNCHRONOUS, Source.ASYNCHRONOUS, error


def read_event(body: str) -> Any:
    record = _destination_record(body)
    return record["requestPayload"] if record else _parse_object(body)


def _destination_record(body: str) -> dict[str, Any] | None:
    """Return the record that contains the event, as the emulator and Lambda's destinations write it; None otherwise."""
    fields = _parse_object(body)
    return fields if fields and {"requestContext", "requestPayload"} <= fields.keys() else None


def _parse_object(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text.removeprefix("\ufeff"))  # ponto/drain/parser.py accepts a byte order mark, too
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _sendable_parts(value: Mapping[str, object]) -> Any:
    """Return the parts of an attribute that SQS accepts."""
    return {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
