"""When records that failed because of the database come back: soon, then later and later."""

import time
from collections.abc import Sequence

from ponto.records import Record, receive_count
from ponto.sqs import CALL, CALL_SECONDS, client

SHORTEN_VISIBILITY_SECONDS = 2 + CALL_SECONDS
"""What has to be left of the function's time: for boto3's import, a quarter of a second of CPU of which 256 MB have a
seventh, and a call."""


class VisibilityNotShortened(Exception):
    """Some records come back only after the queue's own visibility timeout. The message says why."""


class Redelivery:
    """Sets the visibility of records of the queue of punches."""

    def __init__(self, queue_url: str, delays: Sequence[int]) -> None:
        """Calls nobody.

        Args:
            queue_url: of the queue of punches; empty: every record comes back after the queue's own timeout.
            delays: how long a record stays hidden after its first receive, its second, and so on, s. After those the
                queue's own timeout holds, without a call.
        """
        self._queue_url = queue_url
        self._delays = delays

    def shorten_visibility(self, records: Sequence[Record], end: float) -> None:
        """Let records that failed become visible before the queue's own timeout is over.

        Args:
            records: as they were received. Those received often keep the queue's own timeout.
            end: when the function has to have ended, `time.monotonic()` seconds. What could end later is not begun.

        Raises:
            VisibilityNotShortened: SQS refused some, or there was no time for them.
            botocore.exceptions.BotoCoreError, ClientError: SQS did not answer, or refused a call.
        """
        soon = [record for record in records if receive_count(record) <= len(self._delays)]
        if not soon or not self._queue_url:
            return
        _require_time(end - SHORTEN_VISIBILITY_SECONDS)
        sqs, refused = client(), set[str]()
        for start in range(0, len(soon), CALL):
            _require_time(end - CALL_SECONDS)
            answer = sqs.change_message_visibility_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {
                        "Id": str(index),
                        "ReceiptHandle": record["receiptHandle"],
                        "VisibilityTimeout": self._delays[receive_count(record) - 1],
                    }
                    for index, record in enumerate(soon[start : start + CALL])
                ],
            )
            refused |= {failed["Code"] for failed in answer.get("Failed", [])}
        if refused:
            raise VisibilityNotShortened(", ".join(sorted(refused)))


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise VisibilityNotShortened("no time left")
