"""Dead letters that the function sends, and the messages that it returns because they could not be sent."""

import time
from collections.abc import Sequence
from typing import NoReturn

import botocore.httpsession
import pytest
from botocore.exceptions import EndpointConnectionError, HTTPClientError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ponto.drain.dead_letters import DEAD_LETTER_SECONDS, DeadLetters, Rejection
from ponto.drain.message import read_messages
from ponto.drain.parser import Reason
from ponto.drain.sqs import MAX_CALL_SECONDS
from tests.aws import Call, Calls, refusal
from tests.events import RECEIVED_MS, DeadLetterQueue, aws, aws_environment, message, record, sqs_event


def rejections(count: int) -> list[Rejection]:
    return [Rejection(message("{", f"message-{number}"), Reason.MALFORMED, "body: not JSON") for number in range(count)]


def ids(rejected: Sequence[Rejection]) -> list[str]:
    return [rejection.message.id for rejection in rejected]


def deadline() -> float:
    return time.monotonic() + 60


# SQS accepts the characters of XML 1.0.
_sqs_text = st.text(
    st.sampled_from("\t\n\r") | st.characters(min_codepoint=0x20, codec="utf-8", exclude_characters="\ufffe\uffff"),
    min_size=1,
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(_sqs_text, min_size=1, max_size=10))
@example(['{"nome": "Relógio 日 \U0001f600"}', " \r\n\t{ } \n\n", "<&>\"'%20+\\u00e9\u0085\u2028"])
@example(["x" * 65_536] * 10)  # as many and as large as a call may have
@example(["é" * 32_768])
def test_bodies_arrive_unchanged(queue: DeadLetterQueue, bodies: list[str]) -> None:
    rejected = [Rejection(message(body), Reason.MALFORMED, "d" * 200) for body in bodies]
    assert DeadLetters(queue.url).send(rejected, deadline()) == {}
    assert sorted(dead_letter.body for dead_letter in queue.dead_letters()) == sorted(bodies)


def test_dead_letter_has_reason_detail_message_id_and_time_of_receipt(queue: DeadLetterQueue) -> None:
    dated = message("{", "dated")
    undated = message("{", "undated")._replace(sent_ms=None, origin=None)

    rejected = [Rejection(each, Reason.INVALID, "ponto: required") for each in (dated, undated)]
    assert DeadLetters(queue.url).send(rejected, deadline()) == {}

    sent = {dead_letter.message_id: dead_letter.attributes for dead_letter in queue.dead_letters()}
    assert sent["dated"] == {
        "reason": ("String", "invalid"),
        "detail": ("String", "ponto: required"),
        "messageId": ("String", "dated"),
        "receivedAt": ("Number", str(RECEIVED_MS)),
    }
    assert "receivedAt" not in sent["undated"]


def test_dead_letter_keeps_the_attributes_of_the_gateway_and_of_imports(queue: DeadLetterQueue) -> None:
    senders = {"usuarioId": "123", "apiKeyId": "k4r2p0x9ab", "sourceKey": "00004000070000123/7"}
    records = [record("{", "full"), record("{", "empty")]  # SQS refuses empty attributes
    for name, text in senders.items():
        records[0]["messageAttributes"][name] = {"dataType": "String", "stringValue": text}
        records[1]["messageAttributes"][name] = {"dataType": "String", "stringValue": ""}

    rejected = [Rejection(each, Reason.INVALID, "why") for each in read_messages(sqs_event(*records))]
    assert DeadLetters(queue.url).send(rejected, deadline()) == {}

    for dead_letter in queue.dead_letters():
        kept = {name: text for name, (_, text) in dead_letter.attributes.items() if name in senders}
        assert kept == (senders if dead_letter.message_id == "full" else {})


def test_only_entries_that_sqs_reports_as_failed_are_returned(
    queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    Calls(monkeypatch).stubs["SendMessageBatch"] = {
        "Successful": [{"Id": "1", "MessageId": "a", "MD5OfMessageBody": "b"}],
        "Failed": [
            {"Id": "0", "Code": "InternalError", "SenderFault": False},
            {"Id": "2", "Code": "InvalidMessageContents", "SenderFault": True, "Message": "quotes the body"},
        ],
    }
    assert DeadLetters(queue.url).send(rejections(4), deadline()) == {
        "message-0": "dead-letter queue: InternalError",
        "message-2": "dead-letter queue: InvalidMessageContents",
        "message-3": "dead-letter queue: no result from SQS",
    }


def test_refused_call_fails_only_its_own_messages(queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, rejected = Calls(monkeypatch), rejections(25)

    def refuse_the_second(send: Call, _: object) -> object:
        if len(calls.history) == 2:
            raise refusal("AccessDenied")
        return send()

    calls.stubs["SendMessageBatch"] = refuse_the_second
    failures = DeadLetters(queue.url).send(rejected, deadline())
    assert list(failures) == ids(rejected)[10:20]
    assert all("AccessDenied" in why for why in failures.values())
    sent = ids(rejected)[:10] + ids(rejected)[20:]
    assert sorted(dead_letter.message_id for dead_letter in queue.dead_letters()) == sorted(sent)


def test_without_a_region_every_message_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws():
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        failures = DeadLetters("https://queue").send(rejections(2), deadline())
    assert list(failures) == ["message-0", "message-1"]
    assert "NoRegionError" in failures["message-0"]


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://sqs"),
        HTTPClientError(error="broken pipe"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_network_error_returns_every_message_after_one_attempt(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    attempts: list[object] = []

    def fail(_: object, request: object) -> NoReturn:
        attempts.append(request)
        raise error

    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", fail)
    with aws_environment():
        failures = DeadLetters("https://queue").send(rejections(12), deadline())
    assert list(failures) == ids(rejections(12))
    assert all(type(error).__name__ in why for why in failures.values())
    assert len(attempts) == 1


def test_call_takes_at_most_half_of_the_time_reserved_for_dead_letters() -> None:
    assert MAX_CALL_SECONDS <= DEAD_LETTER_SECONDS / 2  # a call may begin while half of the time remains


def test_messages_after_the_deadline_are_returned(queue: DeadLetterQueue) -> None:
    clock = iter([99.0, 99.5, 100.5, 101.0])
    failures = DeadLetters(queue.url, clock=lambda: next(clock)).send(rejections(25), 100)
    assert list(failures) == ids(rejections(25))[10:]
    assert len(queue.dead_letters()) == 10
