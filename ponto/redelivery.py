"""Visibility of messages that failed: at first they are delivered again soon, then after ever longer delays."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ponto.message import Message
from ponto.sqs import CALL_SECONDS, call, client, in_batches

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

SHORTEN_VISIBILITY_SECONDS = 2 + CALL_SECONDS
"""Least time that must be left of the invocation: 2 s to import boto3 at 256 MB, plus one call."""


class VisibilityNotChangedError(Exception):
    """The visibility of some messages is unchanged. The message says why."""


class Redelivery:
    """Sets the visibility of messages of the queue of punches."""

    def __init__(
        self,
        queue_url: str,
        delays_seconds: Sequence[int],
        create_client: "Callable[[], SQSClient]" = client,
        clock: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:
        """Create a redelivery; it calls nothing yet.

        Args:
            queue_url: of the queue of punches; empty: every message reappears after the queue's own timeout.
            delays_seconds: how long a message stays hidden after its first receive, its second, and so on. After those
                it keeps the queue's own timeout, or what `set_visibility` set.
            create_client: called once, before the first call.
            clock: `time.monotonic`, looked up at each call, for a simulator replaces it.
        """
        self._queue_url = queue_url
        self._delays_seconds = delays_seconds
        self._create_client = create_client
        self._clock = clock

    @cached_property
    def _client(self) -> "SQSClient":
        return self._create_client()

    def shorten_visibility(self, messages: Sequence[Message], end: float) -> None:
        """Make messages that failed visible before the queue's own timeout is over.

        Args:
            messages: as they were received. Those received more often than there are delays keep their visibility: the
                queue's own timeout, or, for suspects, the delay that `set_visibility` set.
            end: when the function must have ended, `time.monotonic()` seconds. What could end later is not started.

        Raises:
            VisibilityNotChangedError: SQS refused some, or there was no time for them.
            botocore.exceptions.BotoCoreError, ClientError: SQS did not answer, or refused a call.
        """
        early = [message for message in messages if message.receive_count <= len(self._delays_seconds)]
        self.set_visibility([(message, self._delays_seconds[message.receive_count - 1]) for message in early], end)

    def set_visibility(self, delays: Sequence[tuple[Message, int]], end: float) -> None:
        """Hide each message for so many seconds from now on; see `shorten_visibility`."""
        if not delays or not self._queue_url:
            return
        self._require_time(end - SHORTEN_VISIBILITY_SECONDS)
        sqs, codes = self._client, set[str]()
        for part in in_batches(delays):
            self._require_time(end - CALL_SECONDS)
            entries = [
                {"ReceiptHandle": message.receipt_handle, "VisibilityTimeout": seconds} for message, seconds in part
            ]
            refused = call(sqs.change_message_visibility_batch, self._queue_url, entries)
            codes |= {refusal.code for refusal in refused.values()}
        if codes:
            raise VisibilityNotChangedError(", ".join(sorted(codes)))

    def _require_time(self, deadline: float) -> None:
        if self._clock() > deadline:
            raise VisibilityNotChangedError("no time left")
