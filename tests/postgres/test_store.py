"""`Store` with a real PostgreSQL: rows, outcomes, concurrent sessions, failures and deadlines."""

import json
import math
import random
import re
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from unittest.mock import Mock

import psycopg2
import psycopg2.extensions
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponto.drain.parser import parse
from ponto.drain.store import Entry, Outcome, QueryFailedError, Status, Store
from ponto.punch import EVENT, Punch
from ponto.shared.connection import NoTimeLeftError, Parameters, Session, Timeouts
from tests.database import Database
from tests.events import RECEIVED_MS
from tests.fakes import InMemoryStore
from tests.postgres.storing import DUPLICATE, QUICK, REDELIVERED, STORED, add_punch, entry, statuses
from tests.waiting import wait_for
from tools.kit import event
from tools.kit.event import OPTIONAL_FIELDS, VALID, body

SESSION = "from pg_stat_activity where datname = current_database() and application_name = 'ponto drain'"


def punches(database: Database) -> list[tuple[str, int, datetime]]:
    return database.execute(f"select id, {EVENT.subject}, {EVENT.instant} from batida order by id")


def entry_from_body(body: Mapping[str, Any], punch_id: str | None = None) -> Entry:
    """Return an entry with the punch of a body, by default with a new id."""
    punch = parse(json.dumps(body), UTC)._replace(id=punch_id or str(uuid.uuid4()))
    return Entry(punch, str(uuid.uuid4()), RECEIVED_MS)


def session_pid(database: Database) -> int | None:
    """Return the process id of the store's session, or None."""
    return next((pid for (pid,) in database.execute(f"select pid {SESSION}")), None)


# Rows


def test_a_batch_of_new_punches_is_one_statement_on_one_connection(database: Database) -> None:
    session: Any = Mock(wraps=Session(lambda: database.drain, Timeouts()))
    store = Store(dict, create_session=lambda *_: session)
    pids = set()
    for _ in range(3):
        assert store.save([entry() for _ in range(100)]) == [STORED] * 100
        pids.add(session_pid(database))
    store.close()

    assert len(pids) == 1
    assert session.execute.call_count == 3


def test_time_of_writing_differs_between_rows_of_a_statement(store: Store, database: Database) -> None:
    store.save([entry() for _ in range(100)])

    assert database.execute("select count(distinct gravada_em) > 1 from batida") == [(True,)]


# Repeated ids


def test_same_punch_in_another_zone_or_with_more_fields_is_a_duplicate(store: Store, database: Database) -> None:
    same = body(1, "2026-10-01T08:00:00-03:00"), body(1, "2026-10-01T11:00Z")
    for sent, repetition in (same, *((valid, valid | OPTIONAL_FIELDS) for valid in VALID)):
        first = entry_from_body(sent)
        store.save([first])

        repeated = entry_from_body(repetition, first.punch.id)._replace(api_key_id="another")
        assert store.save([entry(), repeated]) == [STORED, DUPLICATE]
        columns = ", ".join((*Punch._fields, "chave"))
        assert database.execute(f"select {columns} from batida where id = %s", first.punch.id) == [(*first.punch, None)]


def test_redelivered_message_differs_from_a_duplicate_punch_and_a_new_copy(store: Store) -> None:
    def repeat(original: Entry) -> list[Entry]:
        return [original, original._replace(message_id="another"), original._replace(is_new_copy=True)]

    first, other = entry(), entry()
    store.save([first])

    repeated = [Status.REDELIVERED, Status.DUPLICATE, Status.DUPLICATE]
    assert statuses(store.save([*repeat(first), other, *repeat(other)])) == [*repeated, Status.STORED, *repeated]


def test_different_punch_with_an_existing_id_is_a_conflict(store: Store) -> None:
    first, other = map(entry_from_body, EVENT.conflicting)
    later = getattr(first.punch, EVENT.instant) + timedelta(microseconds=1)
    store.save([first])

    for punch in (other.punch._replace(id=first.punch.id), first.punch._replace(**{EVENT.instant: later})):
        [outcome] = store.save([Entry(punch, "another", RECEIVED_MS)])

        differing = " and ".join(name for name in EVENT.same if getattr(punch, name) != getattr(first.punch, name))
        assert outcome == Outcome(Status.CONFLICT, f"id {first.punch.id} belongs to a punch with another {differing}")


_CONTESTED = [entry(employee, id=str(uuid.UUID(int=number))) for number in (1, 2) for employee in (1, 2)]
_ENTRIES = st.builds(
    lambda contested, message_id, is_new_copy: contested._replace(message_id=message_id, is_new_copy=is_new_copy),
    st.sampled_from(_CONTESTED),
    st.sampled_from("ABC"),
    st.booleans(),
)


