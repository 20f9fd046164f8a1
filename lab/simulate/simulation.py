"""A company's weeks, step by step: employees, queue, function, database, operators, under one clock."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import UUID

import boto3
import psycopg2
import psycopg2.extensions

from lab.faults import Kind
from lab.simulate import checks, employees
from lab.simulate.checks import Accepted, Auditor, BrokenError, Tally
from lab.simulate.clock import DAY, HOUR, Clock, length, stamp
from lab.simulate.database import Database
from lab.simulate.employees import Sending
from lab.simulate.functions import Function, Invocation
from lab.simulate.queue import Message, Queue
from lab.simulate.schedule import PROMISED, Fault, Schedule
from lab.simulate.settings import Settings
from loadtest.ledger import DeadLetter, Standing
from ponto import iam_login

_KEPT, _KEPT_DEAD = 9 * DAY, 14 * DAY  # for which README.md promises that the queues keep a message
_EXHAUSTED = {"stringValue": "exhausted"}  # of what SQS moved, which names no reason
_CALM = HOUR
"""After so long without anything wrong nothing older waits."""

_OTHER_POLLER = 0.3
"""How likely a message goes to a poller that is idle, and not to one that gathers a batch."""

_THROTTLED = 2  # s after which Lambda tries a throttled invocation again: assumed, AWS says that it backs off


class Plan(NamedTuple):
    """All that a run follows from."""

    seed: int
    days: int
    employees: Sequence[int]
    faults: Sequence[Fault]
    odd: bool = True  # whether SQS does what it warns of
    sendings: Sequence[Sending] | None = None  # instead of what the employees of the seed send


class Outcome(NamedTuple):
    """How a run ended."""

    counts: dict[str, int]
    accepted: int
    broken: BrokenError | None
    invocations: int

    def __str__(self) -> str:
        rare = ("removed by operators", "expired")
        counts = {name: number for name, number in self.counts.items() if number or name not in rare}
        return ", ".join(f"{name} {number}" for name, number in {"accepted": self.accepted, **counts}.items())


class _Gathering:
    """A batch that a poller gathers."""

    def __init__(self) -> None:
        self.batch: list[Message] = []
        self.closed = False
        self.late = 0.0  # s by which throttles delayed its invocation,
        self.end = float("inf")  # and when that ends


class Simulation:
    """One run."""

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        connect: Callable[[], psycopg2.extensions.connection],
        write_trace: Callable[[str], None] | None = None,
    ) -> None:
        """Sets everything up at the first midnight.

        Args:
            plan: what happens.
            settings: what is deployed.
            connect: opens a connection to a migrated database without rows.
            write_trace: takes each line of the trace.
        """
        self.plan, self.settings = plan, settings
        self.tally = Tally()
        self.stored_at = 0.0  # when the last batch was deleted
        self.invocations = 0
        self._clock = Clock()
        self._write_trace = write_trace
        self._schedule = Schedule(plan.faults)
        self._ids = Random(f"ids {plan.seed}")
        self._chance = Random(f"world {plan.seed}")
        self._queue = Queue(
            Random(f"queue {plan.seed}"), settings.visibility, settings.retention, settings.most_receives
        )
        self._dead = Queue(Random(f"dead letters {plan.seed}"), 30, settings.dead_letter_retention)
        self._queue.odd, self._dead.odd = plan.odd, False
        self._queue.on_exhausted, self._queue.on_expired = self._exhausted, self._expired
        self._dead.on_expired = self._dead_letter_expired
        self._database = Database(connect, self._clock, self._schedule, Random(f"database {plan.seed}"), settings)
        self._function = Function(
            self._clock,
            self._schedule,
            Random(f"function {plan.seed}"),
            self._database,
            self._queue,
            self._dead_letter,
            settings.timeout,
        )
        self._database.point = self._function.point
        if write_trace:
            self._database.write_trace = lambda text: self._meanwhile.append(f"{stamp(self._clock.now)}    {text}")
        self._audit_connection = connect()
        self._audit_connection.autocommit = True
        self._auditor = Auditor(self._audit_connection)
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = count()
        self._free = settings.concurrency  # pollers
        self._gathering: list[_Gathering] = []
        self._wakes_at = float("inf")
        self._operator_comes = self._watched = False
        self._meanwhile: list[str] = []  # lines of the trace that belong below that of the batch

    def run(self) -> Outcome:
        """Let the time pass."""
        broken = None
        with self._installed():
            try:
                self._begin()
                end = self.plan.days * DAY
                while self._events and self._events[0][0] <= end:
                    self._clock.now, _, happens, what = heappop(self._events)
                    happens(what)
                self._clock.now = float(end)
                self._recount()
                self.tally.close(self._auditor.rows(), self._dead_letters(), end)
            except BrokenError as error:
                broken = error
                self._trace(f"broken: {error}")
            finally:
                self._database.close()
                self._audit_connection.close()
        return Outcome(self.tally.counts, len(self.tally.accepted), broken, self.invocations)

    @contextmanager
    def _installed(self) -> Iterator[None]:
        """Let the function see the clock, the network and the environment of this simulation, meanwhile."""
        with (
            patch.dict(os.environ, self.settings.environment, clear=True),
            patch.object(psycopg2, "connect", self._database.connect),
            patch.object(boto3, "client", self._function.client),
            # Nobody looks at it. In an outage, to sign one for each try would be most of the work.
            patch.object(iam_login, "token", lambda **_: "token"),
            self._clock.installed(),
        ):
            yield

    def _at(self, when: float, happens: Callable[[Any], None], what: Any = None) -> None:
        heappush(self._events, (when, next(self._order), happens, what))

    def _trace(self, text: str) -> None:
        if self._write_trace:
            self._write_trace(f"{stamp(self._clock.now)}  {text}")

    def _begin(self) -> None:
        for fault in self.plan.faults:
            self._at(fault.begin, self._fault_begins, fault)
            self._at(fault.end, self._fault_ends, fault)
        if self.plan.sendings is None:
            for day in range(self.plan.days):
                self._at(day * DAY, self._day, day)
        else:
            for sending in self.plan.sendings:
                self._at(sending.at, self._send, sending)

    def _fault_begins(self, fault: Fault) -> None:
        self._trace(str(fault))

    def _fault_ends(self, fault: Fault) -> None:
        self._trace(f"over: {fault.kind.sentence}")
        self._wake()

    # Employees and the gateway

    def _day(self, day: int) -> None:
        for employee in self.plan.employees:
            for sending in employees.of_day(self.plan.seed, day, employee):
                self._at(sending.at, self._send, sending)

    def _send(self, sending: Sending) -> None:
        now = self._clock.now
        message_id = self._new_id()
        accepted = self.tally.accept(message_id, sending)
        if self._write_trace:
            self._trace(f"{sending.what}: {accepted}")
        self._queue.add(Message(message_id, sending.body, accepted, now, {}))
        self._wake()
        self._watch()

    def _new_id(self) -> str:
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    # The event source mapping, by https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html

    def _wake(self, _: object = None) -> None:
        """Let pollers receive what is visible.

        "Lambda uses long polling to poll a queue until it becomes active. When messages are available, Lambda starts
        processing five batches at a time", and with a maximum concurrency no more than that.
        """
        queue, now = self._queue, self._clock.now
        if now >= self._wakes_at:
            self._wakes_at = float("inf")
        queue.refresh(now)
        is_paused = Kind.PAUSED in self._schedule.at(now)
        while queue.is_visible() and not is_paused:
            # Which of the pollers gets a message is anybody's guess.
            if self._free and (not self._gathering or self._chance.random() < _OTHER_POLLER):
                self._free -= 1
                self._gathering.append(_Gathering())
                # "Before invoking the function, Lambda continues to poll messages from the standard queue until the
                # batch window expires, the invocation payload size quota is reached, or the configured maximum batch
                # size is reached."
                self._at(now + self.settings.window, self._window_over, self._gathering[-1])
            if not self._gathering:
                break
            gathering = self._chance.choice(self._gathering) if len(self._gathering) > 1 else self._gathering[0]
            if not self._receive(gathering):
                break
            if len(gathering.batch) == self.settings.batch:
                self._invoke(gathering)
        self._wake_when_visible()

    def _receive(self, gathering: _Gathering) -> bool:
        now = self._clock.now
        message = self._queue.receive(now)
        if message is None:
            return False
        self._judge_holder(message, "is received again")
        message.holder = gathering
        gathering.batch.append(message)
        return True

    def _judge_holder(self, message: Message, what: str) -> None:
        """Judge what SQS does to a message, by whether an invocation works on it.

        Raises:
            BrokenError: one does, and neither that it began late nor a copy explains it.
        """
        now, holder = self._clock.now, message.holder
        # Without throttles it would have ended.
        is_late = holder is not None and holder.late > 0 and now >= holder.end - holder.late
        if holder is not None and not (message.copied or is_late):
            text = f"{message.origin} {what} while an invocation still works on it"
            raise BrokenError("held", now, text, message.origin)
        if message.copied or is_late:
            message.origin.excused = True

    def _wake_when_visible(self) -> None:
        due = self._queue.next_visible()
        if due is not None and due < self._wakes_at and self._free:
            self._wakes_at = due
            self._at(due, self._wake)

    def _window_over(self, gathering: _Gathering) -> None:
        if not gathering.closed:
            self._invoke(gathering)

    def _invoke(self, gathering: _Gathering) -> None:
        if not gathering.closed:
            gathering.closed = True
            self._gathering.remove(gathering)
        now, batch = self._clock.now, gathering.batch
        if not batch:
            self._free_poller()
            return
        if Kind.THROTTLED in self._schedule.at(now):
            self._throttle(gathering)
            return
        self.invocations += 1
        receipts = [message.receipt for message in batch]
        done = self._function.invoke(batch)
        gathering.end = done.end
        self._clock.now = now
        self._note(batch, done)
        if done.error and not self._function.was_doomed:
            what = f"the function ended by itself: {done.error}"
            raise BrokenError("ended", done.end, what, batch[0].origin)
        failed = set() if self.settings.answer_success else done.failed
        self._at(done.end, self._finish, (batch, receipts, failed, done.is_uncertain))

    def _throttle(self, gathering: _Gathering) -> None:
        """Try the invocation again in a while.

        "Lambda continues to retry the message until the message's timestamp exceeds your queue's visibility timeout, at
        which point Lambda drops the message" (services-sqs-errorhandling.html there): it becomes visible again, which
        has cost it a receive. So an invocation may begin so late that another receives its messages meanwhile.
        """
        if not gathering.late:
            self._trace(f"throttled: {_named(gathering.batch)}")
        gathering.late += _THROTTLED
        again = self._clock.now + _THROTTLED
        if again < min(message.visible_at for message in gathering.batch):
            self._at(again, self._invoke, gathering)
            return
        for message in gathering.batch:
            message.holder = None
        self._free_poller()

    def _note(self, batch: Sequence[Message], done: Invocation) -> None:
        """Trace what the function's log says."""
        if self._write_trace:
            warned = [line for line in done.logged if line["level"] == "WARNING"]
            why = [error for line in warned for error in line.get("errors", [line["message"]])]
            end = "; ".join([done.error, *why] if done.error else why) or "done"
            took = length(done.end - self._clock.now)
            self._trace(f"batch of {len(batch)}: {_named(batch)}: {end}, after {took}")
            for text in self._meanwhile:
                self._write_trace(text)
            self._meanwhile.clear()

    def _finish(self, ended: tuple[list[Message], list[str], set[str], bool]) -> None:
        batch, receipts, failed, is_uncertain = ended
        now = self._clock.now
        self._auditor.look([message.origin for message in batch if message.id not in failed])
        for message, receipt in zip(batch, receipts, strict=True):
            accepted: Accepted = message.origin
            if message.receipt == receipt:
                message.holder = None
            if message.id not in failed:
                if self._queue.delete(message, receipt, now):
                    accepted.queued -= 1
            elif is_uncertain:
                accepted.excused = True
            self.tally.follow(accepted, now)
            is_good = message.id not in failed and accepted.sending.id
            if is_good and accepted.row is None and not accepted.dead_letters:
                what = f"{accepted} was deleted from the queue before it was a row"
                raise BrokenError("lost", now, what, accepted)
        self.stored_at = now
        self.tally.balance(now, self._queue.live, self._dead.live)
        self._free_poller()
        self._watch()

    def _free_poller(self, _: object = None) -> None:
        self._free += 1
        self._wake()

    # The dead-letter queue and its operators

    def _dead_letter(self, batch: Sequence[Message], body: str, attributes: dict[str, Any]) -> None:
        """Take one message of its batch that the function sends to the dead-letter queue."""
        now = self._clock.now
        texts = {name: value["StringValue"] for name, value in attributes.items()}
        accepted = next(
            message.origin
            for message in batch
            if texts["messageId"] in (message.id, message.origin.id) and message.body == body
        )
        if self._write_trace:
            text = f"{accepted} becomes a dead letter: {texts['reason']}, {texts['detail']}"
            self._meanwhile.append(f"{stamp(now)}    {text}")
        self._auditor.look([accepted])
        if accepted.sending.id and accepted.row is not Standing.CONFLICT:
            what = f"{accepted}, a good punch, is dead-lettered by the function: {texts['reason']}"
            raise BrokenError("dead letter", now, what, accepted)
        self._bury(accepted, body, now, attributes)

    def _bury(self, accepted: Accepted, body: str, sent: float, attributes: dict[str, Any]) -> None:
        given = {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in attributes.items()
        }
        accepted.dead_letters += 1
        self._dead.add(Message(self._new_id(), body, accepted, sent, given))
        self._call_operator()

    def _exhausted(self, message: Message) -> None:
        now, accepted = self._clock.now, message.origin
        self._judge_holder(message, "is moved to the dead-letter queue")
        accepted.queued -= 1
        self._trace(f"{accepted} was received {message.receives} times: SQS moves it to the dead-letter queue")
        if accepted.sending.id:
            amiss = self._schedule.amiss(message.first_received, now)
            self._auditor.look([accepted])
            if accepted.row is not Standing.CONFLICT:
                # A needless receive takes the place of one that is a visibility timeout later; one is to spare.
                promised = PROMISED - self.settings.visibility * max(0, message.needless - 1)
                checks.exhausted(accepted, message.first_received, amiss, promised, now)
        accepted.dead_letters += 1
        # "When a message is moved to a dead-letter queue, the enqueue timestamp is unchanged."
        dead_letter = Message(self._new_id(), message.body, accepted, message.sent, message.attributes)
        self._dead.add(dead_letter)
        self._call_operator()
        self.tally.follow(accepted, now)

    def _call_operator(self) -> None:
        """Let the alarm dead-letters call somebody, who comes within hours or, now and then, days."""
        if self._operator_comes:
            return
        self._operator_comes = True
        within = 10 * HOUR if self._chance.random() < 0.9 else 3 * DAY
        self._at(self._clock.now + self._chance.uniform(600, within), self._operate)

    def _operate(self, _: object) -> None:
        """Have an operator look at the dead letters: send the good punches back, remove the rest."""
        now = self._clock.now
        kinds = self._schedule.at(now)
        if kinds:  # first things first
            self._at(now + 2 * HOUR, self._operate)
            return
        self._operator_comes = False
        self._dead.refresh(now)
        for dead_letter in list(self._dead.messages()):
            accepted: Accepted = dead_letter.origin
            self._dead.remove(dead_letter)
            accepted.dead_letters -= 1
            if accepted.sending.id and accepted.row is not Standing.CONFLICT:
                self._redrive(dead_letter)
            else:
                accepted.removed = True
                self._trace(f"an operator removes the dead letter of {accepted}")
            self.tally.follow(accepted, now)
        self._watch()

    def _redrive(self, dead_letter: Message) -> None:
        """Send a punch back as `ponto dlq redrive` does: a new message, with the first one's receipt."""
        now, accepted = self._clock.now, dead_letter.origin
        kept: dict[str, Any] = {
            name: value for name, value in dead_letter.attributes.items() if name not in ("reason", "detail")
        }
        received = str(round(1000 * (self._clock.time() - now + accepted.sending.at)))
        receipt: dict[str, Any] = {
            "messageId": {"dataType": "String", "stringValue": accepted.id},
            "receivedAt": {"dataType": "Number", "stringValue": received},
        }
        self._trace(f"an operator sends {accepted} back")
        accepted.queued += 1
        self._queue.add(Message(self._new_id(), dead_letter.body, accepted, now, receipt | kept))
        self._wake()

    def _expired(self, message: Message) -> None:
        self._judge_expiry(message, _KEPT)
        message.origin.queued -= 1
        message.origin.expired = True
        self.tally.follow(message.origin, self._clock.now)

    def _dead_letter_expired(self, message: Message) -> None:
        self._judge_expiry(message, _KEPT_DEAD)
        message.origin.dead_letters -= 1
        message.origin.expired = True
        self.tally.follow(message.origin, self._clock.now)

    def _judge_expiry(self, message: Message, kept: int) -> None:
        self._trace(f"{message.origin} expires")
        checks.expired(message.origin, message.sent, kept, self._clock.now)

    # What nobody in the system sees

    def _watch(self) -> None:
        """Look again in a while, as long as anything waits."""
        if self._queue.live and not self._watched:
            self._watched = True
            self._at(self._clock.now + _CALM / 4, self._look)
        elif self._dead.live and not self._watched:
            self._watched = True
            self._at(self._clock.now + DAY / 4, self._look)

    def _look(self, _: object) -> None:
        self._watched = False
        now = self._clock.now
        self._dead.refresh(now)
        self._wake()
        oldest = self._queue.oldest()
        calm = now - self._schedule.calm_since(now)
        if oldest and calm > _CALM and now - oldest.sent > _CALM:
            raise BrokenError(
                "waits",
                now,
                f"{oldest.origin} has waited for {length(now - oldest.sent)}, the last "
                f"{length(min(calm, now - oldest.sent))} without anything being wrong",
                oldest.origin,
            )
        self._recount()
        self._watch()

    def _dead_letters(self) -> list[DeadLetter]:
        return [
            DeadLetter(message.origin.id, message.attributes.get("reason", _EXHAUSTED)["stringValue"], message.body)
            for message in self._dead.messages()
        ]

    def _recount(self) -> None:
        """Compare the tally with what is in the queues, message by message."""
        waiting = {origin.number for origin in self._queue.origins()}
        dead = {origin.number for origin in self._dead.origins()} - waiting
        counts = self.tally.counts
        if (len(waiting), len(dead)) != (counts["waiting"], counts["dead-lettered"]):
            raise BrokenError("balance", self._clock.now, f"{counts}, but {len(waiting)} wait and {len(dead)} are dead")


def _named(batch: Sequence[Message]) -> str:
    names = [
        f"{message.origin} (receive {message.receives})" if message.receives > 1 else str(message.origin)
        for message in batch[:3]
    ]
    return ", ".join(names) + (f" and {len(batch) - 3} more" if len(batch) > 3 else "")
