"""Amazon SQS standard queues, as its documentation describes them.

The quoted sentences, each above the code that implements it, are from the Amazon SQS Developer Guide and API Reference,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/.
"""

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from lab.simulate.clock import EPOCH_SECONDS

MAX_IN_FLIGHT_MESSAGES = 120_000
_MAX_VISIBILITY_TIMEOUT_SECONDS = 43_200

# Anomalies that the documentation warns of, for each receive or deletion.
_COPY_ON_RECEIVE_PROBABILITY, _COPY_ON_DELETE_PROBABILITY, _LOST_RECEIVE_PROBABILITY = 0.0004, 0.0004, 0.0002
_OLD_RECEIPT_DELETES_PROBABILITY = 0.5  # for each deletion with an old receipt handle


class QueueMessage:
    """Message of the queue of punches or of the dead-letter queue."""

    __slots__ = (
        "attributes", "body", "copy_count", "first_received_at", "has_copies", "hide_number", "holder",
        "id", "is_deleted", "origin", "receipt_handle", "receive_count", "sent_at", "visible_at",
    )  # fmt: skip

    def __init__(self, message_id: str, body: str, origin: Any, sent_at: float, attributes: Mapping[str, Any]) -> None:
        """Create a message that is in no queue yet.

        Args:
            message_id: id that SQS assigns.
            body: body as sent.
            origin: the accepted message that this one descends from, by copies or redrives.
            sent_at: when SQS stored it.
            attributes: message attributes, as in an event of Lambda.
        """
        self.id, self.body, self.origin, self.sent_at, self.attributes = message_id, body, origin, sent_at, attributes
        self.visible_at = sent_at
        self.hide_number = 0  # identifies its last entry in the queue's heap of hidden messages
        self.receive_count = 0
        self.first_received_at = 0.0
        self.receipt_handle = ""
        self.holder: Any = None  # the batch whose invocation processes it
        self.has_copies = False  # it is a copy, or was copied
        self.copy_count = 0  # copies among its ancestors, itself included
        self.is_deleted = False

    def record(self) -> dict[str, Any]:
        """Return the message as a record of an event of Lambda."""
        return {
            "messageId": self.id,
            "receiptHandle": self.receipt_handle,
            "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": str(self.receive_count),
                "SentTimestamp": str(_milliseconds(self.sent_at)),
                "ApproximateFirstReceiveTimestamp": str(_milliseconds(self.first_received_at)),
            },
            "messageAttributes": self.attributes,
            "eventSource": "aws:sqs",
        }


def _milliseconds(now: float) -> int:
    return round(1000 * (EPOCH_SECONDS + now))


