"""AWS Lambda, as its documentation describes it: processes, invocations, and what a mapping makes of an answer.

The sentences are from the AWS Lambda Developer Guide, https://docs.aws.amazon.com/lambda/latest/dg/.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from botocore.exceptions import ClientError, ReadTimeoutError

import handler
from lab.faults import FaultKind
from lab.simulate.clock import ProcessKilledError, SimulatedClock
from lab.simulate.database import SimulatedDatabase
from lab.simulate.queue import Queue, QueueMessage
from lab.simulate.schedule import Schedule

_CODE = compile(Path(handler.__file__).read_text(encoding="utf-8"), handler.__file__, "exec")
_COLD_START_SECONDS = 0.4  # s
_MAX_IDLE_SECONDS = 600  # s without an invocation after which a process is ended
_CLIENT_IMPORT_SECONDS = 1.5  # s that boto3's import takes a small function
_CALL_SECONDS = 0.02  # s
_KILL_PROBABILITY, _STALL_PROBABILITY = 0.3, 0.3  # of the invocations, while such a fault lasts
_MAX_KILL_POINTS = 5  # an invocation is killed at one of its first calls, or as it returns


class Invocation(NamedTuple):
    """An invocation that has ended."""

    ended_at: float
    failed_ids: set[str]  # of messages that SQS delivers again
    error: str  # of the function as a whole; empty: none
    is_uncertain: bool  # what failed may be stored: it did not return, or lost PostgreSQL's answer
    log_lines: list[dict[str, Any]]


class ExecutionEnvironment:
    """An execution environment: the handler's module, as one process has it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.last_used_at = 0.0  # when the last invocation ended
        self.has_client = False
        self.main: Callable[[Any, Any], Any] | None = None
        self._module: dict[str, Any] = {"__name__": "handler"}

    def load_handler(self, clock: SimulatedClock) -> Callable[[Any, Any], Any]:
        """Give the handler; at first load it anew, for what one process keeps no other sees."""
        if self.main is None:
            exec(_CODE, self._module)  # noqa: S102  the project's own handler
            self._module["time"] = clock
            self.main = self._module["main"]
            clock.deadline += _COLD_START_SECONDS  # the init phase is not the invocation's
            clock.advance(_COLD_START_SECONDS)
        return self.main


