"""Batch calls to SQS, and the client for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_TIMEOUT_SECONDS = 2  # to connect, and again to read
_MESSAGE_ERRORS = {"BatchRequestTooLong", "InvalidAttributeValue", "InvalidMessageContents", "InvalidParameterValue"}

Item = TypeVar("Item")

MAX_MESSAGES_PER_CALL = 10
"""SQS's limit. Ten messages of 64 KiB also stay below its limit of 1 MiB per call."""

MAX_CALL_SECONDS = 2 * _TIMEOUT_SECONDS


def create_client() -> "SQSClient":
    """Create a client whose calls succeed or fail within MAX_CALL_SECONDS."""
    # Imported here because importing boto3 takes ten times as long as psycopg2, and most batches need no SQS call.
    import boto3
    from botocore.config import Config

    # One attempt is enough: SQS redelivers messages for which a call failed.
    config = Config(connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"total_max_attempts": 1})
    return boto3.client("sqs", config=config)


def in_batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in batches of at most MAX_MESSAGES_PER_CALL."""
    for start in range(0, len(items), MAX_MESSAGES_PER_CALL):
        yield items[start : start + MAX_MESSAGES_PER_CALL]


class BatchEntryFailure(NamedTuple):
    """Failure of one entry of a batch call."""

    code: str  # SQS error code
    error_message: str = ""
    is_sender_fault: bool = False  # a retry would fail too


_NO_RESULT = BatchEntryFailure("no result from SQS")


def call_batch(
    method: Callable[..., Any], queue_url: str, entries: Sequence[Mapping[str, Any]]
) -> dict[int, BatchEntryFailure]:
    """Make one batch call.

    Args:
        method: batch method of the client, such as `send_message_batch`.
        queue_url: URL of the queue.
        entries: batch entries without Id, at most MAX_MESSAGES_PER_CALL.

    Returns:
        The failures of the entries that SQS did not report as successful, by index in `entries`.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the whole call failed.
    """
    response = method(QueueUrl=queue_url, Entries=[{"Id": str(index), **entry} for index, entry in enumerate(entries)])
    successful = {int(entry["Id"]) for entry in response.get("Successful", [])}
    failed = {
        int(entry["Id"]): BatchEntryFailure(entry["Code"], entry.get("Message", ""), entry.get("SenderFault", False))
        for entry in response.get("Failed", [])
    }
    return {index: failed.get(index, _NO_RESULT) for index in range(len(entries)) if index not in successful}


def is_message_error(code: str) -> bool:
    """Return whether an SQS error code is caused by a message's content, and not by the call or the caller."""
    return code.rpartition(".")[2] in _MESSAGE_ERRORS