@given(st.lists(st.lists(_ENTRIES, max_size=8), max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_outcomes_are_those_of_the_in_memory_store(
    store: Store, database: Database, batches: list[list[Entry]]
) -> None:
    database.execute("set session_replication_role = replica; truncate batida")  # without the trigger that refuses it
    in_memory = InMemoryStore([])

    for batch in batches:
        assert store.save(batch) == in_memory.save(batch)

    expected = [
        (stored.punch.id, EVENT.subject_id(stored.punch), stored.message_id) for stored in in_memory.rows.values()
    ]
    assert sorted(expected) == database.execute(f"select id, {EVENT.subject}, mensagem_id from batida order by id")


def test_a_repeat_of_a_refused_punch_is_stored(store: Store, database: Database) -> None:
    refused = entry(1)._replace(api_key_id="\x00")
    good = entry(1, id=refused.punch.id)

    outcomes = store.save([refused, refused, good, good])

    assert statuses(outcomes) == [Status.REFUSED, Status.REFUSED, Status.STORED, Status.REDELIVERED]
    assert len(punches(database)) == 1


# Other sessions


@pytest.mark.parametrize(
    ("other_employee", "end", "status"),
    [(1, "commit", Status.DUPLICATE), (2, "commit", Status.CONFLICT), (1, "rollback", Status.STORED)],
)
def test_outcome_of_a_contested_id_depends_on_the_other_session(
    database: Database, other_employee: int, end: str, status: Status
) -> None:
    contested = entry(1)
    patient_store = Store(lambda: database.drain, Timeouts(statement_ms=120_000, lock_ms=60_000))
    with ThreadPoolExecutor() as threads, closing(patient_store), closing(database.connect()) as other_session:
        add_punch(other_session, other_employee, id=contested.punch.id)
        outcomes = threads.submit(patient_store.save, [entry(), contested, entry()])
        wait_for(
            lambda: database.execute(f"select pid {SESSION} and wait_event_type = 'Lock'"), "the store to wait for it"
        )
        getattr(other_session, end)()
        assert statuses(outcomes.result()) == [Status.STORED, status, Status.STORED]

    stored_employee = other_employee if end == "commit" else 1
    assert [row[1] for row in punches(database) if row[0] == contested.punch.id] == [event.subject(stored_employee)]


@pytest.mark.parametrize("condition", ["false", "pg_terminate_backend(pg_backend_pid())"], ids=["none", "no answer"])
def test_existing_id_whose_row_is_not_visible_fails(store: Store, database: Database, condition: str) -> None:
    class SessionWithHiddenRow(Session):
        def execute(self, statement: str, *more: Any) -> list[tuple[Any, ...]]:
            return super().execute(statement.replace("where id = any", f"where {condition} and id = any"), *more)

    existing = entry()
    store.save([existing])
    with closing(Store(lambda: database.drain, QUICK, SessionWithHiddenRow)) as store_with_hidden_row:
        assert statuses(store_with_hidden_row.save([existing, entry()])) == [Status.FAILED, Status.STORED]

    assert statuses(store.save([existing, entry()])) == [Status.REDELIVERED, Status.STORED]


def test_concurrent_workers_store_the_same_ids_once_without_deadlock(database: Database) -> None:
    entries = [entry(number) for number in range(1, 301)]

    def work(seed: int) -> list[Outcome]:
        shuffled = random.Random(seed).sample(entries, len(entries))  # noqa: S311
        with closing(Store(lambda: database.drain)) as store:
            return [outcome for at in range(0, 300, 50) for outcome in store.save(shuffled[at : at + 50])]

    with ThreadPoolExecutor(5) as threads:
        outcomes = [outcome for result in threads.map(work, range(5)) for outcome in result]

    assert outcomes.count(STORED) == 300
    assert outcomes.count(REDELIVERED) == 1200
    assert len(punches(database)) == 300


@pytest.mark.parametrize(
    ("timeouts", "detail"),
    [
        (QUICK, "LockNotAvailable (SQLSTATE 55P03): canceling statement due to lock timeout"),
        (
            QUICK._replace(statement_ms=200, lock_ms=20_000),
            "QueryCanceled (SQLSTATE 57014): canceling statement due to statement timeout",
        ),
    ],
)
def test_locked_table_fails_the_batch_and_the_next_try_stores_it(
    database: Database, timeouts: Timeouts, detail: str
) -> None:
    entries = [entry(), entry()]
    with closing(Store(lambda: database.drain, timeouts)) as store:
        database.execute("begin; lock table batida in access exclusive mode")
        started_at = time.monotonic()

        assert store.save(entries) == [Outcome(Status.FAILED, detail)] * 2

        assert time.monotonic() - started_at < 1.5
        database.execute("rollback")
        assert store.save(entries) == [STORED, STORED]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("P0001", Outcome(Status.FAILED, "RaiseException (SQLSTATE P0001)")),
        ("23514", Outcome(Status.FAILED, "CheckViolation (SQLSTATE 23514)")),
        ("22023", Outcome(Status.REFUSED, "SQLSTATE 22023")),
    ],
)
def test_text_of_a_trigger_that_users_added_is_not_logged(
    store: Store, database: Database, code: str, outcome: Outcome
) -> None:
    database.execute(
        f"create function public.more() returns trigger language plpgsql as"
        f" $$ begin raise '%', new using errcode = '{code}'; end $$;"
        "create trigger more before insert on batida for each row execute function public.more()"
    )

    assert store.save([entry()]) == [outcome]


