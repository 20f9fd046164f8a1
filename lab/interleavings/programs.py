"""What runs beside each other: drain, migrations, redrive, and what slices bring; each is the real code."""

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
from ponto.drain import Drain, Processed
from ponto.message import read_messages
from ponto.redelivery import Redelivery
from tools.kit import queue_reader

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_ZONE = ZoneInfo("America/Sao_Paulo")
_TIMEOUT_SECONDS = 3_600  # s: no function ends by its timeout here
_MAX_TRIES = 3  # of whatever comes back: more is a defect
# Who waits does until the scheduler says otherwise.
_WAIT_FOREVER = LockRetryPolicy(
    tries=2, lock_timeout_ms=0, pause_seconds=0, advisory_lock_timeout_ms=0, idle_timeout_ms=0
)


class Program(Protocol):
    """Something that one session does."""

    def run(self, world: World, session: ScheduledSession) -> None:
        """Do it, in the session's own thread."""

    def follow_ups(self, world: World, session: ScheduledSession) -> "Sequence[Program]":
        """Give what comes once the session has ended: what it left undone, done by others."""


class DrainProgram:
    """Batches, drained by an execution environment one after the other."""

    def __init__(self, *batches: Sequence[ScenarioMessage], killable_tries: int = 0, tries: int = 1) -> None:
        """Takes the batches.

        Args:
            batches: of messages.
            killable_tries: in how many tries, this one first, the process also stops before it sends dead letters and
                before it answers, so that it can be killed there.
            tries: how often they were received, this time included.
        """
        self._batches = list(batches)
        self._failed: list[ScenarioMessage] = []
        self._killable_tries = killable_tries
        self._tries = tries

    def run(self, world: World, session: ScheduledSession) -> None:
        """Drain."""
        world.accepted.update({message.id: message for batch in self._batches for message in batch})
        letters = cast(DeadLetters, _DeadLetterQueue(world, session if self._killable_tries else None))
        drain = Drain(_ZONE, world.get_store(session), letters, Redelivery("", ()))
        session.is_unscheduled = False
        while self._batches:
            event = {"Records": [message.record() for message in self._batches[0]]}
            processed = drain.process(read_messages(event), time.monotonic() + _TIMEOUT_SECONDS)
            if self._killable_tries:
                session.stop_before("the answer")
            for message in self._batches.pop(0):
                self._record_status(world, session, message, processed)

    def _record_status(
        self, world: World, session: ScheduledSession, message: ScenarioMessage, processed: Processed
    ) -> None:
        failure = processed.failures.get(message.id)
        reasons = {each.message.id: str(each.reason) for each in processed.dead_lettered}
        stored = {(entry.punch.id, entry.message_id) for entry in processed.stored}
        if failure and message.key == REFUSED:
            world.statuses[message.id] = "failed"
        elif failure:
            self._failed.append(message)
            if not session.is_interrupted:
                world.failures.append(f"{message.id} failed: {failure.detail}")
        elif (message.row[0], message.redrives or message.id) in stored:
            world.statuses[message.id] = "stored"
        else:
            world.statuses[message.id] = reasons.get(message.id, "duplicate")

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:
        """Give the environment that receives what was not answered for, or failed."""
        if session.is_killed:
            world.drop_store(session)
        again = [*self._batches, *([self._failed] if self._failed else [])]
        if not again or self._tries == _MAX_TRIES:
            return ()
        return (DrainProgram(*again, killable_tries=max(self._killable_tries - 1, 0), tries=self._tries + 1),)


class _DeadLetterQueue:
    """The function's dead-letter queue."""

    def __init__(self, world: World, session: ScheduledSession | None) -> None:
        self._world = world
        self._session = session

    def send(self, rejections: Sequence[Rejection], _: float) -> dict[str, str]:
        if rejections and self._session:
            self._session.stop_before("dead letters are sent")
        self._world.dead_letters |= {(each.message.id, str(each.reason)) for each in rejections}
        return {}


class MigrationProgram:
    """A run of the migrations, which add one and change a view."""

    def run(self, world: World, session: ScheduledSession) -> None:
        """Migrate."""
        session.is_unscheduled = False
        try:
            migrate(world.connection_parameters, _ZONE.key, world.schema, _WAIT_FOREVER)
        except (MigrationError, psycopg2.Error) as error:
            if session.is_killed:
                raise
            self._failed = str(error)
            if not session.is_interrupted:
                world.failures.append(f"migrations failed: {error}")
        else:
            self._failed = ""

    _failed = "it was killed"

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:  # noqa: ARG002  as of every program
        """Give another run, after one that was killed or failed."""
        return (MigrationProgram(),) if self._failed and session.is_interrupted else ()


class RedriveProgram:
    """Dead letters that an operator sends back; they are drained from then on."""

    def __init__(self, *letters: ScenarioMessage, number: int = 1) -> None:
        """Takes the dead letters, by the messages that they were."""
        self._letters = letters
        self._number = number
        self._is_done = False

    def run(self, world: World, session: ScheduledSession) -> None:
        """Send them, then delete them, with the command's own code."""
        session.is_unscheduled = False
        world.initial_dead_letters = list(self._letters)
        queue = cast("SQSClient", _Queue(world, session, self._letters, self._number))
        reader = queue_reader.QueueReader(queue, "dead letters")
        reader.receive_all()
        unsent = queue_reader.send(queue, "punches", reader.messages)
        kept = reader.delete([message for message in reader.messages if message.id not in unsent])
        self._is_done = not unsent and not kept

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:  # noqa: ARG002  as of every program
        """Give the operator's next try."""
        return (
            ()
            if self._is_done or self._number == _MAX_TRIES
            else (RedriveProgram(*self._letters, number=self._number + 1),)
        )


class _Queue:
    """Both queues, as `dlq redrive` calls them."""

    def __init__(
        self, world: World, session: ScheduledSession, letters: Sequence[ScenarioMessage], number: int
    ) -> None:
        self._world, self._session, self._number = world, session, number
        self._dead_letters = list(letters)

    def receive_message(self, **_: Any) -> dict[str, Any]:
        found, self._dead_letters = self._dead_letters, []
        return {"Messages": [_exhausted_message(message) for message in found]}

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803
        self._session.stop_before("dead letters are sent back")
        for entry in Entries:
            first = entry["MessageAttributes"]["messageId"]["StringValue"]
            message = next(each for each in self._world.initial_dead_letters if each.id == first)
            self._world.redriven.append(message._replace(id=f"{first} redriven {self._number}", redrives=first))
        return _success_response(Entries)

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803
        self._session.stop_before("dead letters are deleted")
        return _success_response(Entries)


def _success_response(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Successful": [{"Id": entry["Id"]} for entry in entries]}


def _exhausted_message(message: ScenarioMessage) -> dict[str, Any]:
    """A message that SQS itself moved to the dead-letter queue."""
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.id,
        "Body": message.body(),
        "Attributes": message.record()["attributes"],
    }
