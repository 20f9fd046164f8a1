"""Outages on a virtual clock: the handler as deployed, with the published numbers, on a model of SQS and Lambda."""

import json
from collections.abc import Sequence
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

import handler
from ponto import drain as drain_module
from ponto import log, redelivery, sqs
from ponto.drain import Drain
from ponto.redelivery import Redelivery
from ponto.sqs import DeadLetters, Rejection
from ponto.store import Entry, Outcome, Status, Store
from tests.events import record, sqs_event
from tests.template.conftest import Compile
from tests.template.packaging import Template
from tests.template.test_queue_numbers import FUNCTION, MAPPING, delays_of

HOUR = 3600  # s
DAY = 24 * HOUR
EPOCH = 1_790_000_000  # s: when the clock says 0
_CONNECTING = 40  # s that a batch takes while the database does not let the function in


class Message:
    """A punch on its way, and its end."""

    def __init__(self, number: int, sent: float) -> None:
        body = json.dumps({"usuarioId": number + 1, "ponto": "2026-10-01T08:00:00Z"})
        self.record = record(body, f"m{number}", int(1000 * (EPOCH + sent)))
        self.record["receiptHandle"] = f"m{number}"
        self.sent = self.visible_at = sent  # s
        self.receives = 0
        self.stored_at: float | None = None
        self.end = ""  # stored, dead letter, exhausted, expired