# Connections


FAULTS: list[dict[str, str]] = [
    {"host": "127.0.0.1", "port": "1"},
    {"port": "hunter"},
    {"dbname": "nowhere"},
    {"sslmode": "no"},
    {"nothing": "1"},
]


@pytest.mark.parametrize("password", ["hunter2", "hunter2' \\ = host", "hunter2\nhost=x", "hunter2 é", "hunter2%s"])
def test_no_password_appears_when_a_connection_fails(database: Database, password: str) -> None:
    for fault in FAULTS:
        parameters = {**database.drain, "password": password, **fault}

        [outcome] = Store(lambda parameters=parameters: parameters, QUICK).save([entry()])  # type: ignore[misc]

        assert outcome.status is Status.FAILED
        assert "hunter2" not in outcome.detail
        assert outcome.detail.isascii()
        assert outcome.detail.isprintable()


def test_first_failure_of_a_message_is_stored_until_its_retention_ends(store: Store, database: Database) -> None:
    soon = time.monotonic() + 60
    assert store.record_failures(["a", "b"], soon) == {}
    database.execute("update falha set desde = desde - interval '31 minutes' where mensagem_id = 'a'")
    database.execute("insert into falha values ('old', now() - interval '15 days')")

    failing_seconds = store.record_failures(["a", "b", "c", "c"], soon)

    assert failing_seconds.keys() == {"a", "b"}
    assert 31 * 60 <= failing_seconds["a"] < 32 * 60
    assert 0 < failing_seconds["b"] < 60
    assert database.execute("select mensagem_id from falha order by 1") == [("a",), ("b",), ("c",)]
    database.execute(f"select pg_terminate_backend(pid, 5000) {SESSION}")
    assert store.record_failures(["c"], soon).keys() == {"c"}  # on a new connection


def test_failing_messages_cannot_be_recorded_without_the_table_or_time(database: Database) -> None:
    store = Store(lambda: database.drain | {"dbname": "postgres"}, QUICK)
    with pytest.raises(QueryFailedError, match=r"^UndefinedTable \(SQLSTATE 42P01\): "):
        store.record_failures(["a"], time.monotonic() + 60)
    with pytest.raises(QueryFailedError, match="no time left"):
        store.record_failures(["a"], time.monotonic() - 1)


# Punches that fail


WIDE = """
create function wide(text) returns text immutable language sql
as $$ select string_agg(md5(i || $1), '') from generate_series(1, 400) i $$;
create index on batida (wide(chave))
"""


