"""What a call of SQS for several messages says of each."""

from typing import Any

import pytest

from ponto.sqs import BatchEntryFailure, call_batch, is_message_error


def test_only_what_sqs_lists_as_done_is_done() -> None:
    def method(**asked: Any) -> Any:
        assert asked == {"QueueUrl": "url", "Entries": [{"Id": str(index), "MessageBody": "b"} for index in range(4)]}
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
def test_a_code_is_about_a_message_by_its_last_part(code: str, expected: bool) -> None:
    assert is_message_error(code) is expected
