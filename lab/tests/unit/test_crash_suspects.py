"""Limit of the time that good punches wait beside messages that crash the process. Clock and queue are simulated."""

import json
from collections.abc import Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lab.simulate.clock import HOUR, ProcessKilledError, SimulatedClock
from lab.simulate.queue import QueueMessage, SimulatedQueue
from lab.simulate.settings import SimulationSettings, from_template
from ponto.drain.crash_suspects import spread_delay_seconds
from ponto.drain.drain import Drain
from ponto.drain.message import read_messages
from ponto.drain.retry_backoff import RetryBackoff
from ponto.drain.store import Entry, Outcome, Status
from tests.events import message, punch
from tests.template.compiled import CompileStage
from tools.kit.event import body

MAX_WAIT_SECONDS = 4 * HOUR  # docs/architecture.md promises it
CRASH_SECONDS, ROW_SECONDS, CALL_SECONDS, WINDOW_SECONDS = 1.0, 0.0001, 0.02, 1


@pytest.fixture
def deployed(compile_stage: CompileStage) -> SimulationSettings:
    """Return the settings of the compiled template."""
    return from_template(compile_stage("prod"))


class CrashingProcess:
    """Store, dead letters and SQS client of the function's process, which a crashing message kills."""

    def __init__(self, clock: SimulatedClock, queue: SimulatedQueue, crashing: set[str]) -> None:
        self.stored_at: dict[str, float] = {}  # by message id
        self._clock, self._queue, self._crashing = clock, queue, crashing

    def save(self, entries: Sequence[Entry], _: float) -> list[Outcome]:
        self._clock.advance(ROW_SECONDS * len(entries))
        ids = [entry.message_id for entry in entries]
        if not self._crashing.isdisjoint(ids):
            raise ProcessKilledError("crashed")
        for message_id in ids:
            self.stored_at.setdefault(message_id, self._clock.now)
        return [Outcome(Status.STORED)] * len(ids)

    def send(self, rejections: Sequence[object], _: float) -> dict[str, str]:
        assert not rejections
        return {}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: ARG002, N803
        self._clock.advance(CALL_SECONDS)
        for entry in Entries:
            self._queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"], self._clock.now)
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


def receive(queue: SimulatedQueue, clock: SimulatedClock, size: int) -> list[QueueMessage]:
    """Receive a batch at the time at which the first of its messages is visible."""
    clock.now = max(clock.now, queue.next_visible_at() or 0) if not queue.has_visible_messages() else clock.now
    batch: list[QueueMessage] = []
    while len(batch) < size and (received := queue.receive(clock.now)):
        batch.append(received)
    clock.now += WINDOW_SECONDS * (len(batch) < size)
    return batch


def longest_wait(deployed: SimulationSettings, crashing: int, good: int, batch_size: int, seed: int) -> float:
    """Drain a queue of crashing and good messages; return the seconds until the last good punch is stored."""
    rng, clock = Random(seed), SimulatedClock()
    queue = SimulatedQueue(
        rng, deployed.visibility_timeout_seconds, deployed.retention_seconds, deployed.max_receive_count
    )
    queue.has_anomalies = False
    text = json.dumps(body(1, "2026-01-01T08:00:00-03:00"))
    for number in range(crashing + good):
        queue.add(QueueMessage(f"m{number}", text, None, 0, {}))
    process = CrashingProcess(clock, queue, {f"m{number}" for number in range(crashing)})
    backoff = RetryBackoff("punches", (), lambda: cast(Any, process))
    seconds = deployed.visibility_timeout_seconds
    pollers = [0.0] * deployed.concurrency  # heap of the times at which they are free
    with clock.install():
        drain = Drain(
            ZoneInfo("UTC"), cast(Any, process), cast(Any, process), backoff, visibility_timeout_seconds=seconds
        )
        while len(process.stored_at) < good and pollers[0] < 2 * MAX_WAIT_SECONDS:
            clock.now = heappop(pollers)
            batch = receive(queue, clock, batch_size)
            records = {"Records": [received.record() for received in batch]}
            try:
                drain.process(read_messages(records), clock.now + deployed.timeout_seconds)
            except ProcessKilledError:
                clock.now += CRASH_SECONDS
            else:
                for received in batch:
                    queue.delete(received, received.receipt_handle, clock.now)
            heappush(pollers, clock.now)
    return max(process.stored_at.values()) if len(process.stored_at) == good else float("inf")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    crashing=st.integers(1, 60),
    more_good=st.integers(0, 880),
    batch_size=st.integers(1, 1_000),
    seed=st.integers(0, 2**32),
)
@example(crashing=60, more_good=880, batch_size=100, seed=1)
def test_good_punches_beside_crashing_messages_are_stored_within_4_hours(
    deployed: SimulationSettings, crashing: int, more_good: int, batch_size: int, seed: int
) -> None:
    assert longest_wait(deployed, crashing, crashing + more_good, batch_size, seed) < MAX_WAIT_SECONDS


def test_receives_of_suspects_last_as_long_as_those_of_an_outage(deployed: SimulationSettings) -> None:
    timeout = deployed.visibility_timeout_seconds
    outage_delays = [int(delay) for delay in deployed.environment["RETRY_DELAYS"].split(",")] + 7 * [timeout]

    suspect_delays = [timeout] * 3
    suspect_delays += [
        spread_delay_seconds(message(punch(), receive_count=receives), timeout)
        for receives in range(4, deployed.max_receive_count)
    ]

    assert sum(suspect_delays[:7]) > sum(outage_delays[:7])
    assert min(suspect_delays[6:]) >= timeout
