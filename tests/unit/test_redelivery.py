"""When a record that failed is visible again, asked of a queue of moto's; and what happens if SQS does not help."""

import contextlib
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from ponto import redelivery, sqs
from ponto.records import Record
from ponto.redelivery import SHORTEN_VISIBILITY_SECONDS, Redelivery, VisibilityNotShortened
from ponto.sqs import CALL_SECONDS
from tests.events import aws, record
from tests.waiting import wait_for

DELAYS = (5, 10, 20, 40, 80, 160, 320)
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/punches"


def received(times: int = 1, handle: str = "handle") -> Record:
    made = record("{}", f"m{times}")
    made["attributes"]["ApproximateReceiveCount"] = str(times)
    made["receiptHandle"] = handle
    return made


def soon() -> float:
    return time.monotonic() + 60


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    with aws():
        client = boto3.client("sqs")
        monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
        with Stubber(client) as stubber:
            yield stubber
            stubber.assert_no_pending_responses()


def expect(stubber: Stubber, seconds: list[int], failed: list[str] | None = None) -> None:
    entries = [
        {"Id": str(index), "ReceiptHandle": "handle", "VisibilityTimeout": each} for index, each in enumerate(seconds)
    ]
    codes = [{"Id": str(index), "Code": code, "SenderFault": True} for index, code in enumerate(failed or [])]
    answer = {"Successful": [{"Id": each["Id"]} for each in entries[len(codes) :]], "Failed": codes}
    stubber.add_response("change_message_visibility_batch", answer, {"QueueUrl": URL, "Entries": entries})


def test_a_record_comes_back_twice_as_late_each_time_and_then_after_the_queues_own_timeout(stubber: Stubber) -> None:
    expect(stubber, [5, 10, 20, 40, 80, 160, 320])
    Redelivery(URL, DELAYS).shorten_visibility([received(times) for times in range(1, 12)], soon())


def test_a_receive_count_that_cannot_be_has_the_first_delay(stubber: Stubber) -> None:
    expect(stubber, [5, 5, 5])
    Redelivery(URL, DELAYS).shorten_visibility([received(0), received(-1), received(-8)], soon())


def test_ten_go_in_a_call(stubber: Stubber) -> None:
    for size in (10, 10, 3):
        expect(stubber, [5] * size)
    Redelivery(URL, DELAYS).shorten_visibility([received() for _ in range(23)], soon())


@pytest.mark.parametrize(
    ("url", "delays", "times"),
    [(URL, DELAYS, 0), ("", DELAYS, 1), (URL, (), 1), (URL, DELAYS, 8), (URL, DELAYS, 200)],
    ids=["no record", "no queue", "no delays", "eighth receive", "day"],
)
def test_otherwise_nobody_is_called(
    monkeypatch: pytest.MonkeyPatch, url: str, delays: tuple[int, ...], times: int
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("no client is needed")

    monkeypatch.setattr(boto3, "client", refuse)
    Redelivery(url, delays).shorten_visibility([received(times)] if times else [], soon())


def test_what_sqs_refuses_is_told_after_all_calls(stubber: Stubber) -> None:
    expect(stubber, [5] * 10, ["ReceiptHandleIsInvalid", "InternalError", "InternalError"])
    expect(stubber, [5] * 2)
    with pytest.raises(VisibilityNotShortened, match=r"^InternalError, ReceiptHandleIsInvalid$"):
        Redelivery(URL, DELAYS).shorten_visibility([received() for _ in range(12)], soon())


def test_after_a_call_that_failed_no_other_is_begun(stubber: Stubber) -> None:
    stubber.add_client_error("change_message_visibility_batch", "AccessDenied", "no", 403)
    with pytest.raises(ClientError):
        Redelivery(URL, DELAYS).shorten_visibility([received() for _ in range(12)], soon())


def test_without_time_no_call_is_begun_and_boto3_is_not_even_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "client", lambda: pytest.fail("a client was made"))
    with pytest.raises(VisibilityNotShortened, match="no time left"):
        Redelivery(URL, DELAYS).shorten_visibility([received()], time.monotonic() + SHORTEN_VISIBILITY_SECONDS)


class Clock:
    """Goes on while boto3 is imported and while SQS answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, imported: float, answered: float) -> None:
        self.now = 0.0
        self.calls = 0
        self._imported, self._answered = imported, answered
        monkeypatch.setattr(redelivery, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(redelivery, "client", self._client)

    def _client(self) -> "Clock":
        self.now += self._imported
        return self

    def change_message_visibility_batch(self, **_: object) -> dict[str, Any]:
        self.calls += 1
        self.now += self._answered
        return {}


@pytest.mark.parametrize(
    ("imported", "answered", "calls"),
    [(2, CALL_SECONDS, 1), (2.1, 0, 0), (1, CALL_SECONDS, 1), (0.5, 0.5, 4), (0.5, 0.1, 10)],
    ids=["slowest", "import too slow", "one unanswered", "slow", "fast"],
)
def test_each_call_is_begun_only_if_there_is_time_for_no_answer(
    monkeypatch: pytest.MonkeyPatch, imported: float, answered: float, calls: int
) -> None:
    clock = Clock(monkeypatch, imported, answered)
    with contextlib.suppress(VisibilityNotShortened):
        Redelivery(URL, DELAYS).shorten_visibility([received() for _ in range(100)], SHORTEN_VISIBILITY_SECONDS)
    assert clock.calls == calls
    assert clock.now <= SHORTEN_VISIBILITY_SECONDS


def test_a_call_that_gets_no_answer_takes_no_longer_than_is_reckoned(monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[Any] = []
    monkeypatch.setattr(boto3, "client", lambda _, config: configs.append(config))
    sqs.client()
    [config] = configs
    assert config.connect_timeout + config.read_timeout <= CALL_SECONDS


def test_a_queue_shows_the_record_again_when_its_delay_is_over_and_counts_the_receive() -> None:
    with aws():
        queues = boto3.client("sqs")
        url = queues.create_queue(QueueName="punches", Attributes={"VisibilityTimeout": "451"})["QueueUrl"]
        queues.send_message(QueueUrl=url, MessageBody="{}")

        def receive() -> list[Any]:
            return list(
                queues.receive_message(QueueUrl=url, MessageSystemAttributeNames=["ApproximateReceiveCount"]).get(
                    "Messages", []
                )
            )

        [message] = receive()
        again = received(handle=message["ReceiptHandle"])
        assert receive() == []

        Redelivery(url, (1,)).shorten_visibility([again], soon())

        found: list[Any] = []

        def is_back() -> bool:
            found.extend(receive())
            return bool(found)

        wait_for(is_back, "the message")
        assert found[0]["Attributes"]["ApproximateReceiveCount"] == "2"
