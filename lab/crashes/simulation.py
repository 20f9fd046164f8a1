"""Simulation of the real drain on a queue with good punches and with messages that crash the process."""

import json
from collections.abc import Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from lab.simulate.clock import DAY, ProcessKilledError, SimulatedClock
from lab.simulate.queue import QueueMessage, SimulatedQueue
from ponto.dead_letters import DeadLetters
from ponto.drain import Drain
from ponto.message import read_messages
from ponto.retry_backoff import RetryBackoff
from ponto.store import Entry, Outcome, Status, Store
from tools.kit.event import body

VISIBILITY_SECONDS = 451
MAX_RECEIVES = 247
TIMEOUT_SECONDS = 75
CONCURRENCY = 5
"""These four have the values of the template; a test compares them."""

_RETENTION = 9 * DAY
_MAX_UNBATCHED = 10  # largest batch size without a batching window
_WINDOW_SECONDS = 1
_STATEMENT_SECONDS, _ROW_SECONDS, _CALL_SECONDS, _CRASH_SECONDS = 0.005, 0.0001, 0.02, 1.0
_STORED, _REDELIVERED = Outcome(Status.STORED), Outcome(Status.REDELIVERED)


class CrashCase(NamedTuple):
    """Parameters of a simulation."""

    crashing: int  # messages that crash the process, among `punches`
    batch_size: int
    seed: int
    punches: int = 1_000
    arrival_seconds: float = 0  # within which all messages arrive; 0: all are queued at the start


class CaseResult(NamedTuple):
    """Result for the good punches."""

    seconds_until_stored: float  # until the last one is stored; inf: one never is
    dead_letters_without_row: int
    dead_letters_with_row: int
    crashes: int  # until all good punches have left the queue


class _FunctionProcess:
    """Store, dead letters and SQS client of the function's process, which a crashing message kills."""

    def __init__(self, clock: SimulatedClock, queue: SimulatedQueue, crashing: frozenset[str]) -> None:
        self.rows: dict[str, float] = {}  # time of storing, by message id
        self._clock, self._queue, self._crashing = clock, queue, crashing

    def save(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        assert self._clock.now < deadline  # noqa: S101  simulated batches take seconds
        self._clock.advance(_STATEMENT_SECONDS + _ROW_SECONDS * len(entries))
        ids = [entry.message_id for entry in entries]
        if not self._crashing.isdisjoint(ids):
            raise ProcessKilledError("crashed")
        outcomes = [_REDELIVERED if message_id in self.rows else _STORED for message_id in ids]
        for message_id in ids:
            self.rows.setdefault(message_id, self._clock.now)
        return outcomes

    def send(self, rejections: Sequence[object], deadline: float) -> dict[str, str]:
        del deadline
        assert not rejections  # noqa: S101  all messages are good or crash the process
        return {}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        del QueueUrl
        self._clock.advance(_CALL_SECONDS)
        for entry in Entries:
            handle, seconds = entry["ReceiptHandle"], entry["VisibilityTimeout"]
            assert not self._queue.change_visibility(handle, seconds, self._clock.now)  # noqa: S101
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


def run(case: CrashCase) -> CaseResult:
    """Drain the queue until all good punches have left it, as rows or as dead letters."""
    rng, clock = Random(case.seed), SimulatedClock()
    queue = SimulatedQueue(rng, VISIBILITY_SECONDS, _RETENTION, MAX_RECEIVES)
    queue.has_anomalies = False
    arrivals = sorted(rng.uniform(0, case.arrival_seconds) for _ in range(case.punches))
    messages = [
        QueueMessage(f"m{number}", json.dumps(body(number, "2026-01-01T08:00:00-03:00")), None, at, {})
        for number, at in enumerate(arrivals, 1)
    ]
    crashing = frozenset(message.id for message in rng.sample(messages, case.crashing))
    waiting = {message.id for message in messages} - crashing
    exhausted: list[str] = []

    def move_to_dlq(message: QueueMessage) -> None:
        if message.id in waiting:
            waiting.remove(message.id)
            exhausted.append(message.id)

    queue.on_exhausted = move_to_dlq
    process = _FunctionProcess(clock, queue, crashing)
    with clock.install():
        drain = Drain(
            ZoneInfo("America/Sao_Paulo"),
            cast(Store, process),
            cast(DeadLetters, process),
            RetryBackoff("punches", (), lambda: cast(Any, process)),
            visibility_timeout_seconds=VISIBILITY_SECONDS,
        )
        crashes = 0
        arriving = list(messages)
        pollers = [0.0] * CONCURRENCY  # heap of the times at which the pollers are free
        while waiting:
            clock.now = heappop(pollers)
            batch = _gather(queue, arriving, clock, case.batch_size)
            if batch:
                is_crash = _invoke(drain, clock, queue, batch)
                crashes += is_crash
                if not is_crash:
                    waiting.difference_update(message.id for message in batch)
            heappush(pollers, clock.now)
    good_ids = {message.id for message in messages} - crashing
    return CaseResult(
        max(process.rows.get(message_id, float("inf")) for message_id in good_ids),
        sum(message_id not in process.rows for message_id in exhausted),
        sum(message_id in process.rows for message_id in exhausted),
        crashes,
    )


def _gather(
    queue: SimulatedQueue, arriving: list[QueueMessage], clock: SimulatedClock, size: int
) -> list[QueueMessage]:
    """Receive a batch, with a batching window if the batch size is large and the batch is not full."""
    batch: list[QueueMessage] = []

    def receive() -> None:
        while arriving and arriving[0].sent_at <= clock.now:
            queue.add(arriving.pop(0))
        while len(batch) < size and (message := queue.receive(clock.now)):
            batch.append(message)

    receive()
    if not batch:  # wait for the next visible message or arrival
        times = [queue.next_visible_at(), arriving[0].sent_at if arriving else None]
        clock.now = max(clock.now, min(time for time in times if time is not None))
        receive()
    if len(batch) < size and size > _MAX_UNBATCHED:
        clock.now += _WINDOW_SECONDS
        receive()
    return batch


def _invoke(drain: Drain, clock: SimulatedClock, queue: SimulatedQueue, batch: Sequence[QueueMessage]) -> bool:
    """Invoke the function, delete what it stored, and return whether it crashed."""
    try:
        event = {"Records": [message.record() for message in batch]}
        processed = drain.process(read_messages(event), clock.now + TIMEOUT_SECONDS)
    except ProcessKilledError:
        clock.now += _CRASH_SECONDS
        return True
    assert not processed.failures  # noqa: S101  the database works
    assert not processed.warnings  # noqa: S101  SQS works
    for message in batch:
        queue.delete(message, message.receipt_handle, clock.now)
    return False
