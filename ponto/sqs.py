"""Calls of SQS: what one takes, for how long it may last, what it did not do, and the client that makes it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_TIMEOUT = 2  # s, to connect and again to read
_OF_A_MESSAGE = {"BatchRequestTooLong", "InvalidAttributeValue", "InvalidMessageContents", "InvalidParameterValue"}

Item = TypeVar("Item")

CALL = 10
"""Messages that SQS takes in one call; ten of 64 KiB are below its limit of 1 MiB a call."""

CALL_SECONDS = 2 * _TIMEOUT
"""How long a call may take."""


def client() -> "SQSClient":
    """Make a client whose calls end soon, one way or the other."""
    # Imported here: it takes ten times as long as psycopg2, and most batches hold good punches only.
    import boto3
    from botocore.config import Config

    # One attempt: what could not be done comes back by itself.
    config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
    return boto3.client("sqs", config=config)


def in_calls(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Cut into parts that one call takes."""
    for start in range(0, len(items), CALL):
        yield items[start : start + CALL]


class Refusal(NamedTuple):
    """Why a call did not do what it was asked for one of its messages."""

    code: str  # SQS's
    message: str = ""
    is_of_sender: bool = False  # SQS would refuse it again


_UNKNOWN = Refusal("SQS does not say")


def call(method: Callable[..., Any], queue_url: str, entries: Sequence[Mapping[str, Any]]) -> dict[int, Refusal]:
    """Make one call, `send_message_batch` for example, for several messages: entries without Id, at most CALL.

    Returns:
        Why, by its index in entries, for each message for which it was not done, or is not known to be.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: SQS did not answer, or refused the call.
    """
    answer = method(QueueUrl=queue_url, Entries=[{"Id": str(index), **entry} for index, entry in enumerate(entries)])
    done = {int(entry["Id"]) for entry in answer.get("Successful", [])}
    failed = {
        int(each["Id"]): Refusal(each["Code"], each.get("Message", ""), each.get("SenderFault", False))
        for each in answer.get("Failed", [])
    }
    return {index: failed.get(index, _UNKNOWN) for index in range(len(entries)) if index not in done}


def is_of_a_message(code: str) -> bool:
    """Whether an error code of SQS is about what a message holds, and not about the call or the caller."""
    return code.rpartition(".")[2] in _OF_A_MESSAGE
