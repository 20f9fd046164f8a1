"""Pollers of the event source mapping.

The quoted sentences are from https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from lab.faults import FaultKind
from lab.simulate.checks import BrokenRuleError
from lab.simulate.clock import SimulatedClock
from lab.simulate.queue import QueueMessage, SimulatedQueue
from lab.simulate.schedule import Schedule
from lab.simulate.settings import SimulationSettings

_IDLE_POLLER_PROBABILITY = 0.3  # that a message goes to an idle poller, not to one that gathers a batch

_THROTTLE_RETRY_SECONDS = 2  # an assumption: AWS only documents that Lambda backs off


class _Batch:
    """Messages of one invocation."""

    def __init__(self) -> None:
        self.messages: list[QueueMessage] = []
        self.is_closed = False  # no more messages are added
        self.delay_seconds = 0.0  # by which throttles delayed its invocation
        self.end = float("inf")  # of its invocation


class Pollers:
    """All pollers of the mapping: they receive messages, and invoke the function with batches."""

    def __init__(
        self,
        clock: SimulatedClock,
        schedule: Schedule,
        queue: SimulatedQueue,
        rng: Random,
        settings: SimulationSettings,
        call_at: Callable[[float, Callable[[Any], None], Any], None],
        invoke: Callable[[list[QueueMessage]], float],
        trace: Callable[[str], None],
    ) -> None:
        """Create as many pollers as the maximum concurrency of the mapping.

        Args:
            clock: the simulated clock.
            schedule: faults, among them pauses of the drain and throttles.
            queue: the queue of punches.
            rng: draws which poller receives a message.
            settings: batch size, batching window and concurrency.
            call_at: schedules a call: time, function and its argument.
            invoke: invokes the function with a batch; returns when the invocation ends, and calls `free` then.
            trace: is called with lines for the trace.
        """
        self._clock, self._schedule, self._queue, self._rng = clock, schedule, queue, rng
        self._settings, self._call_at, self._invoke_function, self._trace = settings, call_at, invoke, trace
        self._idle = settings.concurrency
        self._gathering_batches: list[_Batch] = []
        self._wakes_at = float("inf")

    def wake(self, _: object = None) -> None:
        """Receive visible messages as long as a poller is free.

        "Lambda uses long polling to poll a queue until it becomes active. When messages are available, Lambda starts
        processing five batches at a time". The maximum concurrency of the mapping limits that.
        """
        queue, now = self._queue, self._clock.now
        if now >= self._wakes_at:
            self._wakes_at = float("inf")
        queue.refresh(now)
        is_paused = FaultKind.PAUSED in self._schedule.kinds_at(now)
        while queue.has_visible_messages() and not is_paused:
            # AWS does not document which poller receives a message.
            if self._idle and (not self._gathering_batches or self._rng.random() < _IDLE_POLLER_PROBABILITY):
                self._idle -= 1
                self._gathering_batches.append(_Batch())
                # "Before invoking the function, Lambda continues to poll messages from the standard queue until the
                # batch window expires, the invocation payload size quota is reached, or the configured maximum batch
                # size is reached."
                self._call_at(now + self._settings.window_seconds, self._end_window, self._gathering_batches[-1])
            if not self._gathering_batches:
                break
            batch = (
                self._rng.choice(self._gathering_batches)
                if len(self._gathering_batches) > 1
                else self._gathering_batches[0]
            )
            message = queue.receive(now)
            if message is None:
                break
            self.check_holder(message, "is received again")
            message.holder = batch
            batch.messages.append(message)
            if len(batch.messages) == self._settings.batch_size:
                self._invoke(batch)
        due = queue.next_visible_at()
        if due is not None and due < self._wakes_at and self._idle:
            self._wakes_at = due
            self._call_at(due, self.wake, None)

    def free(self) -> None:
        """Free the poller of a batch whose invocation has ended."""
        self._idle += 1
        self.wake()

    def check_holder(self, message: QueueMessage, event: str) -> None:
        """Check that no invocation processes a message that SQS delivers again or moves.

        Args:
            message: the message.
            event: what SQS does with it, for the error.

        Raises:
            BrokenRuleError: an invocation processes it, was not delayed by throttles, and the message was not copied.
        """
        now, holder = self._clock.now, message.holder
        # Without throttles the invocation would have ended by now.
        is_late = holder is not None and holder.delay_seconds > 0 and now >= holder.end - holder.delay_seconds
        if holder is not None and not (message.has_copies or is_late):
            text = f"{message.origin} {event} while an invocation still works on it"
            raise BrokenRuleError("held", now, text, message.origin)
        if message.has_copies or is_late:
            message.origin.is_duplicate_excused = True

    def _end_window(self, batch: _Batch) -> None:
        if not batch.is_closed:
            self._invoke(batch)

    def _invoke(self, batch: _Batch) -> None:
        if not batch.is_closed:
            batch.is_closed = True
            self._gathering_batches.remove(batch)
        if not batch.messages:
            self.free()
        elif FaultKind.THROTTLED in self._schedule.kinds_at(self._clock.now):
            self._throttle(batch)
        else:
            batch.end = self._invoke_function(batch.messages)

    def _throttle(self, batch: _Batch) -> None:
        """Retry the invocation later.

        "Lambda continues to retry the message until the message's timestamp exceeds your queue's visibility timeout, at
        which point Lambda drops the message" (services-sqs-errorhandling.html in the same guide). It becomes visible
        again, with a higher receive count. So an invocation may begin so late that another invocation receives its
        messages before it ends.
        """
        if not batch.delay_seconds:
            self._trace(f"throttled: {describe(batch.messages)}")
        batch.delay_seconds += _THROTTLE_RETRY_SECONDS
        retry_at = self._clock.now + _THROTTLE_RETRY_SECONDS
        if retry_at < min(message.visible_at for message in batch.messages):
            self._call_at(retry_at, self._invoke, batch)
            return
        for message in batch.messages:
            message.holder = None
        self.free()


def describe(batch: Sequence[QueueMessage]) -> str:
    """Name the first messages of a batch, and count the others."""
    names = [
        f"{message.origin} (receive {message.receive_count})" if message.receive_count > 1 else str(message.origin)
        for message in batch[:3]
    ]
    return ", ".join(names) + (f" and {len(batch) - 3} more" if len(batch) > 3 else "")
