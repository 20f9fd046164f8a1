"""The event source mapping, by https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from lab.faults import FaultKind
from lab.simulate.checks import BrokenRuleError
from lab.simulate.clock import SimulatedClock
from lab.simulate.queue import Queue, QueueMessage
from lab.simulate.schedule import Schedule
from lab.simulate.settings import SimulationSettings

_IDLE_POLLER_PROBABILITY = 0.3
"""How likely a message goes to a poller that is idle, and not to one that gathers a batch."""

_THROTTLED_SECONDS = 2  # after which Lambda tries a throttled invocation again: assumed, AWS says that it backs off


class _Batch:
    """A batch that a poller gathers."""

    def __init__(self) -> None:
        self.messages: list[QueueMessage] = []
        self.closed = False
        self.late = 0.0  # s by which throttles delayed its invocation,
        self.end = float("inf")  # and when that ends


class Pollers:
    """Receive from the queue, and invoke the function with batches."""

    def __init__(
        self,
        clock: SimulatedClock,
        schedule: Schedule,
        queue: Queue,
        rng: Random,
        settings: SimulationSettings,
        at: Callable[[float, Callable[[Any], None], Any], None],
        invoke: Callable[[list[QueueMessage]], float],
        trace: Callable[[str], None],
    ) -> None:
        """Start as many as the mapping's maximum concurrency.

        Args:
            clock: the run's.
            schedule: says when the drain is paused, and the function throttled.
            queue: the one that they receive from.
            chance: decides which poller gets a message.
            settings: what is deployed.
            at: lets something happen later: when, what, and its argument.
            invoke: works on a batch, and returns when it ends; `free` is called then.
            trace: takes a line of the trace.
        """
        self._clock, self._schedule, self._queue, self._rng = clock, schedule, queue, rng
        self._settings, self._call_at, self._invoke_function, self._trace = settings, at, invoke, trace
        self._idle = settings.concurrency
        self._gathering_batches: list[_Batch] = []
        self._wakes_at = float("inf")

    def wake(self, _: object = None) -> None:
        """Receive what is visible.

        "Lambda uses long polling to poll a queue until it becomes active. When messages are available, Lambda starts
        processing five batches at a time", and with a maximum concurrency no more than that.
        """
        queue, now = self._queue, self._clock.now
        if now >= self._wakes_at:
            self._wakes_at = float("inf")
        queue.refresh(now)
        is_paused = FaultKind.PAUSED in self._schedule.kinds_at(now)
        while queue.has_visible_messages() and not is_paused:
            # Which of the pollers gets a message is anybody's guess.
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
        """Let the poller of a batch that has ended receive again."""
        self._idle += 1
        self.wake()

    def check_holder(self, message: QueueMessage, what: str) -> None:
        """Judge what SQS does to a message, by whether an invocation works on it.

        Raises:
            BrokenError: one does, and neither that it began late nor a copy explains it.
        """
        now, holder = self._clock.now, message.holder
        # Without throttles it would have ended.
        is_late = holder is not None and holder.late > 0 and now >= holder.end - holder.late
        if holder is not None and not (message.has_copies or is_late):
            text = f"{message.origin} {what} while an invocation still works on it"
            raise BrokenRuleError("held", now, text, message.origin)
        if message.has_copies or is_late:
            message.origin.is_duplicate_excused = True

    def _end_window(self, batch: _Batch) -> None:
        if not batch.closed:
            self._invoke(batch)

    def _invoke(self, batch: _Batch) -> None:
        if not batch.closed:
            batch.closed = True
            self._gathering_batches.remove(batch)
        if not batch.messages:
            self.free()
        elif FaultKind.THROTTLED in self._schedule.kinds_at(self._clock.now):
            self._throttle(batch)
        else:
            batch.end = self._invoke_function(batch.messages)

    def _throttle(self, batch: _Batch) -> None:
        """Try the invocation again in a while.

        "Lambda continues to retry the message until the message's timestamp exceeds your queue's visibility timeout, at
        which point Lambda drops the message" (services-sqs-errorhandling.html there): it becomes visible again, which
        has cost it a receive. So an invocation may begin so late that another receives its messages meanwhile.
        """
        if not batch.late:
            self._trace(f"throttled: {describe(batch.messages)}")
        batch.late += _THROTTLED_SECONDS
        again = self._clock.now + _THROTTLED_SECONDS
        if again < min(message.visible_at for message in batch.messages):
            self._call_at(again, self._invoke, batch)
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