@pytest.mark.parametrize(
    ("poison", "status", "detail"),
    [
        (entry()._replace(api_key_id="secret\x00"), Status.REFUSED, "SQLSTATE 22P05: unsupported Unicode escape"),
        (entry()._replace(api_key_id="secret\ud800"), Status.REFUSED, "SQLSTATE 22P02: invalid input syntax"),
        (entry(id='secret"\n"'), Status.REFUSED, "SQLSTATE 22P02: invalid input syntax for type uuid: ..."),
        *(
            (entry(**{column: 2**63}), Status.REFUSED, "SQLSTATE 22003: value ... is out of range for type bigint")
            for column, field in EVENT.fields.items()
            if field.kind.type == "integer"
        ),
        *(
            (entry(**{column: float("nan")}), Status.REFUSED, "SQLSTATE 22P02: invalid input syntax for type json")
            for column, field in EVENT.fields.items()
            if field.kind.type == "number"
        ),
        # Errors that another schema causes delay the punch.
        (entry(**{EVENT.subject: None}), Status.FAILED, "NotNullViolation (SQLSTATE 23502): null value in column"),
        (entry()._replace(api_key_id="wide"), Status.FAILED, "ProgramLimitExceeded (SQLSTATE 54000): index row"),
    ],
)
def test_punch_that_postgresql_refuses_does_not_affect_its_batch(
    store: Store, database: Database, poison: Entry, status: Status, detail: str
) -> None:
    if poison.api_key_id == "wide":
        database.execute(WIDE)
    store.save([entry()])
    session = session_pid(database)
    entries = [entry() for _ in range(9)]
    entries.insert(6, poison)

    outcomes = store.save(entries)

    assert statuses(outcomes) == [Status.STORED] * 6 + [status] + [Status.STORED] * 3
    assert outcomes[6].detail.startswith(detail)
    assert "secret" not in outcomes[6].detail
    assert len(outcomes[6].detail) <= 200
    assert len(punches(database)) == 10
    assert session_pid(database) == session  # the same connection is still used


class Unwritable(Entry):
    @property
    def values(self) -> NoReturn:
        raise KeyError("personal data")


class Incomparable(Punch):
    def __getattribute__(self, name: str) -> Any:
        if name == EVENT.subject:
            raise KeyError("personal data")
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    "break_entry",
    [lambda good: Unwritable(*good), lambda good: good._replace(punch=Incomparable(*good.punch))],
    ids=["values", "comparison key"],
)
def test_punch_with_an_unexpected_error_does_not_affect_its_batch(
    store: Store, break_entry: Callable[[Entry], Entry]
) -> None:
    entries = [entry(number) for number in range(1, 11)]
    store.save(entries[:8])
    broken = break_entry(entries.pop(2))

    broken_outcome, *outcomes, repeated = store.save([broken, *entries, broken])

    assert {broken_outcome.status, repeated.status} == {Status.UNEXPECTED}
    assert re.fullmatch(r"KeyError at test_store\.py:\d+", broken_outcome.detail)
    assert {outcome.status for outcome in outcomes[:7]} == {Status.REDELIVERED}
    assert {outcome.status for outcome in outcomes[7:]} <= {Status.STORED, Status.REDELIVERED}


@pytest.mark.parametrize("error", [psycopg2.OperationalError("gone"), NoTimeLeftError("no time left")])
def test_after_a_database_failure_no_other_part_of_the_batch_is_tried(database: Database, error: Exception) -> None:
    tried = 0

    class FailsAfterTheThird(Session):
        def execute(self, *arguments: Any) -> list[tuple[Any, ...]]:
            nonlocal tried
            tried += 1
            if tried > 3:
                raise error
            return super().execute(*arguments)

    entries = [entry() for _ in range(8)]
    entries[3] = entry()._replace(api_key_id="\x00")
    with closing(Store(lambda: database.drain, QUICK, FailsAfterTheThird)) as store:
        outcomes = store.save(entries)

    assert statuses(outcomes) == [Status.STORED] * 2 + [Status.FAILED] * 6
    assert str(error) in outcomes[7].detail
    assert len(punches(database)) == 2
    assert tried == 4


def test_commits_are_synchronous_despite_the_roles_default(database: Database) -> None:
    database.execute("alter role ponto_drain set synchronous_commit = off")
    try:
        with closing(Session(lambda: database.drain, QUICK)) as session:
            assert session.execute("show synchronous_commit", {}, math.inf) == [("on",)]
    finally:
        database.execute("alter role ponto_drain reset synchronous_commit")


# Time


def test_no_statement_is_started_after_the_deadline(store: Store, database: Database) -> None:
    assert store.save([entry()], deadline=time.monotonic()) == [Outcome(Status.FAILED, "no time left")]
    assert store.save([entry()], deadline=time.monotonic() + 60) == [STORED]
    assert len(punches(database)) == 1


def test_detail_is_one_line_of_at_most_200_printable_characters() -> None:
    def refuse() -> Parameters:
        raise ValueError("~ é" * 100 + "\nanother line")

    [outcome] = Store(refuse).save([entry()])

    assert outcome.detail == f"cannot connect to the database: ValueError: {'~ ?' * 100}"[:200]


def test_idle_timeout_of_a_kept_connection_causes_no_failure(database: Database) -> None:
    store = Store(lambda: database.drain, Timeouts(idle_ms=50))
    store.save([entry()])
    wait_for(lambda: session_pid(database) is None, "the session to be gone")

    assert store.save([entry()]) == [STORED]
