"""What runs beside each other: drain, migrations, redrive, and what slices bring; each is the real code."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast
from zoneinfo import ZoneInfo

import psycopg2

from lab.interleavings.sessions import Session
from lab.interleavings.world import REFUSED, Message, World
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
_HOUR = 3_600  # s: no function ends by its timeout here
_TRIES = 3  # of whatever comes back: more is a defect
# Who waits does until the scheduler says otherwise.
_PATIENT = LockRetryPolicy(tries=2, lock_ms=0, pause_seconds=0, advisory_ms=0, idle_ms=0)


class Program(Protocol):
    """Something that one session does."""

    def run(self, world: World, session: Session) -> None:
        """Do it, in the session's own thread."""

    def after(self, world: World, session: Session) -> "Sequence[Program]":
        """Give what comes once the session has ended: what it left undone, done by others."""


class Draining:
    """Batches, drained by an execution environment one after the other."""

    def __init__(self, *batches: Sequence[Message], killable_tries: int = 0, tries: int = 1) -> None:
        """Takes the batches.

        Args:
            batches: of messages.
            killable_tries: in how many tries, this one first, the process also stops before it sends dead letters and
                before it answers, so that it can be killed there.
            tries: how often they were received, this time included.
        """
        self._left = list(batches)
        self._failed: list[Message] = []
        self._killable_tries = killable_tries
        self._tries = tries

    def run(self, world: World, session: Session) -> None:
        """Drain."""
        world.accepted.update({message.id: message for batch in self._left for message in batch})
        letters = cast(DeadLetters, _Letters(world, session if self._killable_tries else None))
        drain = Drain(_ZONE, world.store(session), letters, Redelivery("", ()))
        session.is_open = False
        while self._left:
            event = {"Records": [message.record() for message in self._left[0]]}
            processed = drain.process(read_messages(event), time.monotonic() + _HOUR)
            if self._killable_tries:
                session.stop("the answer")
            for message in self._left.pop(0):
                self._note(world, session, message, processed)

    def _note(self, world: World, session: Session, message: Message, processed: Processed) -> None:
        failure = processed.failures.get(message.id)
        reasons = {each.message.id: str(each.reason) for each in processed.dead_lettered}
        stored = {(entry.punch.id, entry.message_id) for entry in processed.stored}
        if failure and message.key == REFUSED:
            world.statuses[message.id] = "failed"
        elif failure:
            self._failed.append(message)
            if not session.is_harmed:
                world.troubles.append(f"{message.id} failed: {failure.detail}")
        elif (message.row[0], message.redrives or message.id) in stored:
            world.statuses[message.id] = "stored"
        else:
            world.statuses[message.id] = reasons.get(message.id, "duplicate")

    def after(self, world: World, session: Session) -> Sequence[Program]:
        """Give the environment that receives what was not answered for, or failed."""
        if session.is_killed:
            world.forget(session)
        again = [*self._left, *([self._failed] if self._failed else [])]
        if not again or self._tries == _TRIES:
            return ()
        return (Draining(*again, killable_tries=max(self._killable_tries - 1, 0), tries=self._tries + 1),)


class _Letters:
    """The function's dead-letter queue."""

    def __init__(self, world: World, session: Session | None) -> None:
        self._world = world
        self._session = session

    def send(self, rejections: Sequence[Rejection], _: float) -> dict[str, str]:
        if rejections and self._session:
            self._session.stop("dead letters are sent")
        self._world.letters |= {(each.message.id, str(each.reason)) for each in rejections}
        return {}


class Migrating:
    """A run of the migrations, which add one and change a view."""

    def run(self, world: World, session: Session) -> None:
        """Migrate."""
        session.is_open = False
        try:
            migrate(world.way, _ZONE.key, world.schema, _PATIENT)
        except (MigrationError, psycopg2.Error) as error:
            if session.is_killed:
                raise
            self._failed = str(error)
            if not session.is_harmed:
                world.troubles.append(f"migrations failed: {error}")
        else:
            self._failed = ""

    _failed = "it was killed"

    def after(self, world: World, session: Session) -> Sequence[Program]:  # noqa: ARG002  as of every program
        """Give another run, after one that was killed or failed."""
        return (Migrating(),) if self._failed and session.is_harmed else ()


class Redriving:
    """Dead letters that an operator sends back; they are drained from then on."""

    def __init__(self, *letters: Message, number: int = 1) -> None:
        """Takes the dead letters, by the messages that they were."""
        self._letters = letters
        self._number = number
        self._is_done = False

    def run(self, world: World, session: Session) -> None:
        """Send them, then delete them, with the command's own code."""
        session.is_open = False
        world.dead = list(self._letters)
        queue = cast("SQSClient", _Queue(world, session, self._letters, self._number))
        reader = queue_reader.QueueReader(queue, "dead letters")
        reader.receive_all()
        unsent = queue_reader.send(queue, "punches", reader.messages)
        kept = reader.delete([message for message in reader.messages if message.id not in unsent])
        self._is_done = not unsent and not kept

    def after(self, world: World, session: Session) -> Sequence[Program]:  # noqa: ARG002  as of every program
        """Give the operator's next try."""
        return () if self._is_done or self._number == _TRIES else (Redriving(*self._letters, number=self._number + 1),)


class _Queue:
    """Both queues, as `dlq redrive` calls them."""

    def __init__(self, world: World, session: Session, letters: Sequence[Message], number: int) -> None:
        self._world, self._session, self._number = world, session, number
        self._left = list(letters)

    def receive_message(self, **_: Any) -> dict[str, Any]:
        found, self._left = self._left, []
        return {"Messages": [_exhausted(message) for message in found]}

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803
        self._session.stop("dead letters are sent back")
        for entry in Entries:
            first = entry["MessageAttributes"]["messageId"]["StringValue"]
            message = next(each for each in self._world.dead if each.id == first)
            self._world.sent.append(message._replace(id=f"{first} redriven {self._number}", redrives=first))
        return _done(Entries)

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803
        self._session.stop("dead letters are deleted")
        return _done(Entries)


def _done(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Successful": [{"Id": entry["Id"]} for entry in entries]}


def _exhausted(message: Message) -> dict[str, Any]:
    """A message that SQS itself moved to the dead-letter queue."""
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.id,
        "Body": message.body(),
        "Attributes": message.record()["attributes"],
    }
