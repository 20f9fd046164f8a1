"""The event source mapping, by https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from lab.faults import Kind
from lab.simulate.checks import BrokenError
from lab.simulate.clock import Clock
from lab.simulate.queue import Message, Queue
from lab.simulate.schedule import Schedule
from lab.simulate.settings import Settings

_OTHER_POLLER = 0.3
"""How likely a message goes to a poller that is idle, and not to one that gathers a batch."""

_THROTTLED_SECONDS = 2  # after which Lambda tries a throttled invocation again: assumed, AWS says that it backs off


class _Gathering:
    """A batch that a poller gathers."""

    def __init__(self) -> None:
        self.batch: list[Message] = []
        self.closed = False
        self.late = 0.0  # s by which throttles delayed its invocation,
        self.end = float("inf")  # and when that ends


class Pollers:
    """Receive from the queue, and invoke the function with batches."""

    def __init__(
        self,
        clock: Clock,
        schedule: Schedule,
        queue: Queue,
        chance: Random,
        settings: Settings,
        at: Callable[[float, Callable[[Any], None], Any], None],
        invoke: Callable[[list[Message]], float],
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
        self._clock, self._schedule, self._queue, self._chance = clock, schedule, queue, chance
        self._settings, self._at, self._invoke_function, self._trace = settings, at, invoke, trace
        self._idle = settings.concurrency
        self._gathering: list[_Gathering] = []
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
        is_paused = Kind.PAUSED in self._schedule.at(now)
        while queue.is_visible() and not is_paused:
            # Which of the pollers gets a message is anybody's guess.
            if self._idle and (not self._gathering or self._chance.random() < _OTHER_POLLER):
                self._idle -= 1
                self._gathering.append(_Gathering())
                # "Before invoking the function, Lambda continues to poll messages from the standard queue until the
                # batch window expires, the invocation payload size quota is reached, or the configured maximum batch
                # size is reached."
                self._at(now + self._settings.window, self._end_window, self._gathering[-1])
            if not self._gathering:
                break
            gathering = self._chance.choice(self._gathering) if len(self._gathering) > 1 else self._gathering[0]
            message = queue.receive(now)
            if message is None:
                break
            self.judge_holder(message, "is received again")
            message.holder = gathering
            gathering.batch.append(message)
            if len(gathering.batch) == self._settings.batch:
                self._invoke(gathering)
        due = queue.next_visible()
        if due is not None and due < self._wakes_at and self._idle:
            self._wakes_at = due
            self._at(due, self.wake, None)

    def free(self) -> None:
        """Let the poller of a batch that has ended receive again."""
        self._idle += 1
        self.wake()

    def judge_holder(self, message: Message, what: str) -> None:
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

    def _end_window(self, gathering: _Gathering) -> None:
        if not gathering.closed:
            self._invoke(gathering)

    def _invoke(self, gathering: _Gathering) -> None:
        if not gathering.closed:
            gathering.closed = True
            self._gathering.remove(gathering)
        if not gathering.batch:
            self.free()
        elif Kind.THROTTLED in self._schedule.at(self._clock.now):
            self._throttle(gathering)
        else:
            gathering.end = self._invoke_function(gathering.batch)

    def _throttle(self, gathering: _Gathering) -> None:
        """Try the invocation again in a while.

        "Lambda continues to retry the message until the message's timestamp exceeds your queue's visibility timeout, at
        which point Lambda drops the message" (services-sqs-errorhandling.html there): it becomes visible again, which
        has cost it a receive. So an invocation may begin so late that another receives its messages meanwhile.
        """
        if not gathering.late:
            self._trace(f"throttled: {describe(gathering.batch)}")
        gathering.late += _THROTTLED_SECONDS
        again = self._clock.now + _THROTTLED_SECONDS
        if again < min(message.visible_at for message in gathering.batch):
            self._at(again, self._invoke, gathering)
            return
        for message in gathering.batch:
            message.holder = None
        self.free()


def describe(batch: Sequence[Message]) -> str:
    """Name the first messages of a batch, and count the others."""
    names = [
        f"{message.origin} (receive {message.receives})" if message.receives > 1 else str(message.origin)
        for message in batch[:3]
    ]
    return ", ".join(names) + (f" and {len(batch) - 3} more" if len(batch) > 3 else "")
