"""The simulated queue and mapping, compared with the documentation of AWS."""

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from lab.simulate.functions import read_batch_response
from lab.simulate.queue import QueueMessage, SimulatedQueue

DAY = 86_400


def queue(**changes: Any) -> SimulatedQueue:
    settings = {"visibility_timeout_seconds": 60, "retention_seconds": 4 * DAY, "max_receive_count": 3}
    sqs = SimulatedQueue(Random(1), **settings | changes)  # noqa: S311
    sqs.has_anomalies = False
    return sqs


def queue_with_received_message(**changes: Any) -> tuple[SimulatedQueue, QueueMessage]:
    """Return a queue and its only message, received at time 0."""
    sqs, sent = queue(**changes), message()
    sqs.add(sent)
    assert sqs.receive(0) is sent
    return sqs, sent


def message(number: int = 1, sent: float = 0) -> QueueMessage:
    return QueueMessage(f"m{number}", "{}", SimpleNamespace(queued_count=1), sent, {})


def test_received_message_is_visible_after_its_timeout_with_a_new_receipt_handle() -> None:
    sqs, sent = queue(), message()
    sqs.add(sent)

    assert sqs.receive(1) is sent
    first = sent.receipt_handle
    assert sqs.receive(60.9) is None
    assert sqs.receive(61) is sent
    assert (sent.receive_count, sent.first_received_at) == (2, 1)
    assert sent.record()["attributes"]["ApproximateReceiveCount"] == "2"
    assert not sqs.delete(sent, first, 62)
    assert sqs.delete(sent, sent.receipt_handle, 62)
    assert sqs.receive(1_000) is None
    assert sqs.message_count == 0


def test_a_changed_visibility_counts_from_the_call() -> None:
    sqs, sent = queue_with_received_message()

    assert sqs.change_visibility(sent.receipt_handle, 10, 15) is None
    assert sqs.receive(24.9) is None
    assert sqs.receive(25) is sent


def test_after_its_last_receive_a_message_is_moved_and_not_delivered() -> None:
    sqs, sent = queue(), message()
    moved: list[QueueMessage] = []
    sqs.on_exhausted = moved.append
    sqs.add(sent)

    for receive in range(3):
        assert sqs.receive(60 * receive) is sent
    assert sqs.receive(180) is None
    assert moved == [sent]
    assert sqs.message_count == 0


def test_message_older_than_the_retention_expires_even_if_added_later() -> None:
    sqs, sent = queue(), message(sent=-3 * DAY)  # as after a redrive, which keeps the enqueue time
    expired: list[QueueMessage] = []
    sqs.on_expired = expired.append
    sqs.add(sent)

    sqs.refresh(DAY - 1)
    assert expired == []
    assert sqs.receive(DAY) is None
    assert expired == [sent]


def test_messages_are_delivered_out_of_order_and_at_least_once() -> None:
    sqs = SimulatedQueue(Random(3), 60, 4 * DAY)  # noqa: S311
    sent = [message(number) for number in range(3_000)]
    for each in sent:
        sqs.add(each)
    received: list[QueueMessage] = []
    while (next_message := sqs.receive(0)) is not None:
        received.append(next_message)

    assert [each.id for each in received] != [each.id for each in sent]
    assert len(received) != len(sent) or any(each.has_copies for each in received)
    received += iter(lambda: sqs.receive(60), None)
    assert {each.id for each in received} == {each.id for each in sent}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({}, set()),
        (None, set()),
        ({"batchItemFailure": [{"itemIdentifier": "a"}]}, set()),  # misspelt: the messages are deleted
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "c"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"item": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
    ],
)
def test_an_answer_is_read_as_lambda_does(answer: object, expected: set[str]) -> None:
    assert read_batch_response(answer, {"a", "b"}) == expected
