"""Outages on a virtual clock: the handler as deployed, with the published numbers, on a model of SQS and Lambda."""

import json
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ReadTimeoutError

import handler
from ponto import dead_letters, log, redelivery, suspects
from ponto import drain as drain_module
from ponto.dead_letters import DeadLetters, Rejection
from ponto.drain import Drain
from ponto.punch import Punch, parse
from ponto.redelivery import Redelivery
from ponto.sqs import CALL_SECONDS
from ponto.store import Entry, Outcome, Status, Store
from tests.events import record, sqs_event
from tests.template.compiled import Compile
from tests.template.test_queue_numbers import FUNCTION, MAPPING, delays_of
from tools.kit.packaging import Template

HOUR = 3600  # s
DAY = 24 * HOUR
EPOCH = 1_790_000_000  # s: when the clock says 0
_CONNECTING = 40  # s that a batch takes while the database does not let the function in
_CLIENT = 2  # s that boto3's import and a client take, at most


class Killed(BaseException):
    """The process was killed: nothing of ours may catch it."""


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
        self.visibility = queue["VisibilityTimeout"]
        self.database_down: list[tuple[float, float]] = []
        self.failing_takes = float(_CONNECTING)  # s that a batch takes meanwhile
        self.our_code_fails: list[tuple[float, float]] = []
        self.poison: list[Message] = []  # our code fails on each
        self.killers: list[Message] = []  # each kills the process
        self.sqs_is_silent = False  # when the function calls it
        self.warnings: list[str] = []
        self.paused_until = 0.0
        self.rows: set[str] = set()  # message ids
        self._first_failures: dict[str, float] = {}
        self._retention = queue["MessageRetentionPeriod"]
        self._most_receives = queue["RedrivePolicy"]["maxReceiveCount"]
        self._batch = template.properties(MAPPING)["BatchSize"]
        self._workers = template.properties(MAPPING)["ScalingConfig"]["MaximumConcurrency"]
        self._timeout = template.properties(FUNCTION)["Timeout"]
        self._consumers = [self._start() for _ in range(self._workers)]
        self._worker = 0  # whose turn it is

    def punch(self, times: Sequence[float]) -> list[Message]:
        """Have punches accepted then."""
        messages = [Message(len(self.messages) + number, time) for number, time in enumerate(times)]
        self.messages |= {message.record["messageId"]: message for message in messages}
        return messages

    def run(self) -> None:
        """Go on until every message has its end."""
        free = [(self.paused_until, worker) for worker in range(self._workers)]
        waiting = [(message.sent, name) for name, message in self.messages.items()]
        waiting.sort()
        while waiting:
            self.now, self._worker = heappop(free)
            batch: list[Message] = []
            while waiting and waiting[0][0] <= self.now and len(batch) < self._batch:
                message = self.messages[heappop(waiting)[1]]
                if self._is_received(message):
                    batch.append(message)
            if not batch:
                if waiting:
                    heappush(free, (max(self.now + 0.1, waiting[0][0]), self._worker))
                continue
            heappush(free, (self._invoke(batch), self._worker))
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
            message.visible_at = self.now + self.visibility
        return not message.end

    def _invoke(self, batch: list[Message]) -> float:
        """Have the function work on a batch; return when it has ended."""
        end = self.now + self._timeout
        context = SimpleNamespace(aws_request_id="", get_remaining_time_in_millis=lambda: 1000 * (end - self.now))
        try:
            response = handler.main(sqs_event(*(message.record for message in batch)), context)
        except Killed:
            self._consumers[self._worker] = self._start()
            return self.now + 1
        assert self.now <= end
        failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        for message in batch:
            if message.record["messageId"] not in failed and not message.end:
                message.end, message.stored_at = "stored", self.now
        return self.now + 0.05

    def _start(self) -> handler.Consumer:
        """Make what a process keeps between its batches."""
        drain = Drain(ZoneInfo("UTC"), cast(Store, self), cast(DeadLetters, self), visibility_s=self.visibility)
        return handler.Consumer(drain, Redelivery("https://punches", self.delays))

    # What the function sees

    def time(self) -> float:
        return EPOCH + self.now

    def consumer(self) -> handler.Consumer:
        return self._consumers[self._worker]

    def parse(self, body: str, zone: ZoneInfo) -> Punch:
        if body in (message.record["body"] for message in self.poison):
            raise ZeroDivisionError
        if body in (message.record["body"] for message in self.killers):
            raise Killed
        return parse(body, zone)

    def save(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        if _is_within(self.now, self.our_code_fails):
            raise ZeroDivisionError
        if not _is_within(self.now, self.database_down):
            self.rows |= {entry.message_id for entry in entries}
            return [Outcome(Status.STORED)] * len(entries)
        self.now = min(self.now + self.failing_takes, max(self.now, deadline))
        return [Outcome(Status.FAILED, "gone")] * len(entries)

    def failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        del deadline
        before = {name: self.now - self._first_failures[name] for name in message_ids if name in self._first_failures}
        self._first_failures |= {name: self.now for name in message_ids if name not in before}
        return before

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        del deadline
        for rejection in rejections:
            self.messages[rejection.record["messageId"]].end = "dead letter"
        return {}

    def client(self) -> "World":
        self.now += _CLIENT
        return self

    def change_message_visibility_batch(self, **call: Any) -> dict[str, Any]:
        if self.sqs_is_silent:
            self.now += CALL_SECONDS
            raise ReadTimeoutError(endpoint_url="https://sqs")
        for entry in call["Entries"]:
            self.messages[entry["ReceiptHandle"]].visible_at = self.now + entry["VisibilityTimeout"]
        return {}


def _is_within(now: float, spells: Sequence[tuple[float, float]]) -> bool:
    return any(begin <= now < end for begin, end in spells)


@pytest.fixture
def simulate(compiled: Compile, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Give what makes the world of a stage, with parameters as for `Compile`."""
    return lambda *stage: _simulate(compiled(*stage), monkeypatch)


@pytest.fixture
def world(simulate: Callable[..., World]) -> Iterator[World]:
    world = simulate("prod")
    yield world
    assert world.warnings == []


def _simulate(template: Template, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(template)
    clock = SimpleNamespace(monotonic=lambda: world.now, time=world.time)
    for module in (handler, drain_module, dead_letters, redelivery, suspects):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(drain_module, "parse", world.parse)
    monkeypatch.setattr(handler, "consumer", world.consumer)
    monkeypatch.setattr(redelivery, "client", world.client)
    monkeypatch.setattr(log, "batch", lambda *_: None)
    monkeypatch.setattr(log, "warning", lambda _, message: world.warnings.append(message))
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
    assert world.last_stored() - minutes * 60 <= min(minutes * 60, world.visibility) + 10


@pytest.mark.parametrize("failing_takes", [0, 0.1, _CONNECTING])
def test_an_outage_of_thirty_hours_dead_letters_nothing_and_one_without_end_everything(
    world: World, failing_takes: float
) -> None:
    world.failing_takes = failing_takes
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


@pytest.mark.parametrize("stage", [("prod",), ("local",), ("dev", "timeout=30")])
def test_where_sqs_does_not_answer_the_function_still_ends_in_time(
    simulate: Callable[..., World], stage: tuple[str, ...]
) -> None:
    world = simulate(*stage)
    world.punch([number / 10 for number in range(300)])
    world.database_down = [(0, 60)]
    world.sqs_is_silent = True

    world.run()  # which asserts it of each invocation

    assert world.ends() == {"stored": 300}
    assert world.warnings


@pytest.mark.parametrize("failing_takes", [0.1, 1.1, 3.1])  # a statement, the tries to connect, a lock
def test_the_local_stage_too_has_all_punches_within_thirty_seconds(
    simulate: Callable[..., World], failing_takes: float
) -> None:
    world = simulate("local")
    world.failing_takes = failing_takes
    world.punch([number / 250 for number in range(2_000)])
    world.database_down = [(1, 6)]

    world.run()

    assert world.ends() == {"stored": 2_000}
    assert world.last_stored() - 6 < 30
    assert world.warnings == []


@pytest.mark.parametrize("night", [2, 8, 14])
def test_a_lone_message_that_our_code_fails_on_at_night_is_dead_lettered_in_the_morning(
    world: World, night: int
) -> None:
    world.poison = world.punch([0])
    morning = world.punch([night * HOUR + number * 60 for number in range(60)])

    world.run()

    assert world.ends() == {"stored": len(morning), "dead letter": 1}
    [message] = world.poison
    assert message.visible_at < (night + 1) * HOUR


def test_a_message_that_our_code_fails_on_and_after_which_nothing_ever_comes_leaves_by_redrive(world: World) -> None:
    world.poison = world.punch([0])

    world.run()

    assert world.ends() == {"exhausted": 1}
    assert world.poison[0].visible_at >= 30 * HOUR


@pytest.mark.parametrize("hours", [1, 8, 20])
def test_a_message_that_kills_the_process_during_an_outage_takes_no_punch_along(world: World, hours: int) -> None:
    world.punch([number * 10 for number in range(1_000)])
    world.killers = world.punch([1_000])
    world.database_down = [(900, 900 + hours * HOUR)]

    world.run()

    [killer] = world.killers
    assert killer.end == "exhausted"
    assert world.rows == world.messages.keys() - {killer.record["messageId"]}
