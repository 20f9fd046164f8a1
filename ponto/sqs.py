"""Calls of SQS for several messages, and the client that makes them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_TIMEOUT_SECONDS = 2  # to connect, and again to read
_MESSAGE_ERRORS = {"BatchRequestTooLong", "InvalidAttributeValue", "InvalidMessageContents", "InvalidParameterValue"}

Item = TypeVar("Item")

MAX_MESSAGES_PER_CALL = 10
"""SQS's limit; ten messages of 64 KiB are below its limit of 1 MiB a call."""

CALL_SECONDS = 2 * _TIMEOUT_SECONDS
"""Longest duration of a call."""


def client() -> "SQSClient":
    """Create a client whose calls succeed or fail within CALL_SECONDS."""
    # Imported here: it takes ten times as long as psycopg2, and most batches hold good punches only.
    import boto3
    from botocore.config import Config

    # One attempt: SQS delivers again what failed.
    config = Config(connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"total_max_attempts": 1})
    return boto3.client("sqs", config=config)


def in_batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in parts of at most MAX_MESSAGES_PER_CALL."""
    for start in range(0, len(items), MAX_MESSAGES_PER_CALL):
        yield items[start : start + MAX_MESSAGES_PER_CALL]


class Refusal(NamedTuple):
    """Why a call failed for one of its messages."""

    code: str  # SQS's
    message: str = ""
    is_sender_fault: bool = False  # SQS would refuse it again


_UNKNOWN = Refusal("SQS does not say")


def call(method: Callable[..., Any], queue_url: str, entries: Sequence[Mapping[str, Any]]) -> dict[int, Refusal]:
    """Make one call for several messages.

    Args:
        method: of the client, such as `send_message_batch`.
        queue_url: of the queue.
        entries: of the call, without Id, at most MAX_MESSAGES_PER_CALL.

    Returns:
        The reason for each message for which the call failed, or is not known to have succeeded, by its index in
        `entries`.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: SQS did not answer, or refused the call.
    """
    answer = method(QueueUrl=queue_url, Entries=[{"Id": str(index), **entry} for index, entry in enumerate(entries)])
    successful = {int(entry["Id"]) for entry in answer.get("Successful", [])}
    failed = {
        int(entry["Id"]): Refusal(entry["Code"], entry.get("Message", ""), entry.get("SenderFault", False))
        for entry in answer.get("Failed", [])
    }
    return {index: failed.get(index, _UNKNOWN) for index in range(len(entries)) if index not in successful}


def is_message_error(code: str) -> bool:
    """Return whether an error code of SQS is about a message's content, and not about the call or the caller."""
    return code.rpartition(".")[2] in _MESSAGE_ERRORS
