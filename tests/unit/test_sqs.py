"""Per-entry results of SQS batch calls."""

from typing import Any

from ponto.drain.sqs import BatchEntryFailure, call_batch, is_message_error


def test_entry_without_a_result_is_a_failure() -> None:
    def method(**request: Any) -> Any:
        assert request == {"QueueUrl": "url", "Entries": [{"Id": str(index), "MessageBody": "b"} for index in range(3)]}
        failure = {"Id": "2", "Code": "InvalidMessageContents", "Message": "why", "SenderFault": True}
        return {"Successful": [{"Id": "1"}], "Failed": [failure]}

    assert call_batch(method, "url", [{"MessageBody": "b"}] * 3) == {
        0: BatchEntryFailure("no result from SQS"),
        2: BatchEntryFailure("InvalidMessageContents", "why", is_sender_fault=True),
    }


def test_error_of_a_message_is_recognized_by_the_last_part_of_its_code() -> None:
    assert is_message_error("AWS.SimpleQueueService.BatchRequestTooLong")
    assert not is_message_error("AccessDenied")
