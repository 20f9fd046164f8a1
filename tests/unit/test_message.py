"""SQS events, and the messages that are read from their records."""

from typing import Any

import pytest

from ponto.drain.message import Message, NotFromSqsError, read_messages
from tests.events import NOT_SQS, RECEIVED_MS, Record, record, sqs_event


def read(sqs_record: Record) -> Message:
    [message] = read_messages(sqs_event(sqs_record))
    return message


def test_messages_of_an_sqs_event_are_returned_in_order() -> None:
    messages = read_messages(sqs_event(record("{}", "m1", receive_count=7), record("", "m2")))

    assert [(message.id, message.body, message.receive_count) for message in messages] == [
        ("m1", "{}", 7),
        ("m2", "", 1),
    ]
    assert messages[0].receipt_handle
    assert (messages[0].sent_ms, messages[0].first_received_ms) == (RECEIVED_MS, RECEIVED_MS + 20)


@pytest.mark.parametrize("event", NOT_SQS.values(), ids=NOT_SQS.keys())
def test_event_of_another_source_is_refused(event: Any) -> None:
    with pytest.raises(NotFromSqsError, match="not from SQS"):
        read_messages(event)


@pytest.mark.parametrize("written", ["0", "-1", "often", None])
def test_invalid_receive_count_is_a_first_receive(written: Any) -> None:
    received = record("{}")
    received["attributes"]["ApproximateReceiveCount"] = written
    assert read(received).receive_count == 1


# Origins


def record_with_attributes(**attributes: tuple[str, str]) -> Record:
    sqs_record = record("{}", "m1")
    sqs_record["messageAttributes"] = {
        name: {"dataType": kind, "stringValue": value} for name, (kind, value) in attributes.items()
    }
    return sqs_record


@pytest.mark.parametrize("attributes", [None, {}, {"SentTimestamp": "soon"}, {"SentTimestamp": None}])
def test_a_message_without_a_readable_sent_timestamp_has_no_origin(attributes: Any) -> None:
    sqs_record = record_with_attributes(messageId=("String", "first"), receivedAt=("Number", "1790000000000"))
    sqs_record["attributes"] = attributes
    assert (read(sqs_record).sent_ms, read(sqs_record).origin, read(sqs_record).is_redriven) == (None, None, True)


def test_only_attributes_of_known_senders_are_kept() -> None:
    sqs_record = record_with_attributes(
        usuarioId=("String", "7"), sourceKey=("String", "1/7"), other=("String", "x"), apiKeyId=("String", "")
    )
    message = read(sqs_record)
    assert message.sender_attributes == {"usuarioId": "7", "sourceKey": "1/7"}
    assert (message.source_key, message.api_key_id, read(record("{}")).source_key) == ("1/7", None, None)


@pytest.mark.parametrize("length", [100, 101])
def test_api_key_id_that_is_too_long_for_the_table_is_none(length: int) -> None:
    key_id = read(record_with_attributes(apiKeyId=("String", "k" * length))).api_key_id
    assert key_id == ("k" * 100 if length == 100 else None)


@pytest.mark.parametrize(
    ("received_ms", "is_believed"),
    [
        (RECEIVED_MS, True),
        (RECEIVED_MS + 1, False),
        (1_577_836_800_000, True),  # 2020
        (1_577_836_799_999, False),
    ],
)
def test_origin_with_an_impossible_time_is_ignored(received_ms: int, is_believed: bool) -> None:
    longest = "x" * 100
    sent_back = record_with_attributes(messageId=("String", longest), receivedAt=("Number", str(received_ms)))

    assert read(sent_back).origin == ((longest, received_ms) if is_believed else ("m1", RECEIVED_MS))


FIRST, AT = {"dataType": "String", "stringValue": "first"}, {"dataType": "Number", "stringValue": "1790000000000"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"messageId": FIRST},
        {"receivedAt": AT},
        *({"messageId": FIRST, "receivedAt": AT | {"stringValue": text}} for text in ("-1.5e3", "9" * 5_000, "\u0661")),
        {"messageId": FIRST | {"stringValue": "x" * 101}, "receivedAt": AT},
        {"messageId": {"dataType": "Binary"}, "receivedAt": AT},
    ],
)
def test_incomplete_or_invalid_origin_is_ignored(attributes: dict[str, Any]) -> None:
    assert read(record("{}", "m1") | {"messageAttributes": attributes}).origin == ("m1", RECEIVED_MS)
