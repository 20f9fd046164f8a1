"""Amazon SQS standard queues, as its documentation describes them. Each rule stands below the sentence it follows.

The sentences are from the Amazon SQS Developer Guide and API Reference,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/.
"""

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from lab.simulate.clock import EPOCH

IN_FLIGHT = 120_000
_MOST_HIDDEN = 43_200  # s

# How likely each oddity is that SQS warns of: for each receive or deletion.
_AGAIN, _COPY, _UNSEEN = 0.0004, 0.0004, 0.0002
_BY_OLD = 0.5  # that an old receipt handle deletes


class Message:
    """A message of either queue."""

    __slots__ = (
        "attributes", "body", "copied", "first_received", "gone", "hiding", "holder", "id", "needless", "origin",
        "receipt", "receives", "sent", "visible_at",
    )  # fmt: skip

    def __init__(self, message_id: str, body: str, origin: Any, sent: float, attributes: Mapping[str, Any]) -> None:
        """Makes a message that is in no queue.

        Args:
            message_id: SQS's.
            body: of the message.
            origin: what was accepted, and began with it.
            sent: when SQS stored it.
            attributes: those of the message itself, as Lambda hands them over.
        """
        self.id, self.body, self.origin, self.sent, self.attributes = message_id, body, origin, sent, attributes
        self.visible_at = sent
        self.hiding = 0  # the queue's number of the last time that it was hidden
        self.receives = 0
        self.first_received = 0.0
        self.receipt = ""
        self.holder: Any = None  # the gathered batch whose invocation works on it
        self.copied = False  # SQS handed it out more often than it had to,
        self.needless = 0  # copies that it descends from, itself included
        self.gone = False

    def record(self) -> dict[str, Any]:
        """Give it as Lambda hands it over."""
        return {
            "messageId": self.id,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": str(self.receives),
                "SentTimestamp": str(_milliseconds(self.sent)),
                "ApproximateFirstReceiveTimestamp": str(_milliseconds(self.first_received)),
            },
            "messageAttributes": self.attributes,
            "eventSource": "aws:sqs",
        }


def _milliseconds(now: float) -> int:
    return round(1000 * (EPOCH + now))


