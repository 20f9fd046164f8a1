"""Sending of a file's punches in batches, by several threads."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from ponto.drain.bisection import process_in_halves
from ponto.drain.sqs import MAX_MESSAGES_PER_CALL, call_batch, is_message_error
from slices.imports.lines import FileLine

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

THREADS = 8
"""Threads that send to the queue, each with its own connection."""

_MAX_BATCHES_PER_THREAD = 4  # being sent or waiting; at this number reading pauses
_MAX_BATCH_LINES = 1_000  # including refused lines, which are held in memory
_FIRST_DELAY_SECONDS = 0.1  # before the second try; doubled for each further one
_MAX_DELAY_SECONDS = 5.0

# SQS error codes, without their prefixes, of errors that may end by themselves.
_TRANSIENT_CODES = {
    "KmsThrottled",
    "OverLimit",
    "RequestThrottled",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
}


class SendFailedError(Exception):
    """Punches could not be sent, even with retries."""


class BatchOutcome(NamedTuple):
    """Outcome of consecutive lines of a file."""

    accepted: int  # punches
    refused_lines: list[FileLine]


SendPunches = Callable[[Sequence[FileLine], float], dict[int, str]]
"""Sends at most ten punches. Called by several threads.

The second argument is the deadline, a value of `time.monotonic()`. Returns, by line number, the reason for each punch
that is permanently refused. Raises SendFailedError.
"""


Monotonic = Callable[[], float]
"""Returns the seconds of a monotonic clock, as `time.monotonic` does."""


def send_lines(lines: Iterable[FileLine], send: SendPunches, deadline: float) -> Iterator[BatchOutcome]:
    """Send the punches among lines; yield the outcome of each batch, in the order of the file.

    Args:
        lines: from `slices.imports.lines.read_lines`.
        send: sends a batch.
        deadline: passed to `send`.

    Raises:
        SendFailedError: from `send`. Later batches may have been sent, too.
        Exception: from reading a line; everything before the line was sent.
    """
    batches = _split_batches(lines)
    pending: deque[tuple[list[FileLine], Future[dict[int, str]]]] = deque()
    interruption: Exception | None = None
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            while True:
                try:
                    batch = next(batches, None)
                except Exception as error:  # noqa: BLE001  raised below, after the pending batches
                    interruption = error
                    break
                if batch is None:
                    break
                pending.append((batch, pool.submit(send, [line for line in batch if line.body], deadline)))
                if len(pending) == _MAX_BATCHES_PER_THREAD * THREADS:
                    yield _wait_for_outcome(*pending.popleft())
            while pending:
                yield _wait_for_outcome(*pending.popleft())
        finally:
            pool.shutdown(cancel_futures=True)
    if interruption:
        raise interruption


def _split_batches(lines: Iterable[FileLine]) -> Iterator[list[FileLine]]:
    batch: list[FileLine] = []
    punches = 0
    try:
        for line in lines:
            batch.append(line)
            punches += line.body != ""
            if punches == MAX_MESSAGES_PER_CALL or len(batch) == _MAX_BATCH_LINES:
                yield batch
                batch, punches = [], 0
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _wait_for_outcome(batch: list[FileLine], future: Future[dict[int, str]]) -> BatchOutcome:
    refusals = future.result()
    refused = [
        line._replace(refusal=line.refusal or refusals[line.number])
        for line in batch
        if line.refusal or line.number in refusals
    ]
    return BatchOutcome(sum(line.body != "" for line in batch) - len(refusals), refused)


class _EntryResult(NamedTuple):
    """Result of one punch in a call: accepted if both fields are None."""

    refusal: str | None = None  # why the queue will never accept it
    failure: str | None = None  # why the queue did not accept it this time


_ACCEPTED = _EntryResult()


class _RejectedEntryError(Exception):
    """The queue rejected a whole call because of the content of an entry. The message is the SQS error code."""


class QueueSender:
    """Sends punches to the queue. Thread-safe."""

    def __init__(
        self,
        sqs: "SQSClient",
        queue_url: str,
        *,
        is_sign_in_required: bool,
        group: str | None = None,
        first_delay: float = _FIRST_DELAY_SECONDS,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        """Create a sender.

        Args:
            sqs: a client without retries, and with a connection for each thread.
            queue_url: the URL of the punch queue.
            is_sign_in_required: add the employee of each punch as a message attribute, as the gateway does for an
                employee who signed in.
            group: `MessageGroupId` of all punches, so that a fair queue delivers punches of devices first; None: no
                group.
            first_delay: seconds before the second try; doubled for each further one.
            monotonic: a monotonic clock.
        """
        self._sqs = sqs
        self._url = queue_url
        self._is_sign_in_required = is_sign_in_required
        self._group = group
        self._first_delay, self._monotonic = first_delay, monotonic

    def send(self, punches: Sequence[FileLine], deadline: float) -> dict[int, str]:
        """Send at most ten punches, with retries of transient errors.

        Args:
            punches: lines with a body.
            deadline: value of the clock after which there is no retry.

        Returns:
            The reason for each punch that the queue will never accept, by line number.

        Raises:
            SendFailedError: the queue rejects all calls, or retries reached the deadline.
        """
        refused: dict[int, str] = {}
        remaining = list(punches)
        delay = self._first_delay
        while remaining:
            results = process_in_halves(
                remaining, self._call, _RejectedEntryError, lambda error: _refuse_entry(str(error))
            )
            pairs = list(zip(remaining, results, strict=True))
            refused |= {punch.number: result.refusal for punch, result in pairs if result.refusal is not None}
            remaining = [punch for punch, result in pairs if result.failure is not None]
            if remaining:
                if self._monotonic() + delay > deadline:
                    failures = sorted({result.failure for result in results if result.failure is not None})
                    raise SendFailedError(f"cannot send to the punch queue: {', '.join(failures)}")
                time.sleep(delay)
                delay = min(2 * delay, _MAX_DELAY_SECONDS)
        return refused

    def _call(self, punches: Sequence[FileLine]) -> list[_EntryResult]:
        """Make one call.

        Raises:
            _RejectedEntryError: the content of one of the punches made the call fail.
            SendFailedError: the call failed for another reason, and a retry would fail, too.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            errors = call_batch(self._sqs.send_message_batch, self._url, list(map(self._create_entry, punches)))
        except BotoCoreError as error:
            return [_EntryResult(failure=f"{type(error).__name__}: {error}")] * len(punches)
        except ClientError as error:
            code = _without_prefix(error.response["Error"].get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if is_message_error(code):
                raise _RejectedEntryError(code) from error
            if status >= 500 or code in _TRANSIENT_CODES:
                return [_EntryResult(failure=f"{type(error).__name__}: {error}")] * len(punches)
            raise SendFailedError(f"cannot send to the punch queue: {error}") from error
        results = [_ACCEPTED] * len(punches)
        for index, entry_error in errors.items():
            is_permanent = entry_error.is_sender_fault and is_message_error(entry_error.code)
            code = entry_error.code
            results[index] = _refuse_entry(_without_prefix(code)) if is_permanent else _EntryResult(failure=code)
        return results

    def _create_entry(self, punch: FileLine) -> dict[str, Any]:
        entry: dict[str, Any] = {"MessageBody": punch.body}
        attributes: dict[str, object] = {"usuarioId": punch.employee_id} if self._is_sign_in_required else {}
        attributes |= punch.attributes or {}
        if attributes:
            entry["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": str(value)} for name, value in attributes.items()
            }
        if self._group:
            entry["MessageGroupId"] = self._group
        return entry


def _refuse_entry(code: str) -> _EntryResult:
    return _EntryResult(refusal=f"line: rejected by the queue: {code}")


def _without_prefix(code: str) -> str:
    """Return an error code such as `AWS.SimpleQueueService.RequestThrottled` without its prefix."""
    return code.rpartition(".")[2]
