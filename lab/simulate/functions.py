"""AWS Lambda, as its documentation describes it: execution environments, invocations and partial batch responses.

The quoted sentences are from the AWS Lambda Developer Guide, https://docs.aws.amazon.com/lambda/latest/dg/.
"""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from botocore.exceptions import ClientError, ReadTimeoutError

import handler
from lab.faults import FaultKind
from lab.simulate.clock import ProcessKilledError, SimulatedClock
from lab.simulate.database import SimulatedDatabase
from lab.simulate.queue import QueueMessage, SimulatedQueue
from lab.simulate.schedule import Schedule

_CODE = compile(Path(handler.__file__).read_text(encoding="utf-8"), handler.__file__, "exec")
_COLD_START_SECONDS = 0.4
_MAX_IDLE_SECONDS = 600  # after which an idle environment is shut down
_CLIENT_IMPORT_SECONDS = 1.5  # to import boto3 with little CPU
_CALL_SECONDS = 0.02
_KILL_PROBABILITY, _STALL_PROBABILITY = 0.3, 0.3  # for each invocation, while such a fault lasts
_MAX_KILL_POINTS = 5  # an invocation is interrupted at one of its first five calls, its return included


class Invocation(NamedTuple):
    """Result of an invocation."""

    ended_at: float
    failed_ids: set[str]  # of messages that SQS delivers again
    error: str  # of the whole invocation; empty: none
    is_uncertain: bool  # failed messages may be stored: it did not return, or a commit was not confirmed
    log_lines: list[dict[str, Any]]


class ExecutionEnvironment:
    """Execution environment with its instance of the module `handler`."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.last_used_at = 0.0  # end of the last invocation
        self.has_client = False
        self.main: Callable[[Any, Any], Any] | None = None
        self._module: dict[str, Any] = {"__name__": "handler"}

    def load_handler(self, clock: SimulatedClock) -> Callable[[Any, Any], Any]:
        """Return the handler. The first call executes its module, so that environments share no module state."""
        if self.main is None:
            exec(_CODE, self._module)  # noqa: S102  handler.py
            self._module["time"] = clock
            self.main = self._module["main"]
            clock.deadline += _COLD_START_SECONDS  # the init phase does not count towards the timeout
            clock.advance(_COLD_START_SECONDS)
        return self.main


class SimulatedFunction:
    """The function, its execution environments and the AWS clients that it uses."""

    def __init__(
        self,
        clock: SimulatedClock,
        schedule: Schedule,
        rng: Random,
        database: SimulatedDatabase,
        queue: SimulatedQueue,
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
        # Kind of the interruption, and the number of calls before it.
        self._pending_interruption: tuple[FaultKind, int] | None = None
        self.was_interrupted = False

    def invoke(self, batch: Sequence[QueueMessage]) -> Invocation:
        """Invoke the function with a batch, now.

        "When your Lambda function encounters an error while processing a batch, all messages in that batch become
        visible in the queue again by default". Such errors are exceptions and timeouts.
        """
        clock = self._clock
        begin = clock.now
        self._invocations += 1
        self._draw_interruption(self._schedule.kinds_at(begin))
        environment = self._take_environment(begin)
        self._running = self._database.owner = environment
        self._database.has_lost_answer = False
        self._batch = batch
        clock.deadline = begin + self._timeout
        batch_ids = {message.id for message in batch}
        failed, error, is_killed, log = batch_ids, "", False, io.StringIO()
        try:
            with redirect_stdout(log):
                main = environment.load_handler(clock)
                event = {"Records": [message.record() for message in batch]}
                answer = main(event, _Context(clock, self._invocations))
            self.reach_kill_point()
            failed = read_batch_response(answer, batch_ids)
        except ProcessKilledError as killed:
            is_killed, error = True, str(killed)
            self._database.close_sessions(environment)
        except Exception as raised:  # noqa: BLE001  as Lambda's runtime does
            error = f"{type(raised).__name__}: {raised}"
        finally:
            clock.deadline = float("inf")
            self._database.owner = None
        environment.last_used_at = clock.now
        if not is_killed:
            self._idle_environments.append(environment)
        log_lines = [json.loads(line) for line in log.getvalue().splitlines()]
        return Invocation(clock.now, failed, error, bool(error) or self._database.has_lost_answer, log_lines)

    def reach_kill_point(self) -> None:
        """Kill or freeze the process if that is due at this call.

        Raises:
            ProcessKilledError: it is killed, or it freezes until the invocation times out.
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
        """Return a simulated client; replaces `boto3.client`."""
        if not self._running.has_client:
            self._clock.advance(_CLIENT_IMPORT_SECONDS)
            self._running.has_client = True
        return self if service == "sqs" else _Secrets(self._clock)

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803  boto3's
        """Send messages to the dead-letter queue."""
        del QueueUrl  # the function may send to this queue only
        self._call("SendMessageBatch")
        for entry in Entries:
            self._send_dead_letter(self._batch, entry["MessageBody"], entry["MessageAttributes"])
        self.reach_kill_point()
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        """Change the visibility timeout of messages in the queue of punches."""
        del QueueUrl
        self._call("ChangeMessageVisibilityBatch")
        successful, failed = [], []
        for entry in Entries:
            code = self._queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"], self._clock.now)
            if code:
                failed.append({"Id": entry["Id"], "Code": code})
                continue
            successful.append({"Id": entry["Id"]})
            for message in self._batch:
                if message.receipt_handle == entry["ReceiptHandle"]:
                    message.holder = None  # from now on, another invocation may receive it
        return {"Successful": successful, "Failed": failed}

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
        for kind, probability in ((FaultKind.KILLED, _KILL_PROBABILITY), (FaultKind.STALLED, _STALL_PROBABILITY)):
            if kind in kinds and self._rng.random() < probability:
                self._pending_interruption = (kind, self._rng.randrange(_MAX_KILL_POINTS))
                self.was_interrupted = True

    def _take_environment(self, now: float) -> ExecutionEnvironment:
        """Return the environment that was used last among the idle ones, or a new one.

        "Lambda maintains the execution environment for some time in anticipation of another function invocation": here
        for `_MAX_IDLE_SECONDS`.
        """
        for expired in [idle for idle in self._idle_environments if idle.last_used_at + _MAX_IDLE_SECONDS < now]:
            self._idle_environments.remove(expired)
            self._database.close_sessions(expired)
        ready = [idle for idle in self._idle_environments if idle.last_used_at <= now]
        if ready:
            environment = max(ready, key=lambda each: (each.last_used_at, each.number))
            self._idle_environments.remove(environment)
            return environment
        self._environment_count += 1
        return ExecutionEnvironment(self._environment_count)


class _Context:
    """Lambda's context object, with the attributes that the function uses."""

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
    ID that doesn't exist." (The documentation has two lists of these.)

    Args:
        answer: return value of the function.
        batch_ids: ids of the messages of the batch.

    Returns:
        The ids of the messages that SQS delivers again.
    """
    items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not items:
        return set()
    failed_ids = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in items}
    return {str(message_id) for message_id in failed_ids} if failed_ids <= batch_ids else batch_ids