class Queue:
    """A standard queue."""

    def __init__(self, chance: Random, visibility: int, retention: int, most_receives: int | None = None) -> None:
        """Makes an empty queue.

        Args:
            chance: decides the order, and the oddities; see `odd`.
            visibility: the queue's own visibility timeout, seconds.
            retention: seconds.
            most_receives: maxReceiveCount; None: nothing is moved to a dead-letter queue.
        """
        self.odd = True  # whether oddities happen that SQS warns of
        self.live = 0  # messages, copies included
        self.on_expired: Callable[[Message], None] = lambda _: None
        self.on_exhausted: Callable[[Message], None] = lambda _: None
        self._chance = chance
        self._visibility = visibility
        self._retention = retention
        self._most_receives = most_receives
        self._visible: list[Message] = []
        self._hidden: list[tuple[float, int, Message]] = []  # heap; stale where it was hidden anew
        self._oldest: list[tuple[float, int, Message]] = []  # heap, by the time of sending
        self._by_receipt: dict[str, Message] = {}
        self._numbers = count()

    def add(self, message: Message) -> None:
        """Store a message."""
        self.live += 1
        heappush(self._oldest, (message.sent, next(self._numbers), message))
        self._visible.append(message)

    def receive(self, now: float) -> Message | None:
        """Hand out a message, or none.

        "Standard queues ensure at-least-once message delivery, but due to the highly distributed architecture, more
        than one copy of a message might be delivered, and messages may occasionally arrive out of order."
        """
        self.refresh(now)
        # "For most standard queues (depending on queue traffic and message backlog), there can be a maximum of
        # approximately 120,000 in flight messages (received from a queue by a consumer, but not yet deleted from the
        # queue)."
        while self._visible and self.live - len(self._visible) < IN_FLIGHT:
            index = self._chance.randrange(len(self._visible)) if len(self._visible) > 1 else 0
            self._visible[index], self._visible[-1] = self._visible[-1], self._visible[index]
            message = self._visible.pop()
            # "When the ReceiveCount for a message exceeds the maxReceiveCount for a queue, Amazon SQS moves the
            # message to the dead-letter-queue."
            if self._most_receives is not None and message.receives >= self._most_receives:
                self._drop(message)
                self.on_exhausted(message)
                continue
            message.receives += 1
            if message.receives == 1:
                message.first_received = now
            # "The visibility timeout starts as soon as a message is delivered to you."
            self._hide(message, now + self._visibility)
            # "If you receive the same message more than once, you will get a different ReceiptHandle each time."
            self._by_receipt.pop(message.receipt, None)
            message.receipt = f"{message.id}/{next(self._numbers)}"
            self._by_receipt[message.receipt] = message
            if self.odd:
                odd = self._chance.random()
                if odd < _AGAIN:  # more than one copy
                    self._copy(message)
                elif odd < _AGAIN + _UNSEEN:
                    # "It is possible for a consumer to not receive a message even when Amazon SQS marks the message
                    # as delivered while returning successfully from a ReceiveMessage API method call."
                    continue
            return message
        return None

    def hide(self, receipt: str, seconds: int, now: float) -> str | None:
        """Change a message's visibility timeout; return the code of the error, if it is one.

        "The 10 seconds begin to count from the time that you make the ChangeMessageVisibility call."
        """
        if not 0 <= seconds <= _MOST_HIDDEN:  # "The maximum is 12 hours."
            return "InvalidParameterValue"
        message = self._by_receipt.get(receipt)
        if message is None:
            return "ReceiptHandleIsInvalid"
        if message.visible_at <= now:
            return "MessageNotInflight"
        self._hide(message, now + seconds)
        return None

    def delete(self, message: Message, receipt: str, now: float) -> bool:
        """Delete a message; tell whether it is gone.

        "If you use an old ReceiptHandle, the request will succeed, but the message might not be deleted."
        """
        is_old = message.receipt != receipt
        if message.gone or (is_old and not (self.odd and self._chance.random() < _BY_OLD)):
            return False
        if message.visible_at <= now:
            # "Amazon SQS can delete a message from a queue even if a visibility timeout setting causes the message
            # to be locked by another consumer": the more so if it is visible again.
            self.refresh(now)
            if message in self._visible:
                self._visible.remove(message)
        # "For standard queues, it is possible to receive a message even after you delete it. This might happen on rare
        # occasions if one of the servers which stores a copy of the message is unavailable when you send the request to
        # delete the message."
        if self.odd and self._chance.random() < _COPY:
            self._copy(message)
        self._drop(message)
        return True

    def remove(self, message: Message) -> None:
        """Delete a message that an operator has looked at."""
        if message in self._visible:
            self._visible.remove(message)
        self._drop(message)

    def messages(self) -> Iterator[Message]:
        """Give all that wait, the oldest first."""
        return (message for _, _, message in sorted(self._oldest) if not message.gone)

    def origins(self) -> Iterator[Any]:
        """Give what all that wait began with, in any order."""
        return (message.origin for _, _, message in self._oldest if not message.gone)

    def oldest(self) -> Message | None:
        """Give the message that was stored first of those that are there."""
        while self._oldest and self._oldest[0][2].gone:
            heappop(self._oldest)
        return self._oldest[0][2] if self._oldest else None

    def is_visible(self) -> bool:
        return bool(self._visible)

    def next_visible(self) -> float | None:
        """Tell when the next hidden message becomes visible."""
        while self._hidden and (self._hidden[0][2].gone or self._hidden[0][1] != self._hidden[0][2].hiding):
            heappop(self._hidden)
        return self._hidden[0][0] if self._hidden else None

    def refresh(self, now: float) -> None:
        """Show what became visible, and forget what expired.

        "For standard queues, the expiration of a message is always based on its original enqueue timestamp. When a
        message is moved to a dead-letter queue, the enqueue timestamp is unchanged."
        """
        if self._oldest and now - self._oldest[0][0] >= self._retention:
            while (oldest := self.oldest()) and now - oldest.sent >= self._retention:
                if oldest in self._visible:
                    self._visible.remove(oldest)
                self._drop(oldest)
                self.on_expired(oldest)
        # "If the message is not deleted or its visibility timeout is not extended before the timeout expires, it
        # becomes visible again and can be retrieved by other consumers."
        while (due := self.next_visible()) is not None and due <= now:
            self._visible.append(heappop(self._hidden)[2])

    def _hide(self, message: Message, until: float) -> None:
        message.visible_at, message.hiding = until, next(self._numbers)
        heappush(self._hidden, (until, message.hiding, message))

    def _copy(self, message: Message) -> None:
        copy = Message(message.id, message.body, message.origin, message.sent, message.attributes)
        copy.receives, copy.first_received, copy.copied = message.receives, message.first_received, True
        copy.needless = message.needless + 1
        message.copied = True
        message.origin.queued += 1
        self.add(copy)

    def _drop(self, message: Message) -> None:
        self._by_receipt.pop(message.receipt, None)
        message.gone = True
        self.live -= 1
