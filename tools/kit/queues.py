"""Number of messages in a queue."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType


class Depth(NamedTuple):
    """Messages of a queue, as SQS counts them: approximately."""

    visible: int
    in_flight: int  # received, and not deleted yet
    delayed: int

    @property
    def total(self) -> int:
        """Count all that is there, what is being worked on included."""
        return sum(self)


def depth(sqs: "SQSClient", queue_url: str) -> Depth:
    """Return how many messages are in a queue."""
    counts: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=counts)["Attributes"]
    return Depth(*(int(found[name]) for name in counts))
