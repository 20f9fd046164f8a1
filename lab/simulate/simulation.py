"""A company's weeks, step by step: employees, queue, function, database, operators, under one clock."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

import boto3
import psycopg2
import psycopg2.extensions

from lab.simulate import employees
from lab.simulate.checks import Accepted, Auditor, BrokenError, Tally
from lab.simulate.clock import DAY, HOUR, Clock, length, stamp
from lab.simulate.database import Database
from lab.simulate.employees import Sending
from lab.simulate.functions import Function, Invocation
from lab.simulate.plan import Outcome, Plan
from lab.simulate.pollers import Pollers, describe
from lab.simulate.queue import Message, Queue
from lab.simulate.schedule import PROMISED, Fault, Schedule
from lab.simulate.settings import Settings
from loadtest.ledger import DeadLetter, Standing
from ponto import iam_login

_KEPT, _KEPT_DEAD = 9 * DAY, 14 * DAY  # for which README.md promises that the queues keep a message
_EXHAUSTED = {"stringValue": "exhausted"}  # of what SQS moved, which names no reason
_CALM = HOUR
"""After so long without anything wrong nothing older waits."""


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
        self._pollers = Pollers(
            self._clock, self._schedule, self._queue, self._chance, settings, self._at, self._invoke, self._trace
        )
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
            patch.object(iam_login, "token", lambda *_: "token"),
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
            self._at(fault.begin, self._trace, str(fault))
            self._at(fault.end, self._fault_ends, fault)
        if self.plan.sendings is None:
            for day in range(self.plan.days):
                self._at(day * DAY, self._day, day)
        else:
            for sending in self.plan.sendings:
                self._at(sending.at, self._send, sending)

    def _fault_ends(self, fault: Fault) -> None:
        self._trace(f"over: {fault.kind.sentence}")
        self._pollers.wake()

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
        self._pollers.wake()
        self._watch()

    def _new_id(self) -> str:
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    # The function, and the end of its batch

    def _invoke(self, batch: list[Message]) -> float:
        """Invoke the function; return when it ends."""
        now = self._clock.now
        self.invocations += 1
        receipts = [message.receipt for message in batch]
        done = self._function.invoke(batch)
        self._clock.now = now
        self._note(batch, done)
        if done.error and not self._function.was_doomed:
            what = f"the function ended by itself: {done.error}"
            raise BrokenError("ended", done.end, what, batch[0].origin)
        failed = set() if self.settings.answer_success else done.failed
        self._at(done.end, self._finish, (batch, receipts, failed, done.is_uncertain))
        return done.end

    def _note(self, batch: Sequence[Message], done: Invocation) -> None:
        """Trace what the function's log says."""
        if self._write_trace:
            warned = [line for line in done.logged if line["level"] == "WARNING"]
            why = [error for line in warned for error in line.get("errors", [line["message"]])]
            end = "; ".join([done.error, *why] if done.error else why) or "done"
            took = length(done.end - self._clock.now)
            self._trace(f"batch of {len(batch)}: {describe(batch)}: {end}, after {took}")
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
        self._pollers.free()
        self._watch()

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
        given = {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in attributes.items()
        }
        accepted.dead_letters += 1
        self._dead.add(Message(self._new_id(), body, accepted, now, given))
        self._call_operator()

    def _exhausted(self, message: Message) -> None:
        now, accepted = self._clock.now, message.origin
        self._pollers.judge_holder(message, "is moved to the dead-letter queue")
        accepted.queued -= 1
        self._trace(f"{accepted} was received {message.receives} times: SQS moves it to the dead-letter queue")
        if accepted.sending.id:
            amiss = self._schedule.amiss(message.first_received, now)
            self._auditor.look([accepted])
            if accepted.row is not Standing.CONFLICT:
                # A needless receive takes the place of one that is a visibility timeout later; one is to spare.
                promised = PROMISED - self.settings.visibility * max(0, message.needless - 1)
                if amiss < promised:
                    after = length(now - message.first_received)
                    what = (
                        f"{accepted}, a good punch, is a dead letter {after} after it was received first, of which "
                        f"something was wrong for {length(amiss)}; {length(promised)} are promised"
                    )
                    raise BrokenError("dead letter", now, what, accepted)
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
        self._pollers.wake()

    def _expired(self, message: Message) -> None:
        self._expire(message, _KEPT)
        message.origin.queued -= 1
        self.tally.follow(message.origin, self._clock.now)

    def _dead_letter_expired(self, message: Message) -> None:
        self._expire(message, _KEPT_DEAD)
        message.origin.dead_letters -= 1
        self.tally.follow(message.origin, self._clock.now)

    def _expire(self, message: Message, kept: int) -> None:
        now, age = self._clock.now, self._clock.now - message.sent
        self._trace(f"{message.origin} expires")
        if age < kept:
            what = f"{message.origin} expires {length(age)} after it was stored; {length(kept)} are promised"
            raise BrokenError("expired", now, what, message.origin)
        message.origin.expired = True

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
        self._pollers.wake()
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