class _Log:
    """What the function prints."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        if text != "\n":
            self.lines.append(text)

    def flush(self) -> None:
        """Do nothing."""


class Function:
    """The function, its processes, and what it calls besides the database."""

    def __init__(
        self,
        clock: SimulatedClock,
        schedule: Schedule,
        rng: Random,
        database: SimulatedDatabase,
        queue: Queue,
        send_dead_letter: Callable[[Sequence[QueueMessage], str, dict[str, Any]], None],
        timeout: int,
    ) -> None:
        self._clock, self._schedule, self._rng = clock, schedule, rng
        self._database, self._queue, self._send_dead_letter = database, queue, send_dead_letter
        self._timeout = timeout
        self._idle_environments: list[ExecutionEnvironment] = []
        self._running: ExecutionEnvironment
        self._batch: Sequence[QueueMessage] = ()
        self._environment_count = 0
        self._invocations = 0
        self._pending_interruption: tuple[FaultKind, int] | None = (
            None  # at which call to come the process is killed, or freezes
        )
        self.was_interrupted = False
        self._log = _Log()

    def invoke(self, batch: Sequence[QueueMessage]) -> Invocation:
        """Invoke the function with a batch, from the clock's time on.

        "When your Lambda function encounters an error while processing a batch, all messages in that batch become
        visible in the queue again by default": an exception, or the timeout.
        """
        clock = self._clock
        begin = clock.now
        self._invocations += 1
        self._draw_interruption(self._schedule.kinds_at(begin))
        process = self._take_environment(begin)
        self._running = self._database.owner = process
        self._database.has_lost_answer = False
        self._log.lines.clear()
        self._batch = batch
        clock.deadline = begin + self._timeout
        batch_ids = {message.id for message in batch}
        out, sys.stdout = sys.stdout, self._log
        failed, error, ended = batch_ids, "", False
        try:
            main = process.load_handler(clock)
            event = {"Records": [message.record() for message in batch]}
            answer = main(event, _Context(clock, self._invocations))
            self.reach_kill_point()
            failed = read_batch_response(answer, batch_ids)
        except ProcessKilledError as over:
            ended, error = True, str(over)
            self._database.close_sessions(process)
        except Exception as raised:  # noqa: BLE001  as Lambda's runtime does
            error = f"{type(raised).__name__}: {raised}"
        finally:
            sys.stdout = out
            clock.deadline = float("inf")
            self._database.owner = None
        process.last_used_at = clock.now
        if not ended:
            self._idle_environments.append(process)
        logged = [json.loads(line) for line in self._log.lines]
        return Invocation(clock.now, failed, error, bool(error) or self._database.has_lost_answer, logged)

    def reach_kill_point(self) -> None:
        """Be where the process may be killed, or freeze.

        Raises:
            ProcessEnded: it was; or it froze for longer than the invocation may take.
        """
        if self._pending_interruption is None:
            return
        kind, calls = self._pending_interruption
        if calls:
            self._pending_interruption = (kind, calls - 1)
            return
        self._pending_interruption = None
        if kind is FaultKind.KILLED:
            raise ProcessKilledError("killed")
        self._clock.advance(self._rng.uniform(1, 120))

    def client(self, service: str, **_: Any) -> Any:
        """Stand for `boto3.client`."""
        if not self._running.has_client:
            self._clock.advance(_CLIENT_IMPORT_SECONDS)
            self._running.has_client = True
        return self if service == "sqs" else _Secrets(self._clock)

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803  boto3's
        """Send to the dead-letter queue."""
        del QueueUrl  # it may send to no other
        self._call("SendMessageBatch")
        for entry in Entries:
            self._send_dead_letter(self._batch, entry["MessageBody"], entry["MessageAttributes"])
        self.reach_kill_point()
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        """Change when messages of the queue of punches become visible."""
        del QueueUrl
        self._call("ChangeMessageVisibilityBatch")
        done, failed = [], []
        for entry in Entries:
            code = self._queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"], self._clock.now)
            if code:
                failed.append({"Id": entry["Id"], "Code": code})
                continue
            done.append({"Id": entry["Id"]})
            for message in self._batch:
                if message.receipt_handle == entry["ReceiptHandle"]:
                    message.holder = None  # the invocation gave it back, though it has not returned
        return {"Successful": done, "Failed": failed}

    def _call(self, operation: str) -> None:
        self.reach_kill_point()
        kinds = self._schedule.kinds_at(self._clock.now)
        if FaultKind.SQS_SILENT in kinds:
            self._clock.advance(2 + 2 * (self._rng.random() < 0.5))
            raise ReadTimeoutError(endpoint_url="https://sqs.simulated")
        self._clock.advance(_CALL_SECONDS)
        if FaultKind.SQS_REFUSES in kinds and self._rng.random() < 0.7:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, operation)

    def _draw_interruption(self, kinds: frozenset[FaultKind]) -> None:
        self._pending_interruption, self.was_interrupted = None, False
        for kind, share in ((FaultKind.KILLED, _KILL_PROBABILITY), (FaultKind.STALLED, _STALL_PROBABILITY)):
            if kind in kinds and self._rng.random() < share:
                self._pending_interruption, self.was_interrupted = (
                    (kind, self._rng.randrange(_MAX_KILL_POINTS)),
                    True,
                )

    def _take_environment(self, now: float) -> ExecutionEnvironment:
        """Give a process that is frozen, or a new one.

        "Lambda maintains the execution environment for some time in anticipation of another function invocation": for
        minutes.
        """
        for process in [
            process for process in self._idle_environments if process.last_used_at + _MAX_IDLE_SECONDS < now
        ]:
            self._idle_environments.remove(process)
            self._database.close_sessions(process)
        ready = [process for process in self._idle_environments if process.last_used_at <= now]
        if ready:
            found = max(ready, key=lambda process: (process.last_used_at, process.number))
            self._idle_environments.remove(found)
            return found
        self._environment_count += 1
        return ExecutionEnvironment(self._environment_count)


class _Context:
    """Lambda's context, of which the function uses this much."""

    def __init__(self, clock: SimulatedClock, number: int) -> None:
        self._clock = clock
        self.aws_request_id = str(number)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._clock.deadline - self._clock.now))


class _Secrets:
    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803  boto3's
        del SecretId
        self._clock.advance(_CALL_SECONDS)
        return {"SecretString": '{"username": "simulated", "password": "simulated"}'}


def read_batch_response(answer: object, batch_ids: set[str]) -> set[str]:
    """Read a partial batch response.

    "Lambda treats a batch as a complete success if your function returns any of the following: An empty
    batchItemFailures list. A null batchItemFailures list. An empty EventResponse. A null EventResponse. Lambda treats a
    batch as a complete failure if your function returns any of the following: An invalid JSON response. An empty string
    itemIdentifier. A null itemIdentifier. An itemIdentifier with a bad key name. An itemIdentifier value with a message
    ID that doesn't exist." (A list there.)

    Args:
        answer: of the function.
        everything: the ids of the batch.

    Returns:
        The ids of the messages that come back.
    """
    items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not items:
        return set()
    found = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in items}
    return {str(item) for item in found} if found <= batch_ids else batch_ids
