"""What counts as an event of SQS, and what a record says of its receives, its origin and its key."""

from collections.abc import Callable
from typing import Any

import pytest

from ponto.records import (
    NoClockRecord,
    NotFromSqs,
    Record,
    api_key_id,
    named_clock_record,
    origin,
    receive_count,
    records_of,
    texts,
)
from tests.events import NOT_SQS, RECEIVED_MS, record, sqs_event


def test_records_of_an_sqs_event_are_given_in_order_untouched() -> None:
    records = [record("{}"), record("")]
    assert records_of(sqs_event(*records)) == records


@pytest.mark.parametrize("event", NOT_SQS.values(), ids=NOT_SQS.keys())
def test_anything_else_is_refused(event: Any) -> None:
    with pytest.raises(NotFromSqs, match="not from SQS"):
        records_of(event)


def test_the_refusal_quotes_nothing_of_the_event() -> None:
    with pytest.raises(NotFromSqs) as caught:
        records_of({"Records": [{"eventSource": "CANARY", "body": "CANARY"}]})
    assert "CANARY" not in repr(caught.value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1", 1), ("7", 7), ("0", 1), ("-1", 1), ("-9", 1), ("", 1), ("often", 1), (None, 1)],
)
def test_a_receive_count_that_cannot_be_is_a_first_receive(written: Any, expected: int) -> None:
    received = record("{}")
    received["attributes"]["ApproximateReceiveCount"] = written
    assert receive_count(received) == expected


def test_a_keys_id_that_is_longer_than_the_table_takes_is_none() -> None:
    message = record("{}")
    for value, expected in (("k" * 100, "k" * 100), ("k" * 101, None), ("", None)):
        message["messageAttributes"] = {"apiKeyId": {"dataType": "String", "stringValue": value}}
        assert api_key_id(texts(message)) == expected


# Origins


def with_attributes(**attributes: tuple[str, str]) -> Record:
    made = record("{}", "m1")
    made["messageAttributes"] = {
        name: {"dataType": kind, "stringValue": value} for name, (kind, value) in attributes.items()
    }
    return made


CLOCK = "00004000070000123"


def test_a_message_of_no_clock_names_none_and_one_of_a_clock_its_record() -> None:
    assert named_clock_record(texts(record("{}"))) is None
    made = with_attributes(relogio=("String", CLOCK), nsr=("String", "999999998"))
    assert named_clock_record(texts(made)) == (CLOCK, 999_999_998)


@pytest.mark.parametrize(
    "given",
    [
        {"relogio": CLOCK},
        {"nsr": "1"},
        {"relogio": CLOCK, "nsr": "0"},
        {"relogio": CLOCK, "nsr": "01"},
        {"relogio": CLOCK, "nsr": "1000000000"},
        {"relogio": CLOCK, "nsr": "1\n"},
        {"relogio": CLOCK, "nsr": "\u0661"},
        {"relogio": CLOCK[1:], "nsr": "1"},
        {"relogio": f"{CLOCK}0", "nsr": "1"},
        {"relogio": "x" * 17, "nsr": "1"},
    ],
    ids=str,
)
def test_a_clock_or_record_that_cannot_be_read_is_not_passed_over(given: dict[str, str]) -> None:
    with pytest.raises(NoClockRecord):
        named_clock_record(given)


def test_a_message_is_received_when_sqs_says() -> None:
    assert origin(record("{}", "m1")) == ("m1", RECEIVED_MS)


@pytest.mark.parametrize("message_id", ["first", "x" * 100])
def test_a_dead_letter_that_was_sent_back_keeps_its_origin(message_id: str) -> None:
    sent_back = with_attributes(messageId=("String", message_id), receivedAt=("Number", "1790000000000"))

    assert origin(sent_back) == (message_id, 1790000000000)


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
    sent_back = with_attributes(messageId=("String", "first"), receivedAt=("Number", str(received_ms)))

    assert origin(sent_back) == (("first", received_ms) if is_believed else ("m1", RECEIVED_MS))


@pytest.mark.parametrize(
    "make",
    [
        lambda: with_attributes(messageId=("String", "first")),
        lambda: with_attributes(receivedAt=("Number", "1790000000000")),
        lambda: with_attributes(messageId=("String", "first"), receivedAt=("Number", "-1.5e3")),
        lambda: with_attributes(messageId=("String", "x" * 101), receivedAt=("Number", "1790000000000")),
        lambda: with_attributes(messageId=("String", "first"), receivedAt=("String", "9" * 5_000)),
        lambda: with_attributes(messageId=("String", "first"), receivedAt=("String", "\u0661")),
        lambda: with_binary("messageId"),
        lambda: with_binary("receivedAt"),
    ],
)
def test_half_an_origin_is_none(make: Callable[[], Record]) -> None:
    assert origin(make()) == ("m1", RECEIVED_MS)


def with_binary(name: str) -> Record:
    made = with_attributes(messageId=("String", "first"), receivedAt=("Number", "1790000000000"))
    made["messageAttributes"][name] = {"dataType": "Binary"}
    return made
