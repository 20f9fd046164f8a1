"""Simulation of a company: employees, queues, function, database and operators, driven by one clock."""

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
from lab.simulate.checks import AcceptedMessage, Auditor, BrokenRuleError, Tally
from lab.simulate.clock import DAY, HOUR, SimulatedClock, format_duration, format_time
from lab.simulate.database import SimulatedDatabase
from lab.simulate.employees import Submission
from lab.simulate.functions import Invocation, SimulatedFunction
from lab.simulate.plan import Plan, SimulationResult
from lab.simulate.pollers import Pollers, describe
from lab.simulate.queue import QueueMessage, SimulatedQueue
from lab.simulate.schedule import MAX_OUTAGE_SECONDS, Schedule, ScheduledFault
from lab.simulate.settings import SimulationSettings
from loadtest.ledger import DeadLetteredMessage, RowRelation
from ponto.shared import iam_login

# README.md promises that the queues keep messages at least this long.
_MIN_RETENTION_SECONDS, _MIN_DEAD_LETTER_RETENTION_SECONDS = 9 * DAY, 14 * DAY
_EXHAUSTED = {"stringValue": "exhausted"}  # reason of dead letters that SQS moved, which have no such attribute
_MAX_CALM_WAIT_SECONDS = HOUR  # longest wait of a message while there are no faults


