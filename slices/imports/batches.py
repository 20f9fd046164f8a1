"""Lines of a file, sent to the queue of punches in batches, by several threads, and each answer looked at."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from ponto.bisection import process_in_halves
from ponto.sqs import MAX_MESSAGES_PER_CALL, call, is_message_error
from slices.imports.lines import FileLine
from slices.imports.raw_lines import Position

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

THREADS = 8
"""Connections that send to the queue at once."""

_BATCHES_AHEAD = 4  # batches a thread that are read while the first of them is not answered
_MAX_BATCH_LINES = 1_000  # of a batch, refused ones included: a file of bad lines stops in time too
_FIRST_DELAY_SECONDS = 0.1  # s, then twice as long each time
_MAX_DELAY_SECONDS = 5.0  # s

# Codes of SQS, by their last part, of what passes.
_TRANSIENT_CODES = {
    "KmsThrottled",
    "OverLimit",
    "RequestThrottled",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
}


class SendFailedError(Exception):
    """The queue did not take a batch. The message says why."""


class OutOfTimeError(Exception):
    """There are more lines than there was time."""


class BatchOutcome(NamedTuple):
    """What became of lines that follow one another."""

    accepted: int
    refused_lines: list[FileLine]
    end: Position  # after the last of them


SendPunches = Callable[[Sequence[FileLine], float], dict[int, str]]
"""Sends at most ten punches before an instant, and says why, by its line's number, for each that can never be sent."""


Monotonic = Callable[[], float]
"""Returns seconds that only grow; see `time.monotonic`."""


def send_lines(
    lines: Iterable[FileLine],
    send: SendPunches,
    deadline: float,
    threads: int = THREADS,
    monotonic: Monotonic = time.monotonic,
) -> Iterator[BatchOutcome]:
    """Send the punches among lines.

    What it gives is sent, in the order of the file, so that whoever goes on begins behind it. More may have been sent
    than was given; sending that again does no harm, for a punch has an id.

    Args:
        lines: as `slices.imports.lines` reads them.
        send: is called by several threads at once.
        deadline: `time.monotonic()` seconds past which no batch is begun.
        threads: how many they are.
        monotonic: the clock.

    Raises:
        OutOfTimeError: it is past `stop`; all that was read is sent.
        SendFailedError: of `send`.
        Exception: whatever reading a line raised; all before it are sent.
    """
    batches = _batches(lines)
    waiting: deque[tuple[list[FileLine], Future[dict[int, str]]]] = deque()
    end: Exception | None = None
    with ThreadPoolExecutor(threads) as pool:
        try:
            while end is None:
                try:
                    batch = next(batches, None)
                except Exception as error:  # noqa: BLE001  raised below
                    end = error
                    break
                if batch is None:
                    break
                waiting.append((batch, pool.submit(send, [line for line in batch if line.body], deadline)))
                if len(waiting) == _BATCHES_AHEAD * threads:
                    yield _outcome(*waiting.popleft())
                if monotonic() > deadline:
                    end = OutOfTimeError(f"the time is over, and line {batch[-1].end.line} is not read")
            while waiting:
                yield _outcome(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)
    if end:
        raise end


def _batches(lines: Iterable[FileLine]) -> Iterator[list[FileLine]]:
    batch: list[FileLine] = []
    punches = 0
    try:
        for line in lines:
            batch.append(line)
            punches += line.body != ""
            if punches == MAX_MESSAGES_PER_CALL or len(batch) == _MAX_BATCH_LINES or line.is_heartbeat:
                yield batch
                batch, punches = [], 0
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _outcome(batch: list[FileLine], answer: Future[dict[int, str]]) -> BatchOutcome:
    unsent = answer.result()
    refused = [
        line._replace(refusal=line.refusal or unsent[line.number])
        for line in batch
        if line.refusal or line.number in unsent
    ]
    return BatchOutcome(sum(line.body != "" for line in batch) - len(unsent), refused, batch[-1].end)


