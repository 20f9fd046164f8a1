"""Depth of a queue, and a reader of the dead-letter queue that puts back all messages that were not deleted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from ponto.drain.sqs import MAX_MESSAGES_PER_CALL, call_batch, in_batches, is_message_error
from tools.kit import dead_letters
from tools.kit.dead_letters import DeadLetter
from tools.kit.output import pluralize, print_status
from tools.kit.target import Target, explain

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

VISIBILITY_TIMEOUT_SECONDS = 900
"""Time for which received messages are hidden: enough to read thousands of messages and to wait for a confirmation.

If a command is killed, its messages become visible again after this time."""

WAIT_SECONDS = 1  # long polling: SQS then queries all its servers, not a sample


class Depth(NamedTuple):
    """Approximate numbers of messages in a queue."""

    visible: int
    in_flight: int  # received, and not deleted yet
    delayed: int

    @property
    def total(self) -> int:
        """Number of all messages."""
        return sum(self)


def depth(sqs: "SQSClient", queue_url: str) -> Depth:
    """Return how many messages are in a queue."""
    names: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return Depth(*(int(attributes[name]) for name in names))


class QueueReader:
    """Reader of the dead-letter queue; the messages that it received are hidden from other readers."""

    def __init__(self, sqs: "SQSClient", dlq_url: str) -> None:
        """Create a reader; call `receive_all` to receive the messages."""
        self.messages: list[DeadLetter] = []  # ordered by the time at which the gateway received them
        self._sqs = sqs
        self._url = dlq_url
        self._handles: dict[str, str] = {}  # the latest receipt handle by message id

    def receive_all(self) -> None:
        """Receive until two responses in a row have no new message; a single one may come from a lagging server."""
        stale_responses = 0
        while stale_responses < 2:
            messages = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MAX_MESSAGES_PER_CALL,
                VisibilityTimeout=VISIBILITY_TIMEOUT_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])
            by_id = {message["MessageId"]: message for message in messages}  # a response may have a message twice
            new = [message for message_id, message in by_id.items() if message_id not in self._handles]
            self._handles |= {message_id: message["ReceiptHandle"] for message_id, message in by_id.items()}
            self.messages += map(dead_letters.read, new)
            stale_responses = 0 if new else stale_responses + 1
        self.messages.sort(key=lambda message: message.received_ms)

    def delete(self, messages: Sequence[DeadLetter]) -> dict[str, str]:
        """Delete messages.

        Returns:
            The error of each message that was not deleted, by its id.
        """
        errors: dict[str, str] = {}
        for batch in in_batches(messages):
            entries = {message.id: {"ReceiptHandle": self._handles[message.id]} for message in batch}
            errors |= _call_batch(self._sqs.delete_message_batch, self._url, entries)
            for message_id in entries.keys() - errors.keys():
                del self._handles[message_id]
        return errors

    def put_back(self) -> None:
        """Make the messages that were not deleted visible again."""
        errors: dict[str, str] = {}
        for batch in in_batches(list(self._handles.items())):
            entries = {message_id: {"ReceiptHandle": handle, "VisibilityTimeout": 0} for message_id, handle in batch}
            errors |= _call_batch(self._sqs.change_message_visibility_batch, self._url, entries)
        self._handles.clear()
        if errors:
            minutes = VISIBILITY_TIMEOUT_SECONDS // 60
            print_status(
                *(f"could not put dead letters back: {error}" for error in sorted(set(errors.values()))),
                f"{pluralize(len(errors), 'dead letter')} could not be put back, hidden for at most {minutes} minutes",
            )


@contextmanager
def open_reader(sqs: "SQSClient", dlq_url: str) -> Iterator[QueueReader]:
    """Yield a reader that has received all dead letters; at the end, put back those that were not deleted."""
    visible, hidden, _ = depth(sqs, dlq_url)
    if visible:
        print_status(
            f"reading about {pluralize(visible, 'dead letter')}: its messages are hidden from other readers meanwhile, "
            "and their receive counts rise"
        )
    else:  # read it nevertheless, as the number is approximate
        print_status("reading the dead-letter queue, which seems empty")
    if hidden:
        print_status(
            f"about {pluralize(hidden, 'more dead letter')} hidden by another command, or by one that was killed; "
            f"visible again within {VISIBILITY_TIMEOUT_SECONDS // 60} minutes"
        )
    reader = QueueReader(sqs, dlq_url)
    try:
        reader.receive_all()
        yield reader
    finally:
        reader.put_back()


def read_all(deployment: Target) -> list[DeadLetter]:
    """Return all dead letters of a deployment; they stay in the queue."""
    with open_reader(deployment.sqs(), deployment.dlq_url) as reader:
        return reader.messages


def send(sqs: "SQSClient", queue_url: str, punches: Sequence[DeadLetter]) -> dict[str, str]:
    """Send at most ten dead letters to the queue of punches, with unchanged bodies.

    Returns:
        The error of each message that was not sent, or may not have been, by its id.
    """
    entries = {
        message.id: {"MessageBody": message.body, "MessageAttributes": message.attributes_to_resend()}
        for message in punches
    }
    return _call_batch(sqs.send_message_batch, queue_url, entries)


def _call_batch(method: Callable[..., Any], url: str, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Call a batch method of SQS's client.

    Args:
        entries: entry of each message, by its id.

    Returns:
        The error of each message for which the call failed, or may have failed, by its id.
    """
    ids = list(entries)
    try:
        failures = call_batch(method, url, list(entries.values()))
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
        if len(entries) > 1 and is_message_error(code):
            # A message that is too large must not stop the others.
            return {
                failed_id: reason
                for message_id in ids
                for failed_id, reason in _call_batch(method, url, {message_id: entries[message_id]}).items()
            }
        return dict.fromkeys(ids, explain(error))
    return {
        ids[index]: f"{failure.code}: {failure.error_message}" if failure.error_message else failure.code
        for index, failure in failures.items()
    }


def invoke(functions: "LambdaClient", function: str, message: DeadLetter) -> dict[str, str]:
    """Invoke a function asynchronously, with the event of a dead letter.

    Returns:
        The error by the message's id if Lambda did not accept the event, or may not have; otherwise an empty mapping.
    """
    try:
        event = message.event_to_retry()
    except (ValueError, RecursionError) as error:
        return {message.id: f"the event cannot be read: {type(error).__name__}"}
    try:
        functions.invoke(FunctionName=function, InvocationType="Event", Payload=event)
    except (BotoCoreError, ClientError) as error:
        return {message.id: explain(error)}
    return {}
