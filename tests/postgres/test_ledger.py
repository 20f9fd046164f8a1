"""The ledger: whatever is sent, repeated, broken and sent back, accepted = stored + dead-lettered + queued."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg2.extensions import parse_dsn

import handler
from ponto.connection import Timeouts
from ponto.dead_letters import DeadLetters, Rejection
from ponto.derived_id import derive_id
from ponto.drain import Drain
from ponto.punch import Reason
from ponto.records import Record, origin
from ponto.redelivery import Redelivery
from ponto.store import Store
from tests.events import Context, record, sqs_event
from tools.kit.ledger import DeadLetter, PunchKey, Sent, judge
from tools.kit.rows import rows_of

MAX_RECEIVES = 8  # of the queue: then SQS itself moves a message
IDS = [str(uuid.UUID(int=number)) for number in (1, 2, 3)]
POISON = ["hello", "{}", '{"usuarioId": 1, "ponto": "2026-02-30T08:00:00Z"}', '{"usuarioId": NaN}']


class KilledError(BaseException):
    """The process ends here: no answer reaches SQS."""


@dataclass
class Message:
    record: Record
    receives: int = 0


@dataclass
class Letters:
    """A dead-letter queue that can break, or see the process killed before or after it has taken a dead letter."""

    taken: list[Record] = field(default_factory=list)
    broken: bool = False
    kill: str = ""

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        del deadline
        if self.kill == "before the dead letters":
            raise KilledError
        if self.broken:
            return {rejection.record["messageId"]: "broken" for rejection in rejections}
        self.taken += [_dead_letter(rejection) for rejection in rejections]
        if self.kill == "after the dead letters":
            raise KilledError
        return {}


def _dead_letter(rejection: Rejection) -> Record:
    message_id, received_ms = origin(rejection.record)
    dead_letter = record(rejection.record["body"])
    dead_letter["messageAttributes"] = {
        "messageId": {"dataType": "String", "stringValue": message_id},
        "receivedAt": {"dataType": "Number", "stringValue": str(received_ms)},
        "reason": {"dataType": "String", "stringValue": rejection.reason},
    }
    return dead_letter


class Ledger(RuleBasedStateMachine):
    """A queue, workers, a database and a dead-letter queue, with everything that may happen to them."""

    def __init__(self, url: str, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.accepted: dict[str, Sent] = {}  # by message id
        self.queue: list[Message] = []
        self.dead_letters = Letters()
        self.outage = False
        self._parameters: dict[str, Any] = parse_dsn(url)
        self._store = Store(self._where, Timeouts(connect_s=2, statement_ms=2_000, lock_ms=1_000))
        self._look = psycopg2.connect(url)
        self._look.autocommit = True
        drain = Drain(ZoneInfo("America/Sao_Paulo"), self._store, cast(DeadLetters, self.dead_letters))
        consumer = handler.Consumer(drain, Redelivery("", ()))
        patch.setattr(handler, "consumer", lambda: consumer)

    def _where(self) -> dict[str, Any]:
        return self._parameters | {"host": "/nowhere"} if self.outage else self._parameters

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        with self._look.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @initialize()
    def _empty(self) -> None:
        self._ask("alter table batida disable trigger append_only")
        self._ask("truncate batida")
        self._ask("alter table batida enable trigger append_only")

    def teardown(self) -> None:
        self._store.close()
        self._look.close()

    # What comes in

    @rule(identifier=st.sampled_from([*IDS, None]), employee=st.integers(1, 2), hour=st.integers(8, 9))
    def punch(self, identifier: str | None, employee: int, hour: int) -> None:
        when = datetime(2026, 10, 1, hour, tzinfo=UTC)
        body = {"usuarioId": employee, "ponto": when.isoformat()} | ({"id": identifier} if identifier else {})
        self._accept(json.dumps(body), PunchKey(identifier or derive_id(employee, when), employee, when))

    @rule(body=st.sampled_from(POISON))
    def poison(self, body: str) -> None:
        self._accept(body, None)

    def _accept(self, body: str, punch: PunchKey | None) -> None:
        sent = record(body)
        self.accepted[sent["messageId"]] = Sent(punch, body)
        self.queue.append(Message(sent))

    # What is done with it

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), end=st.sampled_from(["answer", "answer", "answer", "before", "after", "lost answer"]))
    def deliver(self, data: st.DataObject, end: str) -> None:
        batch = data.draw(st.lists(st.sampled_from(self.queue), min_size=1, max_size=6, unique_by=id))
        for message in batch:
            message.receives += 1
            message.record["attributes"]["ApproximateReceiveCount"] = str(message.receives)
        self.dead_letters.kill = f"{end} the dead letters"
        try:
            response = handler.main(sqs_event(*(message.record for message in batch)), Context())
        except KilledError:
            self._store.close()
            return
        finally:
            self.dead_letters.kill = ""
        if end == "lost answer":
            return
        kept = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        self.queue = [message for message in self.queue if message not in batch or message.record["messageId"] in kept]

    @precondition(lambda self: self.queue)
    @rule()
    def sqs_gives_up(self) -> None:
        for message in [message for message in self.queue if message.receives >= MAX_RECEIVES]:
            self.queue.remove(message)
            self.dead_letters.taken.append(message.record)  # as it is: same id, same first time of receipt

    @precondition(lambda self: self.dead_letters.taken)
    @rule(data=st.data())
    def send_back(self, data: st.DataObject) -> None:
        dead_letter = data.draw(st.sampled_from(self.dead_letters.taken))
        again = record(dead_letter["body"])
        message_id, received_ms = origin(dead_letter)
        again["messageAttributes"] = {
            "messageId": {"dataType": "String", "stringValue": message_id},
            "receivedAt": {"dataType": "Number", "stringValue": str(received_ms)},
        }
        self.queue.append(Message(again))  # sent before it is deleted
        self.dead_letters.taken.remove(dead_letter)

    # What breaks

    @rule(outage=st.booleans())
    def database(self, outage: bool) -> None:
        self.outage = outage
        self._ask("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'batidaPonto'")

    @rule(broken=st.booleans())
    def dead_letter_queue(self, broken: bool) -> None:
        self.dead_letters.broken = broken

    # What always holds

    @invariant()
    def nothing_is_lost_and_nothing_is_stored_twice(self) -> None:
        rows = rows_of(self._look, range(1, 3))
        waiting = {origin(message.record).message_id for message in self.queue}
        ended = {key: sent for key, sent in self.accepted.items() if key not in waiting}

        found = judge(
            ended, rows, [DeadLetter(origin(each).message_id, "", each["body"]) for each in self.dead_letters.taken]
        )

        assert {row.key for row in rows} <= self.accepted.keys()
        assert not self.accepted.keys() & found.stored_twice, "a message is two rows"  # two ids are two punches
        assert not found.lost

    @invariant()
    def only_what_can_never_be_stored_is_dead_lettered(self) -> None:
        for dead_letter in self.dead_letters.taken:
            reason = dead_letter["messageAttributes"].get("reason")
            if reason and reason["stringValue"] == Reason.CONFLICT:
                assert "id" in json.loads(dead_letter["body"])
            elif reason:
                assert dead_letter["body"] in POISON


def test_whatever_happens_the_ledger_balances(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_state_machine_as_test(
        cast(type[RuleBasedStateMachine], lambda: Ledger(migrated_url, monkeypatch)),
        settings=settings(
            max_examples=250,
            stateful_step_count=40,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
