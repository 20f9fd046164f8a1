"""What reaches the dead-letter queue, and what is returned for the rest."""

import time
from collections.abc import Sequence
from typing import Any, NoReturn

import botocore.httpsession
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, HTTPClientError, ReadTimeoutError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ponto.dead_letters import DEAD_LETTER_SECONDS, DeadLetters, Rejection
from ponto.message import read_messages
from ponto.parser import Reason
from ponto.sqs import MAX_CALL_SECONDS, create_client
from tests.aws import Call, Calls, refusal
from tests.events import RECEIVED_MS, DeadLetterQueue, aws, aws_environment, message, record, sqs_event


def rejections(count: int) -> list[Rejection]:
    return [Rejection(message("{", f"message-{number}"), Reason.MALFORMED, "body: not JSON") for number in range(count)]


def ids(rejected: Sequence[Rejection]) -> list[str]:
    return [rejection.message.id for rejection in rejected]


def soon() -> float:
    return time.monotonic() + 60


# What XML 1.0 admits, which is what SQS does.
_sqs_text = st.text(
    st.sampled_from("\t\n\r") | st.characters(min_codepoint=0x20, codec="utf-8", exclude_characters="\ufffe\uffff"),
    min_size=1,
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(_sqs_text, min_size=1, max_size=10))
@example(['{"nome": "Relógio 日 \U0001f600"}', " \r\n\t{ } \n\n", "<&>\"'%20+\\u00e9\u0085\u2028"])
@example(["x" * 65_536] * 10)  # a full call of the largest
@example(["é" * 32_768])
def test_any_bodies_arrive_character_for_character(queue: DeadLetterQueue, bodies: list[str]) -> None:
    rejected = [Rejection(message(body), Reason.MALFORMED, "d" * 200) for body in bodies]
    assert DeadLetters(queue.url).send(rejected, soon()) == {}
    assert sorted(dead_letter.body for dead_letter in queue.dead_letters()) == sorted(bodies)


@pytest.mark.parametrize("reason", Reason)
def test_the_attributes_say_why_which_message_and_when_it_was_received(queue: DeadLetterQueue, reason: Reason) -> None:
    DeadLetters(queue.url).send([Rejection(message("{", "message-1"), reason, "ponto: required")], soon())
    [dead_letter] = queue.dead_letters()
    assert dead_letter.attributes == {
        "reason": ("String", reason.value),
        "detail": ("String", "ponto: required"),
        "messageId": ("String", "message-1"),
        "receivedAt": ("Number", str(RECEIVED_MS)),
    }


def test_what_is_no_punch_and_has_no_sent_timestamp_is_sent_without_a_time(queue: DeadLetterQueue) -> None:
    undated, dated = rejections(2)
    undated = undated._replace(message=undated.message._replace(sent_ms=None, origin=None))

    assert DeadLetters(queue.url).send([undated, dated], soon()) == {}
    times = {dead_letter.message_id: dead_letter.attributes.get("receivedAt") for dead_letter in queue.dead_letters()}
    assert times == {"message-0": None, "message-1": ("Number", str(RECEIVED_MS))}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("usuarioId", "123"),
        ("apiKeyId", "k4r2p0x9ab"),
        ("sourceKey", "00004000070000123/7"),
        ("relogio", "00004000070000123"),
        ("nsr", "7"),
    ],
)
def test_a_letter_keeps_what_the_gateway_or_an_import_vouched_for_where_its_punch_has_it(
    queue: DeadLetterQueue, name: str, value: str
) -> None:
    punches = [record("{", message_id) for message_id in ("has it", "by hand", "empty", "local")]
    for punch, text in zip(punches, (value, None, "", None), strict=True):
        punch["messageAttributes"] = {} if text is None else {name: {"dataType": "String", "stringValue": text}}
    punches[3]["messageAttributes"] = {name: {"dataType": "String"}}

    messages = read_messages(sqs_event(*punches))
    assert DeadLetters(queue.url).send([Rejection(each, Reason.INVALID, "why") for each in messages], soon()) == {}

    kept = {dead_letter.message_id: dead_letter.attributes.get(name) for dead_letter in queue.dead_letters()}
    assert kept == {"has it": ("String", value), "by hand": None, "empty": None, "local": None}


