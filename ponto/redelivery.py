"""When records that failed because of the database come back: soon, then later and later."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ponto.records import Record, receive_count
from ponto.sqs import CALL_SECONDS, call, client, in_calls

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

SHORTEN_VISIBILITY_SECONDS = 2 + CALL_SECONDS
"""What has to be left of the function's time: 2 s to import boto3 at 256 MB, plus one call."""


class VisibilityNotChangedError(Exception):
    """The visibility of some records is as it was. The message says why."""


class Redelivery:
    """Sets the visibility of records of the queue of punches."""

    def __init__(self, queue_url: str, delays: Sequence[int]) -> None:
        """Calls nobody.

        Args:
            queue_url: of the queue of punches; empty: every record comes back after the queue's own timeout.
            delays: how long a record stays hidden after its first receive, its second, and so on, s. After those it
                makes no call: the queue's own timeout holds, or what `set_visibility` set.
        """
        self._queue_url = queue_url
        self._delays = delays

    @cached_property
    def _client(self) -> "SQSClient":
        return client()

    def shorten_visibility(self, records: Sequence[Record], end: float) -> None:
        """Let records that failed become visible before the queue's own timeout is over.

        Args:
            records: as they were received. Those received more often than there are delays stay hidden for as long as
                they are: for the queue's own timeout, or, as suspects, for the delay that `set_visibility` set.
            end: when the function has to have ended, `time.monotonic()` seconds. What could end later is not begun.

        Raises:
            VisibilityNotChangedError: SQS refused some, or there was no time for them.
            botocore.exceptions.BotoCoreError, ClientError: SQS did not answer, or refused a call.
        """
        soon = [record for record in records if receive_count(record) <= len(self._delays)]
        self.set_visibility([(record, self._delays[receive_count(record) - 1]) for record in soon], end)

    def set_visibility(self, delays: Sequence[tuple[Record, int]], end: float) -> None:
        """Hide each record for so many seconds from now on; see `shorten_visibility`."""
        if not delays or not self._queue_url:
            return
        _require_time(end - SHORTEN_VISIBILITY_SECONDS)
        sqs, codes = self._client, set[str]()
        for part in in_calls(delays):
            _require_time(end - CALL_SECONDS)
            entries = [
                {"ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": seconds} for record, seconds in part
            ]
            refused = call(sqs.change_message_visibility_batch, self._queue_url, entries)
            codes |= {why.code for why in refused.values()}
        if codes:
            raise VisibilityNotChangedError(", ".join(sorted(codes)))


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise VisibilityNotChangedError("no time left")
