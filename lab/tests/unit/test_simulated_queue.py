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
    sqs = SimulatedQueue(Random(1), **settings | changes)
    sqs.has_anomalies = False
    return sqs


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


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"batchItemFailures": []}, set()),
        (None, set()),
        ({"batchItemFailure": [{"itemIdentifier": "a"}]}, set()),  # misspelt: the messages are deleted
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "c"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
    ],
)
def test_an_answer_is_read_as_lambda_does(answer: object, expected: set[str]) -> None:
    assert read_batch_response(answer, {"a", "b"}) == expected