def test_more_than_one_call_holds_are_all_sent_by_one_client(queue: DeadLetterQueue) -> None:
    clients, rejected = iter([create_client()]), rejections(25)
    dead_letters = DeadLetters(queue.url, lambda: next(clients))

    assert dead_letters.send(rejected[:1], soon()) == {}
    assert dead_letters.send(rejected[1:], soon()) == {}

    assert sorted(dead_letter.message_id for dead_letter in queue.dead_letters()) == sorted(ids(rejected))


def test_entries_that_sqs_reports_as_failed_are_exactly_those_returned(
    queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    Calls(monkeypatch).stubs["SendMessageBatch"] = {
        "Successful": [{"Id": "1", "MessageId": "a", "MD5OfMessageBody": "b"}],
        "Failed": [
            {"Id": "0", "Code": "InternalError", "SenderFault": False},
            {"Id": "2", "Code": "InvalidMessageContents", "SenderFault": True, "Message": "quotes the body"},
        ],
    }
    assert DeadLetters(queue.url).send(rejections(4), soon()) == {
        "message-0": "dead-letter queue: InternalError",
        "message-2": "dead-letter queue: InvalidMessageContents",
        "message-3": "dead-letter queue: no result from SQS",
    }


def test_a_refused_call_fails_its_own_messages_only(queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, rejected = Calls(monkeypatch), rejections(25)

    def refuse_the_second(send: Call, _: object) -> object:
        if len(calls.history) == 2:
            raise refusal("AccessDenied")
        return send()

    calls.stubs["SendMessageBatch"] = refuse_the_second
    unsent = DeadLetters(queue.url).send(rejected, soon())
    assert list(unsent) == ids(rejected)[10:20]
    assert all("AccessDenied" in why for why in unsent.values())
    sent = ids(rejected)[:10] + ids(rejected)[20:]
    assert sorted(dead_letter.message_id for dead_letter in queue.dead_letters()) == sorted(sent)


def test_without_a_region_every_message_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws():
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        unsent = DeadLetters("https://queue").send(rejections(2), soon())
    assert list(unsent) == ["message-0", "message-1"]
    assert "NoRegionError" in unsent["message-0"]


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://sqs"),
        ConnectTimeoutError(endpoint_url="https://sqs"),
        ReadTimeoutError(endpoint_url="https://sqs"),
        HTTPClientError(error="broken pipe"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_network_that_fails_returns_every_message_after_one_attempt(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    attempts: list[object] = []

    def fail(_: object, request: object) -> NoReturn:
        attempts.append(request)
        raise error

    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", fail)
    with aws_environment():
        unsent = DeadLetters("https://queue").send(rejections(12), soon())
    assert list(unsent) == ids(rejections(12))
    assert all(type(error).__name__ in why for why in unsent.values())
    assert len(attempts) == 1


def test_a_call_takes_half_of_the_time_that_the_handler_keeps_for_it_at_most() -> None:
    assert MAX_CALL_SECONDS <= DEAD_LETTER_SECONDS / 2  # the handler lets a call begin until half of it is left


def test_a_deadline_that_comes_in_the_middle_leaves_only_the_rest(queue: DeadLetterQueue) -> None:
    clock = iter([99.0, 99.5, 100.5, 101.0])
    unsent = DeadLetters(queue.url, clock=lambda: next(clock)).send(rejections(25), 100)
    assert list(unsent) == ids(rejections(25))[10:]
    assert len(queue.dead_letters()) == 10


def test_a_deadline_that_passes_while_boto3_is_imported_leaves_everything() -> None:
    now = 99.0

    def import_slowly() -> Any:  # returns a client without a method to call
        nonlocal now
        now += 2
        return object()

    unsent = DeadLetters("https://queue", import_slowly, lambda: now).send(rejections(12), 100)
    assert unsent == dict.fromkeys(ids(rejections(12)), "no time left for the dead-letter queue")


def test_without_a_dead_letter_no_client_is_created() -> None:
    def refuse() -> NoReturn:
        raise AssertionError("no client is needed")

    assert DeadLetters("https://queue", refuse).send([], soon()) == {}
