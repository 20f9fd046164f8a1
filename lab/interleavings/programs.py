"""Programs that run concurrently, each with the real code: drain, migrations, redrive. Slices add others."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast
from zoneinfo import ZoneInfo

import psycopg2

from lab.interleavings.sessions import ScheduledSession
from lab.interleavings.world import REFUSED, ScenarioMessage, World
from ponto.admin.migrations import LockRetryPolicy, migrate
from ponto.admin.owner import MigrationError
from ponto.dead_letters import DeadLetters, Rejection
from ponto.drain import BatchResult, Drain
from ponto.message import read_messages
from ponto.retry_backoff import RetryBackoff
from tools.kit import queue_reader

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_ZONE = ZoneInfo("America/Sao_Paulo")
_TIMEOUT_SECONDS = 3_600  # so long that no function times out
_MAX_TRIES = 3  # of a message or command: more would be a defect
# No timeouts: the scheduler decides how long a session waits.
_WAIT_FOREVER = LockRetryPolicy(
    tries=2, lock_timeout_ms=0, pause_seconds=0, advisory_lock_timeout_ms=0, idle_timeout_ms=0
)


class Program(Protocol):
    """Program that runs in one session."""

    def run(self, world: World, session: ScheduledSession) -> None:
        """Run the program; called in the thread of the session."""

    def follow_ups(self, world: World, session: ScheduledSession) -> "Sequence[Program]":
        """Return the programs that run after the session has ended, to complete its work."""


class DrainProgram:
    """Drain of batches, one after the other, in one execution environment."""

    def __init__(self, *batches: Sequence[ScenarioMessage], killable_tries: int = 0, tries: int = 1) -> None:
        """Create the program.

        Args:
            batches: messages of each batch.
            killable_tries: number of tries, this one included, in which the process also stops before it sends dead
                letters and before it answers, so that it can be killed there.
            tries: receive count of the messages, this try included.
        """
        self._batches = list(batches)
        self._failed_messages: list[ScenarioMessage] = []
        self._killable_tries = killable_tries
        self._tries = tries

    def run(self, world: World, session: ScheduledSession) -> None:
        """Drain the batches, and record the status of each message."""
        world.accepted.update({message.id: message for batch in self._batches for message in batch})
        letters = cast(DeadLetters, _DeadLetterQueue(world, session if self._killable_tries else None))
        drain = Drain(_ZONE, world.get_store(session), letters, RetryBackoff("", ()))
        session.is_unscheduled = False
        while self._batches:
            event = {"Records": [message.record() for message in self._batches[0]]}
            processed = drain.process(read_messages(event), time.monotonic() + _TIMEOUT_SECONDS)
            if self._killable_tries:
                session.stop_before("the answer")
            for message in self._batches.pop(0):
                self._record_status(world, session, message, processed)

    def _record_status(
        self, world: World, session: ScheduledSession, message: ScenarioMessage, processed: BatchResult
    ) -> None:
        failure = processed.failures.get(message.id)
        reasons = {rejection.message.id: str(rejection.reason) for rejection in processed.dead_lettered}
        stored = {(entry.punch.id, entry.message_id) for entry in processed.stored}
        if failure and message.key == REFUSED:
            world.statuses[message.id] = "failed"
        elif failure:
            self._failed_messages.append(message)
            if not session.is_interrupted:
                world.failures.append(f"{message.id} failed: {failure.detail}")
        elif (message.row[0], message.redrives or message.id) in stored:
            world.statuses[message.id] = "stored"
        else:
            world.statuses[message.id] = reasons.get(message.id, "duplicate")

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:
        """Return a drain of the messages that failed, or whose batch was not answered."""
        if session.is_killed:
            world.drop_store(session)
        batches = [*self._batches, *([self._failed_messages] if self._failed_messages else [])]
        if not batches or self._tries == _MAX_TRIES:
            return ()
        return (DrainProgram(*batches, killable_tries=max(self._killable_tries - 1, 0), tries=self._tries + 1),)


class _DeadLetterQueue:
    """Replacement for `DeadLetters`, which collects the dead letters of a run."""

    def __init__(self, world: World, session: ScheduledSession | None) -> None:
        self._world = world
        self._session = session

    def send(self, rejections: Sequence[Rejection], _: float) -> dict[str, str]:
        if rejections and self._session:
            self._session.stop_before("dead letters are sent")
        self._world.dead_letters |= {(rejection.message.id, str(rejection.reason)) for rejection in rejections}
        return {}


class MigrationProgram:
    """Run of the migrations: one new migration, and possibly a changed view."""

    _error = "killed"  # until `run` ends

    def run(self, world: World, session: ScheduledSession) -> None:
        """Run the migrations."""
        session.is_unscheduled = False
        try:
            migrate(world.connection_parameters, _ZONE.key, world.schema, _WAIT_FOREVER)
        except (MigrationError, psycopg2.Error) as error:
            if session.is_killed:
                raise
            self._error = str(error)
            if not session.is_interrupted:
                world.failures.append(f"migrations failed: {error}")
        else:
            self._error = ""

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:  # noqa: ARG002  part of the protocol
        """Return another run if an interruption made this one fail."""
        return (MigrationProgram(),) if self._error and session.is_interrupted else ()


class RedriveProgram:
    """Redrive of dead letters; each message that it sends is drained afterwards."""

    def __init__(self, *letters: ScenarioMessage, number: int = 1) -> None:
        """Create the program.

        Args:
            letters: the messages that became the dead letters.
            number: number of this try, from 1.
        """
        self._letters = letters
        self._number = number
        self._is_done = False

    def run(self, world: World, session: ScheduledSession) -> None:
        """Send the dead letters to the queue, then delete them, with the code of `ponto dlq redrive`."""
        session.is_unscheduled = False
        world.initial_dead_letters = list(self._letters)
        queue = cast("SQSClient", _Queue(world, session, self._letters, self._number))
        reader = queue_reader.QueueReader(queue, "dead letters")
        reader.receive_all()
        unsent = queue_reader.send(queue, "punches", reader.messages)
        undeleted = reader.delete([message for message in reader.messages if message.id not in unsent])
        self._is_done = not unsent and not undeleted

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:  # noqa: ARG002  part of the protocol
        """Return the next try of the operator."""
        return (
            ()
            if self._is_done or self._number == _MAX_TRIES
            else (RedriveProgram(*self._letters, number=self._number + 1),)
        )


class _Queue:
    """Replacement for the SQS client of `ponto dlq redrive`."""

    def __init__(
        self, world: World, session: ScheduledSession, letters: Sequence[ScenarioMessage], number: int
    ) -> None:
        self._world, self._session, self._number = world, session, number
        self._dead_letters = list(letters)

    def receive_message(self, **_: Any) -> dict[str, Any]:
        messages, self._dead_letters = self._dead_letters, []
        return {"Messages": [_exhausted_message(message) for message in messages]}

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803
        self._session.stop_before("dead letters are sent back")
        for entry in Entries:
            original_id = entry["MessageAttributes"]["messageId"]["StringValue"]
            message = next(letter for letter in self._world.initial_dead_letters if letter.id == original_id)
            self._world.redriven.append(
                message._replace(id=f"{original_id} redriven {self._number}", redrives=original_id)
            )
        return _success_response(Entries)

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803
        self._session.stop_before("dead letters are deleted")
        return _success_response(Entries)


def _success_response(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Successful": [{"Id": entry["Id"]} for entry in entries]}


def _exhausted_message(message: ScenarioMessage) -> dict[str, Any]:
    """Return a dead letter that SQS moved after too many receives."""
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.id,
        "Body": message.body(),
        "Attributes": message.record()["attributes"],
    }
