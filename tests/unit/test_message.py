"""What counts as an event of SQS, and what a message has of its record."""

from typing import Any

import pytest

from ponto.message import Message, NotFromSqsError, read_messages
from tests.events import NOT_SQS, RECEIVED_MS, Record, record, sqs_event


def read(made: Record) -> Message:
    [message] = read_messages(sqs_event(made))
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
def test_anything_else_is_refused(event: Any) -> None:
    with pytest.raises(NotFromSqsError, match="not from SQS"):
        read_messages(event)


def test_the_refusal_quotes_nothing_of_the_event() -> None:
    with pytest.raises(NotFromSqsError) as caught:
        read_messages({"Records": [{"eventSource": "CANARY", "body": "CANARY"}]})
    assert "CANARY" not in repr(caught.value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1", 1), ("7", 7), ("0", 1), ("-1", 1), ("-9", 1), ("", 1), ("often", 1), (None, 1)],
)
def test_a_receive_count_that_cannot_be_is_a_first_receive(written: Any, expected: int) -> None:
    received = record("{}")
    received["attributes"]["ApproximateReceiveCount"] = written
    assert read(received).receive_count == expected


def test_a_keys_id_that_is_longer_than_the_table_takes_is_none() -> None:
    made = record("{}")
    for value, expected in (("k" * 100, "k" * 100), ("k" * 101, None), ("", None)):
        made["messageAttributes"] = {"apiKeyId": {"dataType": "String", "stringValue": value}}
        assert read(made).api_key_id == expected


# Origins


def with_attributes(**attributes: tuple[str, str]) -> Record:
    made = record("{}", "m1")
    made["messageAttributes"] = {
        name: {"dataType": kind, "stringValue": value} for name, (kind, value) in attributes.items()
    }
    return made


@pytest.mark.parametrize(
    ("attributes", "source_key"),
    [
        ({}, None),
        ({"sourceKey": "00004000070000123/7"}, "00004000070000123/7"),
        ({"relogio": "00004000070000123", "nsr": "7"}, "00004000070000123/7"),  # as 1.0.0-rc.1 sent it
        ({"sourceKey": "00004000070000123/7", "relogio": "00004000070000123", "nsr": "7"}, "00004000070000123/7"),
        ({"relogio": "00004000070000123"}, "00004000070000123/"),  # which is refused, and not passed over
        ({"nsr": "7"}, "/7"),
    ],
)
def test_an_imported_record_has_a_source_key(attributes: dict[str, str], source_key: str | None) -> None:
    made = with_attributes(**{name: ("String", value) for name, value in attributes.items()})
    assert read(made).source_key == source_key


def test_an_event_written_by_hand_may_lack_receipt_handle_and_attributes() -> None:
    made = {"messageId": "m1", "body": "{}", "eventSource": "aws:sqs"}
    assert read(made)[:4] == ("m1", "{}", "", 1)


@pytest.mark.parametrize("attributes", [None, {}, {"SentTimestamp": "soon"}, {"SentTimestamp": None}])
def test_a_message_without_a_readable_sent_timestamp_has_no_origin(attributes: Any) -> None:
    made = with_attributes(messageId=("String", "first"), receivedAt=("Number", "1790000000000"))
    made["attributes"] = attributes
    assert (read(made).sent_ms, read(made).origin, read(made).is_redriven) == (None, None, True)


def test_only_attributes_of_known_senders_are_kept() -> None:
    made = with_attributes(usuarioId=("String", "7"), other=("String", "x"))
    assert read(made).sender_attributes == {"usuarioId": "7"}


@pytest.mark.parametrize(
    ("received_ms", "is_believed"),
    [
        (RECEIVED_MS, True),
        (RECEIVED_MS + 1, False),
        (999_999_999_999_999, False),  # the year 33658
        (1_577_836_800_000, True),  # 2020
        (1_577_836_799_999, False),
        (0, False),
    ],
)
def test_a_carried_origin_is_believed_only_if_it_can_be_true(received_ms: int, is_believed: bool) -> None:
    longest = "x" * 100
    sent_back = with_attributes(messageId=("String", longest), receivedAt=("Number", str(received_ms)))

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
        {"messageId": FIRST, "receivedAt": {"dataType": "Binary"}},
    ],
)
def test_half_an_origin_is_none(attributes: dict[str, Any]) -> None:
    assert read(record("{}", "m1") | {"messageAttributes": attributes}).origin == ("m1", RECEIVED_MS)