class _EntryResult(NamedTuple):
    """What became of a punch in a call. Where there is no text, the queue has it."""

    refusal: str | None = None  # why it can never take it
    failure: str | None = None  # why it did not, though it may take it later


_ACCEPTED = _EntryResult()


class _RejectedEntryError(Exception):
    """The queue refuses a call for what is in it. The message is SQS's code."""


class QueueSender:
    """Sends to the queue of punches. For several threads."""

    def __init__(
        self,
        sqs: "SQSClient",
        queue_url: str,
        *,
        requires_sign_in: bool,
        group: str | None = None,
        first_delay: float = _FIRST_DELAY_SECONDS,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        """Calls nobody.

        Args:
            sqs: a client that tries each call once, with a connection for each thread.
            queue_url: of the queue of punches.
            requires_sign_in: vouch for each punch's employee, as the gateway does for who signed in.
            group: by which the queue tells these punches from those of devices, to hand the devices' over first; None:
                by none.
            first_delay: seconds before the second try; then twice as long each time.
            monotonic: the clock.
        """
        self._sqs = sqs
        self._url = queue_url
        self._requires_sign_in = requires_sign_in
        self._group = group
        self._first_delay, self._monotonic = first_delay, monotonic

    def send(self, punches: Sequence[FileLine], deadline: float) -> dict[int, str]:
        """Send at most ten punches, again and again where the queue is what fails.

        Args:
            punches: the lines.
            deadline: `time.monotonic()` seconds past which no call is begun, but for the first.

        Returns:
            Why, by its line's number, for each that the queue can never take.

        Raises:
            SendFailedError: the queue refuses whatever it is sent, or kept failing.
        """
        refused: dict[int, str] = {}
        left = list(punches)
        delay = self._first_delay
        while left:
            results = process_in_halves(left, self._call, _RejectedEntryError, lambda error: _refusal(str(error)))
            answers = list(zip(left, results, strict=True))
            refused |= {punch.number: answer.refusal for punch, answer in answers if answer.refusal is not None}
            left = [punch for punch, answer in answers if answer.failure is not None]
            if left:
                if self._monotonic() + delay > deadline:
                    failures = sorted({answer.failure for answer in results if answer.failure is not None})
                    raise SendFailedError(f"the queue of punches: {', '.join(failures)}")
                time.sleep(delay)
                delay = min(2 * delay, _MAX_DELAY_SECONDS)
        return refused

    def _call(self, punches: Sequence[FileLine]) -> list[_EntryResult]:
        """Send once.

        Raises:
            _RejectedEntryError: one of the punches makes the queue refuse all.
            SendFailedError: the queue refuses whatever it is sent.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            unsent = call(self._sqs.send_message_batch, self._url, list(map(self._entry, punches)))
        except BotoCoreError as error:
            return [_EntryResult(failure=f"{type(error).__name__}: {error}")] * len(punches)
        except ClientError as error:
            code = _last_part(error.response["Error"].get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if is_message_error(code):
                raise _RejectedEntryError(code) from error
            if status >= 500 or code in _TRANSIENT_CODES:
                return [_EntryResult(failure=f"{type(error).__name__}: {error}")] * len(punches)
            raise SendFailedError(f"the queue of punches: {error}") from error
        answers = [_ACCEPTED] * len(punches)
        for index, why in unsent.items():
            never = why.is_sender_fault and is_message_error(why.code)
            answers[index] = _refusal(_last_part(why.code)) if never else _EntryResult(failure=why.code)
        return answers

    def _entry(self, punch: FileLine) -> dict[str, Any]:
        entry: dict[str, Any] = {"MessageBody": punch.body}
        vouched: dict[str, object] = {"usuarioId": punch.employee_id} if self._requires_sign_in else {}
        vouched |= punch.attributes or {}
        if vouched:
            entry["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": str(value)} for name, value in vouched.items()
            }
        if self._group:
            entry["MessageGroupId"] = self._group
        return entry


def _refusal(code: str) -> _EntryResult:
    return _EntryResult(refusal=f"line: the queue does not take it: {code}")


def _last_part(code: str) -> str:
    return code.rpartition(".")[2]