class World:
    """SQS, its mapping, and the function, from a first punch to the last one's end."""

    def __init__(self, template: Template) -> None:
        queue = template.properties("PunchQueue")
        self.now = 0.0
        self.messages: dict[str, Message] = {}
        self.delays = delays_of(template)
        self.database_down: list[tuple[float, float]] = []
        self.failing_takes = float(_CONNECTING)  # s that a batch takes meanwhile
        self.our_code_fails: list[tuple[float, float]] = []
        self.paused_until = 0.0
        self._first_failures: dict[str, float] = {}
        self._visibility = queue["VisibilityTimeout"]
        self._retention = queue["MessageRetentionPeriod"]
        self._most_receives = queue["RedrivePolicy"]["maxReceiveCount"]
        self._batch = template.properties(MAPPING)["BatchSize"]
        self._workers = template.properties(MAPPING)["ScalingConfig"]["MaximumConcurrency"]
        self._timeout = template.properties(FUNCTION)["Timeout"]

    def punch(self, times: Sequence[float]) -> None:
        """Have punches accepted then."""
        for time in times:
            message = Message(len(self.messages), time)
            self.messages[message.record["messageId"]] = message

    def run(self) -> None:
        """Go on until every message has its end."""
        free = [(self.paused_until, worker) for worker in range(self._workers)]
        waiting = [(message.sent, name) for name, message in self.messages.items()]
        waiting.sort()
        while waiting:
            self.now, worker = heappop(free)
            batch: list[Message] = []
            while waiting and waiting[0][0] <= self.now and len(batch) < self._batch:
                message = self.messages[heappop(waiting)[1]]
                if self._is_received(message):
                    batch.append(message)
            if not batch:
                if waiting:
                    heappush(free, (max(self.now + 0.1, waiting[0][0]), worker))
                continue
            heappush(free, (self._invoke(batch), worker))
            for message in batch:
                if not message.end:
                    heappush(waiting, (message.visible_at, message.record["messageId"]))

    def ends(self) -> dict[str, int]:
        """Count the messages by their end."""
        ends = [message.end for message in self.messages.values()]
        return {end: ends.count(end) for end in set(ends)}

    def last_stored(self) -> float:
        return max(message.stored_at or 0 for message in self.messages.values())

    def _is_received(self, message: Message) -> bool:
        if self.now >= message.sent + self._retention:
            message.end = "expired"
        elif message.receives >= self._most_receives:
            message.end = "exhausted"
        else:
            attributes = message.record["attributes"]
            if not message.receives:
                attributes["ApproximateFirstReceiveTimestamp"] = str(int(1000 * self.time()))
            message.receives += 1
            attributes["ApproximateReceiveCount"] = str(message.receives)
            message.visible_at = self.now + self._visibility
        return not message.end

    def _invoke(self, batch: list[Message]) -> float:
        """Have the function work on a batch; return when it has ended."""
        context = SimpleNamespace(aws_request_id="", get_remaining_time_in_millis=lambda: 1000 * self._timeout)
        response = handler.main(sqs_event(*(message.record for message in batch)), context)
        failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        for message in batch:
            if message.record["messageId"] not in failed and not message.end:
                message.end, message.stored_at = "stored", self.now
        return self.now + 0.05

    # What the function sees

    def time(self) -> float:
        return EPOCH + self.now

    def save(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        if _is_within(self.now, self.our_code_fails):
            raise ZeroDivisionError
        if not _is_within(self.now, self.database_down):
            return [Outcome(Status.STORED)] * len(entries)
        self.now = min(self.now + self.failing_takes, max(self.now, deadline))
        return [Outcome(Status.FAILED, "gone")] * len(entries)

    def failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        del deadline
        before = {name: self.now - self._first_failures[name] for name in message_ids if name in self._first_failures}
        self._first_failures |= {name: self.now for name in message_ids if name not in before}
        return before

    def put_aside(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        del deadline
        for rejection in rejections:
            self.messages[rejection.record["messageId"]].end = "dead letter"
        return {}

    def change_message_visibility_batch(self, **call: Any) -> dict[str, Any]:
        for entry in call["Entries"]:
            self.messages[entry["ReceiptHandle"]].visible_at = self.now + entry["VisibilityTimeout"]
        return {}


def _is_within(now: float, spells: Sequence[tuple[float, float]]) -> bool:
    return any(begin <= now < end for begin, end in spells)


@pytest.fixture
def world(compiled: Compile, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(compiled("prod"))
    clock = SimpleNamespace(monotonic=lambda: world.now, time=world.time)
    for module in (handler, drain_module, redelivery, sqs):
        monkeypatch.setattr(module, "time", clock)
    drain = Drain(ZoneInfo("UTC"), cast(Store, world), cast(DeadLetters, world), visibility_s=world.delays[-1])
    monkeypatch.setattr(handler, "_drain", lambda: drain)
    monkeypatch.setattr(handler, "_redelivery", lambda: Redelivery("https://punches", world.delays))
    monkeypatch.setattr(redelivery, "client", lambda: world)
    monkeypatch.setattr(log, "batch", lambda *_: None)
    monkeypatch.setattr(log, "warning", lambda _, message: pytest.fail(message))
    return world


@pytest.mark.parametrize("failing_takes", [0.1, 5])
def test_after_five_seconds_without_a_database_at_500_punches_a_second_all_are_stored_within_thirty(
    world: World, failing_takes: float
) -> None:
    world.failing_takes = failing_takes
    world.punch([number / 500 for number in range(20 * 500)])
    world.database_down = [(5, 10)]

    world.run()

    assert world.ends() == {"stored": 10_000}
    assert world.last_stored() - 10 < 30


@pytest.mark.parametrize("minutes", [1, 5, 30])
def test_what_failed_in_an_outage_comes_back_after_no_longer_than_that_took(world: World, minutes: int) -> None:
    world.failing_takes = 1
    world.punch([number * 0.5 for number in range(minutes * 120)])
    world.database_down = [(0, minutes * 60)]

    world.run()

    assert world.ends() == {"stored": minutes * 120}
    assert world.last_stored() - minutes * 60 <= min(minutes * 60, world.delays[-1]) + 10


def test_an_outage_of_thirty_hours_dead_letters_nothing_and_one_without_end_everything(world: World) -> None:
    world.punch(range(100))
    world.database_down = [(0, 30 * HOUR)]
    world.run()
    assert world.ends() == {"stored": 100}

    world.messages.clear()
    world.database_down = [(0, 90 * DAY)]
    world.punch(range(100))
    world.run()
    assert world.ends() == {"exhausted": 100}


@pytest.mark.parametrize(("punches", "paused", "down"), [(900, 6.5 * DAY, 20 * HOUR), (100, 7 * DAY, 30 * HOUR)])
def test_a_long_pause_and_then_an_outage_lose_nothing(world: World, punches: int, paused: float, down: float) -> None:
    world.punch([number * paused / punches for number in range(punches)])
    world.paused_until = paused
    world.database_down = [(paused, paused + down)]

    world.run()

    assert world.ends() == {"stored": punches}


def test_an_outage_uses_up_no_patience_with_a_bad_release(world: World) -> None:
    world.punch([number * 60 for number in range(54)])
    world.database_down = [(0, 8 * HOUR)]
    world.our_code_fails = [(8 * HOUR, 8 * HOUR + 600)]

    world.run()

    assert world.ends() == {"stored": 54}


def test_a_release_that_fails_on_everything_for_hours_dead_letters_nothing(world: World) -> None:
    world.punch([number * 30 for number in range(600)])
    world.our_code_fails = [(HOUR, 4 * HOUR)]

    world.run()

    assert world.ends() == {"stored": 600}
