"""Batches processed by `handler` with a real PostgreSQL and a dead-letter queue: no punch is lost or stored twice."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

import pytest

from ponto.drain.parser import Reason, parse
from ponto.punch import EVENT
from tests.database import Database, cloned, migrations
from tests.events import RECEIVED_MS, DeadLetterQueue, punch, record
from tests.functions import Functions
from tests.postgres.storing import TEXTS, add_punch
from tests.strategies import FIELDS, TEXT_FIELDS, fill_text_fields
from tests.waiting import wait_for
from tools.kit.event import INVALID, OPTIONAL_FIELDS, VALID, subject
from tools.local import temporary

EIGHT = datetime(2026, 10, 1, 11, tzinfo=UTC)
WAITING = "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
A, B, C, D = (f"0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1{end}" for end in "bcde")


def derive_punch_id(employee_id: int) -> str:
    """Return the derived id of an employee's punch."""
    return parse(punch(employee_id), UTC).id


class Stage:
    """The project's functions with a database and a dead-letter queue."""

    def __init__(self, database: Database, queue: DeadLetterQueue) -> None:
        self.queue = queue
        self.execute = database.execute
        self.add = partial(add_punch, database.session)
        self.functions = Functions(database.url, database.owner["user"])
        self.functions.environment["DLQ_URL"] = queue.url
        self.deliver = self.functions.deliver

    def rows(self) -> dict[str, tuple[int, datetime, str]]:
        rows = self.execute(f"select id, {EVENT.subject}, {EVENT.instant}, mensagem_id from batida")
        return {row[0]: row[1:] for row in rows}


@pytest.fixture
def stage(database: Database, queue: DeadLetterQueue) -> Stage:
    # A division by zero represents errors of class 22. No valid punch is known to cause such an error.
    database.execute("alter table batida add check (1 / (mensagem_id <> 'refused')::int = 1)")
    return Stage(database, queue)


# A batch


def test_mixed_batch_stores_valid_punches_and_dead_letters_the_others(stage: Stage) -> None:
    assert stage.deliver(record(punch(7, id=B), "earlier")) == []
    full = fill_text_fields("Relógio 日 \U0001f600")
    same_id = {} if EVENT.derived_id else {"id": C}
    bodies = {
        "local time": punch(1, "2026-10-01T08:00:00", **same_id),
        "same in UTC": punch(1, "2026-10-01T11:00Z", **same_id),
        "full": punch(2, id=A, **full),
        "same, id in capitals": punch(2, id=A.upper(), **full | OPTIONAL_FIELDS),
        "conflict within": punch(3, id=A, **full | OPTIONAL_FIELDS),
        "conflict with older": punch(8, "2026-10-01T08:01Z", id=B),
        "refused": punch(4),
        **{detail: json.dumps(body) for body, detail in INVALID},
        "NaN": '{"id": NaN}',
        "last": punch(5, id=D),
    }
    assert stage.deliver(*(record(body, message_id) for message_id, body in bodies.items())) == []

    assert stage.rows() == {
        B: (subject(7), EIGHT, "earlier"),
        same_id.get("id") or derive_punch_id(1): (subject(1), EIGHT, "local time"),
        A: (subject(2), EIGHT, "full"),
        D: (subject(5), EIGHT, "last"),
    }
    both = " and ".join(column for column in EVENT.same if column in (EVENT.subject, EVENT.instant))
    dead_letters = stage.queue.dead_letters()
    assert len(dead_letters) == 4 + len(INVALID)
    assert all(letter.body == bodies[letter.message_id] for letter in dead_letters)
    assert {letter.message_id: (letter.reason, letter.attributes["detail"][1]) for letter in dead_letters} == {
        "conflict within": ("conflict", f"id {A} belongs to a punch with another {EVENT.subject}"),
        "conflict with older": ("conflict", f"id {B} belongs to a punch with another {both}"),
        "refused": ("refused", "SQLSTATE 22012: division by zero"),
        **{detail: ("invalid", detail) for _, detail in INVALID},
        "NaN": ("malformed", "body: contains NaN, Infinity, or a number with too many digits"),
    }


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_redrive_beside_an_insert_of_its_punch_ends_as_one_row(stage: Stage, database: Database, end: str) -> None:
    redriven = record(punch(1, id=A), "copy")
    redriven["messageAttributes"] = {
        "messageId": {"stringValue": "original", "dataType": "String"},
        "receivedAt": {"stringValue": str(RECEIVED_MS), "dataType": "Number"},
    }
    with ThreadPoolExecutor() as threads, closing(database.connect()) as insert:
        add_punch(insert, id=A, mensagem_id="original")
        failed = threads.submit(stage.deliver, redriven)
        try:
            wait_for(lambda: database.execute(WAITING) == [(1,)], "the redriven message to wait for the insert")
        finally:
            getattr(insert, end)()
        assert failed.result() == []

    assert stage.rows() == {A: (subject(1), EIGHT, "original")}
    assert stage.queue.dead_letters() == []


