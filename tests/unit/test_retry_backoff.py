"""Visibility timeouts of failed messages, and failures of the calls that set them."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, NoReturn, cast

import pytest

from ponto.drain import sqs
from ponto.drain.message import Message
from ponto.drain.retry_backoff import MIN_REMAINING_SECONDS, RetryBackoff, VisibilityNotChangedError
from ponto.drain.sqs import MAX_CALL_SECONDS
from tests.aws import Calls
from tests.events import aws, message

DELAYS = (5, 10, 20, 40, 80, 160, 320)
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/punches"
CHANGE = "ChangeMessageVisibilityBatch"


def create_messages(*receive_counts: int) -> list[Message]:
    """Return messages with these receive counts."""
    return [message("{}", receive_count=receives)._replace(receipt_handle="handle") for receives in receive_counts]


def no_client() -> NoReturn:
    pytest.fail("a client was created")


def shorten_visibility(messages: list[Message]) -> None:
    RetryBackoff(URL, DELAYS).shorten_visibility(messages, time.monotonic() + 60)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    with aws():
        calls = Calls(monkeypatch)
        calls.stubs[CHANGE] = lambda _, parameters: {
            "Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]
        }
        yield calls


def hidden_seconds(calls: Calls) -> list[list[int]]:
    """Return the visibility timeouts that each call sets, in seconds."""
    for call in calls.by_operation(CHANGE):
        assert call.parameters["QueueUrl"] == URL
        assert {entry["ReceiptHandle"] for entry in call.parameters["Entries"]} == {"handle"}
    return [[entry["VisibilityTimeout"] for entry in call.parameters["Entries"]] for call in calls.by_operation(CHANGE)]


def test_delay_grows_with_each_receive_up_to_the_queues_timeout(calls: Calls) -> None:
    shorten_visibility(create_messages(-8, 0, *range(1, 12)))
    assert hidden_seconds(calls) == [[5, 5, 5, 10, 20, 40, 80, 160, 320]]


def test_each_message_can_be_hidden_for_a_separate_time_by_one_client(calls: Calls) -> None:
    clients = iter([sqs.create_client()])
    backoff = RetryBackoff(URL, (), lambda: next(clients))
    first, second, third = create_messages(9, 9, 200)
    for delays in ([(first, 451), (second, 901)], [(third, 460)]):
        backoff.set_visibility(delays, time.monotonic() + 60)
    assert hidden_seconds(calls) == [[451, 901], [460]]


@pytest.mark.parametrize(
    ("url", "delays", "receive_counts"),
    [(URL, DELAYS, []), ("", DELAYS, [1]), (URL, (), [1]), (URL, DELAYS, [8, 200])],
    ids=["no message", "no queue", "no delays", "received often"],
)
def test_sqs_is_not_called_if_nothing_changes(url: str, delays: tuple[int, ...], receive_counts: list[int]) -> None:
    RetryBackoff(url, delays, no_client).shorten_visibility(create_messages(*receive_counts), time.monotonic() + 60)


def test_failed_entries_are_reported_after_all_calls(calls: Calls) -> None:
    codes = ("ReceiptHandleIsInvalid", "InternalError", "InternalError")
    responses: Iterator[Any] = iter(
        [{"Failed": [{"Id": str(index), "Code": code, "SenderFault": True} for index, code in enumerate(codes)]}, {}]
    )
    calls.stubs[CHANGE] = lambda *_: next(responses)
    with pytest.raises(VisibilityNotChangedError, match=r"^InternalError, ReceiptHandleIsInvalid, no result from SQS$"):
        shorten_visibility(create_messages(*[1] * 12))
    assert hidden_seconds(calls) == [[5] * 10, [5] * 2]


def test_without_time_boto3_is_not_imported() -> None:
    with pytest.raises(VisibilityNotChangedError, match="no time left"):
        RetryBackoff(URL, DELAYS, no_client).shorten_visibility(
            create_messages(1), time.monotonic() + MIN_REMAINING_SECONDS
        )


class SlowClient:
    """A fake SQS client whose creation and calls take time."""

    def __init__(self, creation_seconds: float, call_seconds: float) -> None:
        self.now, self.calls = 0.0, 0
        self._creation_seconds, self._call_seconds = creation_seconds, call_seconds

    def create(self) -> Any:
        self.now += self._creation_seconds
        return self

    def change_message_visibility_batch(self, **_: object) -> dict[str, Any]:
        self.calls += 1
        self.now += self._call_seconds
        return {}


@pytest.mark.parametrize(
    ("creation_seconds", "call_seconds", "calls"),
    [(2, MAX_CALL_SECONDS, 1), (2.1, 0, 0), (0.5, 0.5, 4), (0.5, 0.1, 10)],
    ids=["slowest that fits", "creation too slow", "slow", "fast"],
)
def test_call_is_started_only_if_its_timeout_fits(creation_seconds: float, call_seconds: float, calls: int) -> None:
    client = SlowClient(creation_seconds, call_seconds)
    backoff = RetryBackoff(URL, DELAYS, client.create, lambda: client.now)
    with contextlib.suppress(VisibilityNotChangedError):
        backoff.shorten_visibility(create_messages(*[1] * 100), MIN_REMAINING_SECONDS)
    assert client.calls == calls
    assert client.now <= MIN_REMAINING_SECONDS


def test_timeout_of_a_call_is_not_longer_than_reserved() -> None:
    with aws():
        config = cast(Any, sqs.create_client().meta.config)
    assert config.connect_timeout + config.read_timeout <= MAX_CALL_SECONDS
    assert config.retries == {"total_max_attempts": 1, "mode": "legacy"}
