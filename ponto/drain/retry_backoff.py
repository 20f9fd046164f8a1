"""Retry backoff: sets the visibility timeouts of failed messages, short at first, then longer."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ponto.drain.message import Message
from ponto.drain.sqs import MAX_CALL_SECONDS, call_batch, create_client, in_batches

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

MIN_REMAINING_SECONDS = 2 + MAX_CALL_SECONDS
"""Minimum time that must remain in the invocation: 2 s to import boto3 with 256 MB of memory, and one call."""


class VisibilityNotChangedError(Exception):
    """The visibility timeouts of some messages are unchanged. The error text says why."""


class RetryBackoff:
    """Sets the visibility timeouts of messages that have to be retried."""

    def __init__(
        self,
        queue_url: str,
        delays_seconds: Sequence[int],
        create_client: "Callable[[], SQSClient]" = create_client,
        clock: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:
        """Create a backoff. It makes no call until it is used.

        Args:
            queue_url: URL of the queue of punches. If empty, nothing is changed, and every message reappears after the
                queue's visibility timeout.
            delays_seconds: how long a message stays hidden after its first receive, its second, and so on.
            create_client: called once, before the first call to SQS.
            clock: `time.monotonic`, looked up at each call, so that it can be patched.
        """
        self._queue_url = queue_url
        self._delays_seconds = delays_seconds
        self._create_client = create_client
        self._clock = clock

    @cached_property
    def _client(self) -> "SQSClient":
        return self._create_client()

    def shorten_visibility(self, messages: Sequence[Message], deadline: float) -> None:
        """Make failed messages visible before the queue's visibility timeout is over.

        Args:
            messages: the failed messages. Those that were received more often than there are delays are not changed:
                they keep the queue's visibility timeout or, if they may crash the process, their `set_visibility`
                delay.
            deadline: end of the invocation, in `time.monotonic()` seconds. No call is started that could run past it.

        Raises:
            VisibilityNotChangedError: changes of some messages failed, or there was no time for them.
            botocore.exceptions.BotoCoreError, ClientError: a whole call failed.
        """
        retryable = [message for message in messages if message.receive_count <= len(self._delays_seconds)]
        delays = [(message, self._delays_seconds[message.receive_count - 1]) for message in retryable]
        self.set_visibility(delays, deadline)

    def set_visibility(self, delays: Sequence[tuple[Message, int]], deadline: float) -> None:
        """Hide each message for its number of seconds, from now; see `shorten_visibility`."""
        if not delays or not self._queue_url:
            return
        self._require_time(deadline - MIN_REMAINING_SECONDS)
        sqs, error_codes = self._client, set[str]()
        for batch in in_batches(delays):
            self._require_time(deadline - MAX_CALL_SECONDS)
            entries = [
                {"ReceiptHandle": message.receipt_handle, "VisibilityTimeout": seconds} for message, seconds in batch
            ]
            failures = call_batch(sqs.change_message_visibility_batch, self._queue_url, entries)
            error_codes |= {failure.code for failure in failures.values()}
        if error_codes:
            raise VisibilityNotChangedError(", ".join(sorted(error_codes)))

    def _require_time(self, latest_start: float) -> None:
        if self._clock() > latest_start:
            raise VisibilityNotChangedError("no time left")
