"""Per-entry results of SQS batch calls."""

from typing import Any

import pytest

from ponto.sqs import BatchEntryFailure, call_batch, is_message_error


def test_entry_without_a_result_is_a_failure() -> None:
    def method(**request: Any) -> Any:
        assert request == {"QueueUrl": "url", "Entries": [{"Id": str(index), "MessageBody": "b"} for index in range(4)]}
        failed = [
            {"Id": "3", "Code": "InvalidMessageContents", "Message": "why", "SenderFault": True},
            {"Id": "0", "Code": "InternalError", "SenderFault": False},
        ]
        return {"Successful": [{"Id": "1"}], "Failed": failed}

    assert call_batch(method, "url", [{"MessageBody": "b"}] * 4) == {
        0: BatchEntryFailure("InternalError"),
        2: BatchEntryFailure("no result from SQS"),
        3: BatchEntryFailure("InvalidMessageContents", "why", is_sender_fault=True),
    }


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("InvalidMessageContents", True),
        ("AWS.SimpleQueueService.BatchRequestTooLong", True),
        ("AccessDenied", False),
        ("", False),
    ],
)
def test_error_of_a_message_is_recognized_by_the_last_part_of_its_code(code: str, expected: bool) -> None:
    assert is_message_error(code) is expected