@pytest.mark.parametrize("other", [1] if EVENT.derived_id else [])
def test_derived_id_of_another_clients_punch_is_refused(stage: Stage, other: int) -> None:
    derived_id = derive_punch_id(other)
    assert stage.deliver(record(punch(2, id=derived_id), "taker"), record(punch(other), "other")) == []

    assert stage.rows() == {derived_id: (subject(other), EIGHT, "other")}
    assert [(dead_letter.message_id, dead_letter.reason) for dead_letter in stage.queue.dead_letters()] == [
        ("taker", Reason.INVALID)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "'); drop table batida; --",
        "%s %(entries)s %%",
        "\"}]'::jsonb); drop table batida; --",
    ],
)
def test_sql_in_a_text_is_not_executed(stage: Stage, text: str) -> None:
    refused = [
        *(record(json.dumps(VALID[0] | {name: text}), name) for name in FIELDS.keys() - set(TEXT_FIELDS)),
        record(json.dumps(VALID[0] | {text: 1}), "a name"),
        record(f'{punch(1)[:-1]}, "{EVENT.fields[EVENT.subject].name}": {text}}}', "not quoted"),
    ]
    stored = record(punch(2, **fill_text_fields(text)), f"message {text}")
    assert stage.deliver(*refused, stored) == []
    columns = ", ".join((EVENT.subject, "mensagem_id", *TEXTS))
    assert stage.execute(f"select {columns} from batida") == [(subject(2), f"message {text}", *[text] * len(TEXTS))]
    assert {dead_letter.message_id: dead_letter.body for dead_letter in stage.queue.dead_letters()} == {
        message["messageId"]: message["body"] for message in refused
    }


# The schema


@pytest.fixture
def unused() -> Iterator[Database]:
    """Yield an empty database of a server without roles of this project."""
    with (
        temporary.unsafe_server() as server,
        cloned(server.url, "template0") as url,
        closing(Database(url)) as database,
    ):
        yield database


def test_schema_function_prepares_an_empty_database_for_a_waiting_batch(
    unused: Database, queue: DeadLetterQueue
) -> None:
    stage, batch = Stage(unused, queue), [record(punch(1), "good"), record("{", "malformed")]
    assert stage.deliver(*batch) == ["good"]

    first = stage.functions.call("schema", {"action": "migrate"})
    assert json.loads(json.dumps(first)) == {"applied": migrations(), "notices": first["notices"]}
    for event in ({"action": "migrate"}, {}):  # the latter is an event of the previous release
        assert stage.functions.call("schema", event) == {"applied": [], "notices": []}

    assert stage.deliver(batch[0]) == []
    assert stage.rows() == {derive_punch_id(1): (subject(1), EIGHT, "good")}
    assert [dead_letter.message_id for dead_letter in queue.dead_letters()] == ["malformed"]