class SimulatedQueue:
    """Standard queue."""

    def __init__(
        self,
        rng: Random,
        visibility_timeout_seconds: int,
        retention_seconds: int,
        max_receive_count: int | None = None,
    ) -> None:
        """Create an empty queue.

        Args:
            rng: draws the order of messages and the anomalies.
            visibility_timeout_seconds: default visibility timeout of the queue.
            retention_seconds: age at which a message expires.
            max_receive_count: maximum of the redrive policy; None: there is no dead-letter queue.
        """
        self.has_anomalies = True  # whether deliveries are duplicated and lost
        self.message_count = 0  # copies included
        self.on_expired: Callable[[QueueMessage], None] = lambda _: None
        self.on_exhausted: Callable[[QueueMessage], None] = lambda _: None
        self._rng = rng
        self._visibility_timeout_seconds = visibility_timeout_seconds
        self._retention_seconds = retention_seconds
        self._max_receive_count = max_receive_count
        self._visible: list[QueueMessage] = []
        # Heap by the time at which messages become visible. An entry is stale if its number is not the message's
        # `hide_number`.
        self._hidden: list[tuple[float, int, QueueMessage]] = []
        self._oldest: list[tuple[float, int, QueueMessage]] = []  # heap by `sent_at`
        self._by_receipt: dict[str, QueueMessage] = {}
        self._numbers = count()

    def add(self, message: QueueMessage) -> None:
        """Store a message."""
        self.message_count += 1
        heappush(self._oldest, (message.sent_at, next(self._numbers), message))
        self._visible.append(message)

    def receive(self, now: float) -> QueueMessage | None:
        """Return a message, or None if none is visible.

        "Standard queues ensure at-least-once message delivery, but due to the highly distributed architecture, more
        than one copy of a message might be delivered, and messages may occasionally arrive out of order."
        """
        self.refresh(now)
        # "For most standard queues (depending on queue traffic and message backlog), there can be a maximum of
        # approximately 120,000 in flight messages (received from a queue by a consumer, but not yet deleted from the
        # queue)."
        while self._visible and self.message_count - len(self._visible) < MAX_IN_FLIGHT_MESSAGES:
            index = self._rng.randrange(len(self._visible)) if len(self._visible) > 1 else 0
            self._visible[index], self._visible[-1] = self._visible[-1], self._visible[index]
            message = self._visible.pop()
            # "When the ReceiveCount for a message exceeds the maxReceiveCount for a queue, Amazon SQS moves the
            # message to the dead-letter-queue."
            if self._max_receive_count is not None and message.receive_count >= self._max_receive_count:
                self._drop(message)
                self.on_exhausted(message)
                continue
            message.receive_count += 1
            if message.receive_count == 1:
                message.first_received_at = now
            # "The visibility timeout starts as soon as a message is delivered to you."
            self._hide(message, now + self._visibility_timeout_seconds)
            # "If you receive the same message more than once, you will get a different ReceiptHandle each time."
            self._by_receipt.pop(message.receipt_handle, None)
            message.receipt_handle = f"{message.id}/{next(self._numbers)}"
            self._by_receipt[message.receipt_handle] = message
            if self.has_anomalies:
                draw = self._rng.random()
                if draw < _COPY_ON_RECEIVE_PROBABILITY:  # more than one copy
                    self._copy(message)
                elif draw < _COPY_ON_RECEIVE_PROBABILITY + _LOST_RECEIVE_PROBABILITY:
                    # "It is possible for a consumer to not receive a message even when Amazon SQS marks the message
                    # as delivered while returning successfully from a ReceiveMessage API method call."
                    continue
            return message
        return None

    def change_visibility(self, receipt: str, seconds: int, now: float) -> str | None:
        """Change a message's visibility timeout; return the error code of SQS, or None.

        "The 10 seconds begin to count from the time that you make the ChangeMessageVisibility call."
        """
        if not 0 <= seconds <= _MAX_VISIBILITY_TIMEOUT_SECONDS:  # "The maximum is 12 hours."
            return "InvalidParameterValue"
        message = self._by_receipt.get(receipt)
        if message is None:
            return "ReceiptHandleIsInvalid"
        if message.visible_at <= now:
            return "MessageNotInflight"
        self._hide(message, now + seconds)
        return None

    def delete(self, message: QueueMessage, receipt: str, now: float) -> bool:
        """Delete a message; return whether it was deleted.

        "If you use an old ReceiptHandle, the request will succeed, but the message might not be deleted."
        """
        is_old = message.receipt_handle != receipt
        if message.is_deleted or (
            is_old and not (self.has_anomalies and self._rng.random() < _OLD_RECEIPT_DELETES_PROBABILITY)
        ):
            return False
        if message.visible_at <= now:
            # "Amazon SQS can delete a message from a queue even if a visibility timeout setting causes the message
            # to be locked by another consumer". The same holds for a message that is visible again.
            self.refresh(now)
            if message in self._visible:
                self._visible.remove(message)
        # "For standard queues, it is possible to receive a message even after you delete it. This might happen on rare
        # occasions if one of the servers which stores a copy of the message is unavailable when you send the request to
        # delete the message."
        if self.has_anomalies and self._rng.random() < _COPY_ON_DELETE_PROBABILITY:
            self._copy(message)
        self._drop(message)
        return True

    def remove(self, message: QueueMessage) -> None:
        """Delete a message, received or not."""
        if message in self._visible:
            self._visible.remove(message)
        self._drop(message)

    def messages(self) -> Iterator[QueueMessage]:
        """Return an iterator over all messages, the oldest first."""
        return (message for _, _, message in sorted(self._oldest) if not message.is_deleted)

    def origins(self) -> Iterator[Any]:
        """Return an iterator over the origins of all messages, in any order."""
        return (message.origin for _, _, message in self._oldest if not message.is_deleted)

    def oldest(self) -> QueueMessage | None:
        """Return the oldest message, or None if the queue is empty."""
        while self._oldest and self._oldest[0][2].is_deleted:
            heappop(self._oldest)
        return self._oldest[0][2] if self._oldest else None

    def has_visible_messages(self) -> bool:
        return bool(self._visible)

    def next_visible_at(self) -> float | None:
        """Return when the next hidden message becomes visible, or None if none is hidden."""
        while self._hidden and (self._hidden[0][2].is_deleted or self._hidden[0][1] != self._hidden[0][2].hide_number):
            heappop(self._hidden)
        return self._hidden[0][0] if self._hidden else None

    def refresh(self, now: float) -> None:
        """Delete expired messages, and make those visible whose visibility timeout has passed.

        "For standard queues, the expiration of a message is always based on its original enqueue timestamp. When a
        message is moved to a dead-letter queue, the enqueue timestamp is unchanged."
        """
        if self._oldest and now - self._oldest[0][0] >= self._retention_seconds:
            while (oldest := self.oldest()) and now - oldest.sent_at >= self._retention_seconds:
                if oldest in self._visible:
                    self._visible.remove(oldest)
                self._drop(oldest)
                self.on_expired(oldest)
        # "If the message is not deleted or its visibility timeout is not extended before the timeout expires, it
        # becomes visible again and can be retrieved by other consumers."
        while (due := self.next_visible_at()) is not None and due <= now:
            self._visible.append(heappop(self._hidden)[2])

    def _hide(self, message: QueueMessage, until: float) -> None:
        message.visible_at, message.hide_number = until, next(self._numbers)
        heappush(self._hidden, (until, message.hide_number, message))

    def _copy(self, message: QueueMessage) -> None:
        copy = QueueMessage(message.id, message.body, message.origin, message.sent_at, message.attributes)
        copy.receive_count, copy.first_received_at, copy.has_copies = (
            message.receive_count,
            message.first_received_at,
            True,
        )
        copy.copy_count = message.copy_count + 1
        message.has_copies = True
        message.origin.queued_count += 1
        self.add(copy)

    def _drop(self, message: QueueMessage) -> None:
        self._by_receipt.pop(message.receipt_handle, None)
        message.is_deleted = True
        self.message_count -= 1