class Simulation:
    """One run of a plan."""

    def __init__(
        self,
        plan: Plan,
        settings: SimulationSettings,
        connect: Callable[[], psycopg2.extensions.connection],
        write_trace: Callable[[str], None] | None = None,
    ) -> None:
        """Set up a run that begins at midnight of the first day.

        Args:
            plan: employees, faults and duration.
            settings: settings of the queues, the mapping and the function.
            connect: opens a connection to a migrated database without rows.
            write_trace: is called with each line of the trace.
        """
        self.plan, self.settings = plan, settings
        self.tally = Tally()
        self.stored_at = 0.0  # when the messages of the last batch were deleted
        self.invocations = 0
        self._clock = SimulatedClock()
        self._write_trace = write_trace
        self._schedule = Schedule(plan.faults)
        self._ids = Random(f"ids {plan.seed}")
        self._rng = Random(f"world {plan.seed}")
        self._queue = SimulatedQueue(
            Random(f"queue {plan.seed}"),
            settings.visibility_timeout_seconds,
            settings.retention_seconds,
            settings.max_receive_count,
        )
        self._dead_letter_queue = SimulatedQueue(
            Random(f"dead letters {plan.seed}"), 30, settings.dead_letter_retention_seconds
        )
        self._queue.has_anomalies, self._dead_letter_queue.has_anomalies = plan.has_sqs_anomalies, False
        self._queue.on_exhausted, self._queue.on_expired = self._handle_exhausted_message, self._handle_expired_message
        self._dead_letter_queue.on_expired = self._handle_expired_dead_letter
        self._database = SimulatedDatabase(
            connect, self._clock, self._schedule, Random(f"database {plan.seed}"), settings
        )
        self._function = SimulatedFunction(
            self._clock,
            self._schedule,
            Random(f"function {plan.seed}"),
            self._database,
            self._queue,
            self._dead_letter,
            settings.timeout_seconds,
        )
        self._database.reach_kill_point = self._function.reach_kill_point
        if write_trace:
            self._database.write_trace = lambda text: self._invocation_trace.append(
                f"{format_time(self._clock.now)}    {text}"
            )
        self._audit_connection = connect()
        self._audit_connection.autocommit = True
        self._auditor = Auditor(self._audit_connection)
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = count()
        self._pollers = Pollers(
            self._clock, self._schedule, self._queue, self._rng, settings, self._call_at, self._invoke, self._trace
        )
        self._is_operator_called = self._is_check_scheduled = False
        self._invocation_trace: list[str] = []  # lines of the trace to write after the line of the invocation

    def run(self) -> SimulationResult:
        """Run until the last day ends or a rule breaks."""
        broken_rule = None
        with self._patch_function():
            try:
                self._schedule_plan()
                end = self.plan.days * DAY
                while self._events and self._events[0][0] <= end:
                    self._clock.now, _, function, argument = heappop(self._events)
                    function(argument)
                self._clock.now = float(end)
                self._recount()
                self.tally.check_end(self._auditor.rows(), self._dead_letters(), end)
            except BrokenRuleError as error:
                broken_rule = error
                self._trace(f"broken: {error}")
            finally:
                self._database.close()
                self._audit_connection.close()
        return SimulationResult(self.tally.counts, len(self.tally.accepted), broken_rule, self.invocations)

    @contextmanager
    def _patch_function(self) -> Iterator[None]:
        """Patch clock, clients and environment of the function, for the context."""
        with (
            patch.dict(os.environ, self.settings.environment, clear=True),
            patch.object(psycopg2, "connect", self._database.connect),
            patch.object(boto3, "client", self._function.client),
            # The simulated server ignores the token, and signing one for each try would slow down simulated outages.
            patch.object(iam_login, "generate_token", lambda *_: "token"),
            self._clock.install(),
        ):
            yield

    def _call_at(self, time: float, function: Callable[[Any], None], argument: Any = None) -> None:
        heappush(self._events, (time, next(self._order), function, argument))

    def _trace(self, text: str) -> None:
        if self._write_trace:
            self._write_trace(f"{format_time(self._clock.now)}  {text}")

    def _schedule_plan(self) -> None:
        for fault in self.plan.faults:
            self._call_at(fault.begin, self._trace, str(fault))
            self._call_at(fault.end, self._end_fault, fault)
        if self.plan.submissions is None:
            for day in range(self.plan.days):
                self._call_at(day * DAY, self._start_day, day)
        else:
            for submission in self.plan.submissions:
                self._call_at(submission.accepted_at, self._send, submission)

    def _end_fault(self, fault: ScheduledFault) -> None:
        self._trace(f"over: {fault.kind.sentence}")
        self._pollers.wake()

    # Employees and the gateway

    def _start_day(self, day: int) -> None:
        for employee_id in self.plan.employees:
            for submission in employees.submissions_of_day(self.plan.seed, day, employee_id):
                self._call_at(submission.accepted_at, self._send, submission)

    def _send(self, submission: Submission) -> None:
        now = self._clock.now
        message_id = self._new_id()
        accepted = self.tally.accept(message_id, submission)
        if self._write_trace:
            self._trace(f"{submission.description}: {accepted}")
        self._queue.add(QueueMessage(message_id, submission.body, accepted, now, {}))
        self._pollers.wake()
        self._schedule_check()

    def _new_id(self) -> str:
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    # The function

    def _invoke(self, batch: list[QueueMessage]) -> float:
        """Invoke the function with a batch; return when the invocation ends."""
        now = self._clock.now
        self.invocations += 1
        receipts = [message.receipt_handle for message in batch]
        invocation = self._function.invoke(batch)
        self._clock.now = now
        self._trace_invocation(batch, invocation)
        if invocation.error and not self._function.was_interrupted:
            text = f"the function ended by itself: {invocation.error}"
            raise BrokenRuleError("ended", invocation.ended_at, text, batch[0].origin)
        failed = set() if self.settings.should_answer_success else invocation.failed_ids
        self._call_at(invocation.ended_at, self._finish, (batch, receipts, failed, invocation.is_uncertain))
        return invocation.ended_at

    def _trace_invocation(self, batch: Sequence[QueueMessage], invocation: Invocation) -> None:
        """Write the result of an invocation, with the warnings of its log, to the trace."""
        if self._write_trace:
            warnings = [line for line in invocation.log_lines if line["level"] == "WARNING"]
            reasons = [error for line in warnings for error in line.get("errors", [line["message"]])]
            end = "; ".join([invocation.error, *reasons] if invocation.error else reasons) or "done"
            took = format_duration(invocation.ended_at - self._clock.now)
            self._trace(f"batch of {len(batch)}: {describe(batch)}: {end}, after {took}")
            for text in self._invocation_trace:
                self._write_trace(text)
            self._invocation_trace.clear()

    def _finish(self, result: tuple[list[QueueMessage], list[str], set[str], bool]) -> None:
        """Delete the stored messages of a batch, and check the state of all its messages."""
        batch, receipts, failed, is_uncertain = result
        now = self._clock.now
        self._auditor.update_rows([message.origin for message in batch if message.id not in failed])
        for message, receipt in zip(batch, receipts, strict=True):
            accepted: AcceptedMessage = message.origin
            if message.receipt_handle == receipt:
                message.holder = None
            if message.id not in failed:
                if self._queue.delete(message, receipt, now):
                    accepted.queued_count -= 1
            elif is_uncertain:
                accepted.is_duplicate_excused = True
            self.tally.update_state(accepted, now)
            is_good = message.id not in failed and accepted.submission.id
            if is_good and accepted.row_relation is None and not accepted.dead_letter_count:
                text = f"{accepted} was deleted from the queue before it was a row"
                raise BrokenRuleError("lost", now, text, accepted)
        self.stored_at = now
        self.tally.check_balance(now, self._queue.message_count, self._dead_letter_queue.message_count)
        self._pollers.free()
        self._schedule_check()

    # The dead-letter queue and the operators

    def _dead_letter(self, batch: Sequence[QueueMessage], body: str, attributes: dict[str, Any]) -> None:
        """Move a message of a batch to the dead-letter queue, as the function requested."""
        now = self._clock.now
        strings = {name: value["StringValue"] for name, value in attributes.items()}
        accepted = next(
            message.origin
            for message in batch
            if strings["messageId"] in (message.id, message.origin.id) and message.body == body
        )
        if self._write_trace:
            text = f"{accepted} becomes a dead letter: {strings['reason']}, {strings['detail']}"
            self._invocation_trace.append(f"{format_time(now)}    {text}")
        self._auditor.update_rows([accepted])
        if accepted.submission.id and accepted.row_relation is not RowRelation.CONFLICT:
            text = f"{accepted}, a good punch, is dead-lettered by the function: {strings['reason']}"
            raise BrokenRuleError("dead letter", now, text, accepted)
        lambda_attributes = {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in attributes.items()
        }
        accepted.dead_letter_count += 1
        self._dead_letter_queue.add(QueueMessage(self._new_id(), body, accepted, now, lambda_attributes))
        self._call_operator()

    def _handle_exhausted_message(self, message: QueueMessage) -> None:
        now, accepted = self._clock.now, message.origin
        self._pollers.check_holder(message, "is moved to the dead-letter queue")
        accepted.queued_count -= 1
        self._trace(f"{accepted} was received {message.receive_count} times: SQS moves it to the dead-letter queue")
        if accepted.submission.id:
            failing_seconds = self._schedule.failing_seconds(message.first_received_at, now)
            self._auditor.update_rows([accepted])
            if accepted.row_relation is not RowRelation.CONFLICT:
                # A copy uses up a receive, and so shortens the time by a visibility timeout. One copy is allowed for.
                promised = MAX_OUTAGE_SECONDS - self.settings.visibility_timeout_seconds * max(
                    0, message.copy_count - 1
                )
                if failing_seconds < promised:
                    after = format_duration(now - message.first_received_at)
                    failing = format_duration(failing_seconds)
                    text = (
                        f"{accepted}, a good punch, is a dead letter {after} after it was received first, of which "
                        f"something was wrong for {failing}; {format_duration(promised)} are promised"
                    )
                    raise BrokenRuleError("dead letter", now, text, accepted)
        accepted.dead_letter_count += 1
        # "When a message is moved to a dead-letter queue, the enqueue timestamp is unchanged."
        dead_letter = QueueMessage(self._new_id(), message.body, accepted, message.sent_at, message.attributes)
        self._dead_letter_queue.add(dead_letter)
        self._call_operator()
        self.tally.update_state(accepted, now)

    def _call_operator(self) -> None:
        """Call an operator about dead letters, as the alarm does: one comes within hours, sometimes days."""
        if self._is_operator_called:
            return
        self._is_operator_called = True
        max_wait_seconds = 10 * HOUR if self._rng.random() < 0.9 else 3 * DAY
        self._call_at(self._clock.now + self._rng.uniform(600, max_wait_seconds), self._handle_dead_letters)

    def _handle_dead_letters(self, _: object) -> None:
        """Redrive the dead letters with good punches and remove the others, as an operator does."""
        now = self._clock.now
        if self._schedule.kinds_at(now):  # operators wait until there is no fault
            self._call_at(now + 2 * HOUR, self._handle_dead_letters)
            return
        self._is_operator_called = False
        self._dead_letter_queue.refresh(now)
        for dead_letter in list(self._dead_letter_queue.messages()):
            accepted: AcceptedMessage = dead_letter.origin
            self._dead_letter_queue.remove(dead_letter)
            accepted.dead_letter_count -= 1
            if accepted.submission.id and accepted.row_relation is not RowRelation.CONFLICT:
                self._redrive(dead_letter)
            else:
                accepted.is_removed = True
                self._trace(f"an operator removes the dead letter of {accepted}")
            self.tally.update_state(accepted, now)
        self._schedule_check()

    def _redrive(self, dead_letter: QueueMessage) -> None:
        """Redrive a punch as `ponto dlq redrive` does: send a new message with the id and time of the original."""
        now, accepted = self._clock.now, dead_letter.origin
        other_attributes: dict[str, Any] = {
            name: value for name, value in dead_letter.attributes.items() if name not in ("reason", "detail")
        }
        received_ms = str(round(1000 * (self._clock.time() - now + accepted.submission.accepted_at)))
        original: dict[str, Any] = {
            "messageId": {"dataType": "String", "stringValue": accepted.id},
            "receivedAt": {"dataType": "Number", "stringValue": received_ms},
        }
        self._trace(f"an operator sends {accepted} back")
        accepted.queued_count += 1
        self._queue.add(QueueMessage(self._new_id(), dead_letter.body, accepted, now, original | other_attributes))
        self._pollers.wake()

    def _handle_expired_message(self, message: QueueMessage) -> None:
        self._expire(message, _MIN_RETENTION_SECONDS)
        message.origin.queued_count -= 1
        self.tally.update_state(message.origin, self._clock.now)

    def _handle_expired_dead_letter(self, message: QueueMessage) -> None:
        self._expire(message, _MIN_DEAD_LETTER_RETENTION_SECONDS)
        message.origin.dead_letter_count -= 1
        self.tally.update_state(message.origin, self._clock.now)

    def _expire(self, message: QueueMessage, min_age: int) -> None:
        now, age = self._clock.now, self._clock.now - message.sent_at
        self._trace(f"{message.origin} expires")
        if age < min_age:
            after, promised = format_duration(age), format_duration(min_age)
            text = f"{message.origin} expires {after} after it was stored; {promised} are promised"
            raise BrokenRuleError("expired", now, text, message.origin)
        message.origin.is_expired = True

    # Checks while no batch is running

    def _schedule_check(self) -> None:
        """Schedule the next check of the waiting messages, if there are any."""
        if self._queue.message_count and not self._is_check_scheduled:
            self._is_check_scheduled = True
            self._call_at(self._clock.now + _MAX_CALM_WAIT_SECONDS / 4, self._check_waiting_messages)
        elif self._dead_letter_queue.message_count and not self._is_check_scheduled:
            self._is_check_scheduled = True
            self._call_at(self._clock.now + DAY / 4, self._check_waiting_messages)

    def _check_waiting_messages(self, _: object) -> None:
        self._is_check_scheduled = False
        now = self._clock.now
        self._dead_letter_queue.refresh(now)
        self._pollers.wake()
        oldest = self._queue.oldest()
        calm = now - self._schedule.calm_since(now)
        if oldest and calm > _MAX_CALM_WAIT_SECONDS and now - oldest.sent_at > _MAX_CALM_WAIT_SECONDS:
            raise BrokenRuleError(
                "waits",
                now,
                f"{oldest.origin} has waited for {format_duration(now - oldest.sent_at)}, the last "
                f"{format_duration(min(calm, now - oldest.sent_at))} without anything being wrong",
                oldest.origin,
            )
        self._recount()
        self._schedule_check()

    def _dead_letters(self) -> list[DeadLetteredMessage]:
        return [
            DeadLetteredMessage(
                message.origin.id, message.attributes.get("reason", _EXHAUSTED)["stringValue"], message.body
            )
            for message in self._dead_letter_queue.messages()
        ]

    def _recount(self) -> None:
        """Compare the tally with the messages in the queues."""
        waiting = {origin.number for origin in self._queue.origins()}
        dead = {origin.number for origin in self._dead_letter_queue.origins()} - waiting
        counts = self.tally.counts
        if (len(waiting), len(dead)) != (counts["waiting"], counts["dead-lettered"]):
            raise BrokenRuleError(
                "balance", self._clock.now, f"{counts}, but {len(waiting)} wait and {len(dead)} are dead"
            )
