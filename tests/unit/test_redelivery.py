"""When a record that failed is visible again; and what happens if SQS does not help."""

import contextlib
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from ponto import redelivery, sqs
from ponto.records import Record
from ponto.redelivery import SHORTEN_VISIBILITY_SECONDS, Redelivery, VisibilityNotChangedError
from ponto.sqs import CALL_SECONDS
from tests.events import aws, record

DELAYS = (5, 10, 20, 40, 80, 160, 320)
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/punches"


def received(*times: int) -> list[Record]:
    """Records that were received so many times."""
    made = [record("{}", receives=receives) for receives in times]
    for each in made:
        each["receiptHandle"] = "handle"
    return made


def shorten(records: list[Record], end: float | None = None) -> None:
    Redelivery(URL, DELAYS).shorten_visibility(records, time.monotonic() + 60 if end is None else end)


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
    expect(stubber, [5, 5, 5, 10, 20, 40, 80, 160, 320])
    shorten(received(-8, 0, *range(1, 12)))


def test_ten_go_in_a_call(stubber: Stubber) -> None:
    for size in (10, 10, 3):
        expect(stubber, [5] * size)
    shorten(received(*[1] * 23))


def test_each_record_can_be_hidden_for_a_time_of_its_own(stubber: Stubber) -> None:
    expect(stubber, [451, 901, 460])
    records = received(9, 9, 200)
    Redelivery(URL, ()).set_visibility(list(zip(records, (451, 901, 460), strict=True)), time.monotonic() + 60)


@pytest.mark.parametrize(
    ("url", "delays", "times"),
    [(URL, DELAYS, []), ("", DELAYS, [1]), (URL, (), [1]), (URL, DELAYS, [8, 200])],
    ids=["no record", "no queue", "no delays", "received often"],
)
def test_otherwise_nobody_is_called(
    monkeypatch: pytest.MonkeyPatch, url: str, delays: tuple[int, ...], times: list[int]
) -> None:
    monkeypatch.setattr(redelivery, "client", lambda: pytest.fail("a client was made"))
    Redelivery(url, delays).shorten_visibility(received(*times), time.monotonic() + 60)


def test_one_client_serves_every_batch(stubber: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    redelivers = Redelivery(URL, DELAYS)
    for _ in range(2):
        expect(stubber, [5])
        redelivers.shorten_visibility(received(1), time.monotonic() + 60)
        monkeypatch.setattr(boto3, "client", lambda *_, **__: pytest.fail("another client"))


def test_what_sqs_does_not_answer_for_is_told(stubber: Stubber) -> None:
    entries = [{"Id": "0", "ReceiptHandle": "handle", "VisibilityTimeout": 5}]
    answer: dict[str, Any] = {"Successful": [], "Failed": []}
    stubber.add_response("change_message_visibility_batch", answer, {"QueueUrl": URL, "Entries": entries})
    with pytest.raises(VisibilityNotChangedError, match=r"^SQS does not say$"):
        shorten(received(1))


def test_what_sqs_refuses_is_told_after_all_calls(stubber: Stubber) -> None:
    expect(stubber, [5] * 10, ["ReceiptHandleIsInvalid", "InternalError", "InternalError"])
    expect(stubber, [5] * 2)
    with pytest.raises(VisibilityNotChangedError, match=r"^InternalError, ReceiptHandleIsInvalid$"):
        shorten(received(*[1] * 12))


def test_after_a_call_that_failed_no_other_is_begun(stubber: Stubber) -> None:
    stubber.add_client_error("change_message_visibility_batch", "AccessDenied", "no", 403)
    with pytest.raises(ClientError):
        shorten(received(*[1] * 12))


def test_without_time_no_call_is_begun_and_boto3_is_not_even_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "client", lambda: pytest.fail("a client was made"))
    with pytest.raises(VisibilityNotChangedError, match="no time left"):
        shorten(received(1), time.monotonic() + SHORTEN_VISIBILITY_SECONDS)


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
    with contextlib.suppress(VisibilityNotChangedError):
        shorten(received(*[1] * 100), SHORTEN_VISIBILITY_SECONDS)
    assert clock.calls == calls
    assert clock.now <= SHORTEN_VISIBILITY_SECONDS


def test_a_call_that_gets_no_answer_takes_no_longer_than_is_reckoned(monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[Any] = []
    monkeypatch.setattr(boto3, "client", lambda _, config: configs.append(config))
    sqs.client()
    [config] = configs
    assert config.connect_timeout + config.read_timeout <= CALL_SECONDS
