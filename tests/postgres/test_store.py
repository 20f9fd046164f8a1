"""`Store` with a real PostgreSQL: rows, outcomes, concurrent sessions, failures and deadlines."""

import json
import math
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from types import SimpleNamespace
from typing import Any, NoReturn

import psycopg2
import psycopg2.extensions
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812  a class

from ponto.connection import Parameters, Session, Timeouts
from ponto.parser import parse
from ponto.punch import EVENT, Punch
from ponto.store import Entry, Outcome, QueryFailedError, Status, Store
from tests.database import Database
from tests.events import RECEIVED_MS
from tests.fakes import InMemoryStore
from tests.postgres.storing import DUPLICATE, EIGHT, QUICK, REDELIVERED, STORED, TEXTS, add_punch, entry, statuses
from tests.waiting import wait_for
from tools.kit.event import CONFLICTING, OPTIONAL_FIELDS, VALID, body

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


def wait_for_the_store_to_wait(database: Database) -> None:
    wait_for(
        lambda: database.execute(f"select pid {SESSION} and wait_event_type = 'Lock'"), "the store to wait for a lock"
    )


def end_session(database: Database) -> None:
    pid = session_pid(database)
    assert database.execute("select pg_terminate_backend(%s)", pid) == [(True,)]
    wait_for(lambda: session_pid(database) != pid, "the session to be gone")


@pytest.fixture
def patient_store(database: Database) -> Iterator[Store]:
    """Yield a store with long timeouts, so that a test on a busy machine can release a lock in time."""
    with closing(Store(lambda: database.drain, Timeouts(statement_ms=120_000, lock_ms=60_000))) as store:
        yield store


@pytest.fixture
def other_session(database: Database) -> Iterator[Connection]:
    """Yield another connection, whose statements run in a transaction."""
    with closing(database.connect()) as connection:
        yield connection


@pytest.fixture
def statements(patient_store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each statement that `patient_store` sends is appended."""
    sent: list[str] = []
    run = patient_store._session._run

    def run_and_record(connection: Connection, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        sent.append(statement)
        return run(connection, statement, values)

    monkeypatch.setattr(patient_store._session, "_run", run_and_record)
    return sent


# Rows


def test_every_column_has_the_value_of_the_punch(store: Store, database: Database) -> None:
    full = entry_from_body(VALID[-1])._replace(api_key_id="k4r2p0x9ab")
    before = datetime.now(UTC)

    assert store.save([full]) == [STORED]

    columns = ", ".join([*Punch._fields, "mensagem_id", "chave", "recebida_em", "gravada_em"])
    [row] = database.execute(f"select {columns} from batida")
    assert row[:-4] == full.punch
    assert row[-4:-2] == (full.message_id, "k4r2p0x9ab")
    assert row[-2] == datetime(2026, 10, 1, 11, 0, 1, 234_000, tzinfo=UTC)
    assert before <= row[-1] <= datetime.now(UTC)


@given(st.integers(0, 4_102_444_800_000))  # to the year 2100
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_time_of_receipt_is_kept_to_the_millisecond(store: Store, database: Database, ms: int) -> None:
    only = entry()._replace(received_ms=ms)

    assert store.save([only]) == [STORED]

    [(received,)] = database.execute("select recebida_em from batida where id = %s", only.punch.id)
    assert received == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def test_a_batch_of_new_punches_is_one_statement_on_one_connection(
    patient_store: Store, database: Database, statements: list[str]
) -> None:
    sessions = set()
    for _ in range(3):
        assert patient_store.save([entry() for _ in range(100)]) == [STORED] * 100
        sessions.add(session_pid(database))

    assert len(sessions) == 1
    assert len(statements) == 3
    assert all("insert into ponto.batida" in statement for statement in statements)


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


def test_redelivered_message_differs_from_a_duplicate_punch(store: Store) -> None:
    first, other = entry(), entry()
    another = first._replace(message_id="another")
    store.save([first])

    assert statuses(store.save([first, another, other, other, other._replace(message_id="another")])) == [
        *(Status.REDELIVERED, Status.DUPLICATE),
        *(Status.STORED, Status.REDELIVERED, Status.DUPLICATE),
    ]


def test_new_copy_of_a_message_is_a_duplicate(store: Store) -> None:
    first, other = entry(), entry()
    copies = [original._replace(is_new_copy=True) for original in (first, other)]
    store.save([first])

    assert store.save([copies[0], other, copies[1]]) == [DUPLICATE, STORED, DUPLICATE]


@pytest.mark.parametrize(("stored_body", "new_body", "difference"), CONFLICTING)
def test_different_punch_with_an_existing_id_is_a_conflict(
    store: Store, database: Database, stored_body: dict[str, Any], new_body: dict[str, Any], difference: str
) -> None:
    first = entry_from_body(stored_body)
    store.save([first])
    before = punches(database)

    [outcome] = store.save([entry_from_body(new_body, first.punch.id)])

    assert outcome == Outcome(Status.CONFLICT, f"id {first.punch.id} belongs to a punch with another {difference}")
    assert punches(database) == before


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
    database.execute(
        "set session_replication_role = replica; truncate batida"
    )  # disable the trigger that refuses truncate
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
    ("other_employee", "commit", "status"),
    [(1, True, Status.DUPLICATE), (2, True, Status.CONFLICT), (1, False, Status.STORED)],
    ids=["the same, committed", "another, committed", "rolled back"],
)
def test_outcome_of_a_contested_id_depends_on_the_other_session(
    patient_store: Store,
    database: Database,
    other_session: Connection,
    other_employee: int,
    commit: bool,
    status: Status,
) -> None:
    contested = entry(1)
    add_punch(other_session, other_employee, id=contested.punch.id)
    with ThreadPoolExecutor() as threads:
        outcomes_future = threads.submit(patient_store.save, [entry(), contested, entry()])
        wait_for_the_store_to_wait(database)
        if commit:
            other_session.commit()
        else:
            other_session.rollback()
        outcomes = outcomes_future.result()

    assert statuses(outcomes) == [Status.STORED, status, Status.STORED]
    assert [row[1] for row in punches(database) if row[0] == contested.punch.id] == [other_employee if commit else 1]


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


def test_concurrent_workers_store_the_same_ids_once_without_deadlock(
    database: Database,
) -> None:
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


LOCK = "begin; lock table batida in access exclusive mode"


def test_locked_table_fails_the_batch_and_the_next_try_stores_it(store: Store, database: Database) -> None:
    entries = [entry(), entry()]
    database.execute(LOCK)
    started_at = time.monotonic()

    detail = "LockNotAvailable (SQLSTATE 55P03): canceling statement due to lock timeout"
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


def test_no_password_appears_when_a_connection_fails(database: Database) -> None:
    passwords = ("hunter2", "hunter2' \\ = host", "hunter2\nhost=x", "hunter2 é", "hunter2%s")
    faults: list[dict[str, str]] = [
        {"host": "127.0.0.1", "port": "1"},
        {"port": "hunter"},
        {"dbname": "nowhere"},
        {"sslmode": "no"},
        {"nothing": "1"},
    ]
    for password, fault in product(passwords, faults):
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
    end_session(database)
    assert store.record_failures(["c"], soon).keys() == {"c"}  # on a new connection


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "/nowhere"}, "OperationalError: "),
        ({"dbname": "postgres"}, "UndefinedTable (SQLSTATE 42P01): "),
    ],
)
def test_failing_messages_cannot_be_recorded_without_the_database(
    database: Database, changes: dict[str, str], message: str
) -> None:
    store = Store(lambda: database.drain | changes, QUICK)
    with pytest.raises(QueryFailedError) as caught:
        store.record_failures(["a"], time.monotonic() + 60)
    assert str(caught.value).startswith(message)
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
        (
            entry()._replace(api_key_id="secret\x00"),
            Status.REFUSED,
            "SQLSTATE 22P05: unsupported Unicode escape sequence",
        ),
        (
            entry()._replace(api_key_id="secret\ud800"),
            Status.REFUSED,
            "SQLSTATE 22P02: invalid input syntax for type json",
        ),
        *(
            (entry(**{column: f"secret{character}"}), Status.REFUSED, detail)
            for column in TEXTS
            for character, detail in (
                ("\x00", "SQLSTATE 22P05: unsupported Unicode escape sequence"),
                ("\ud800", "SQLSTATE 22P02: invalid input syntax for type json"),
            )
        ),
        (entry(id='secret"\n"'), Status.REFUSED, "SQLSTATE 22P02: invalid input syntax for type uuid: ..."),
        (entry(**{EVENT.subject: 2**63}), Status.REFUSED, "SQLSTATE 22003: value ... is out of range for type bigint"),
        *(
            (entry(**{column: float("nan")}), Status.REFUSED, "SQLSTATE 22P02: invalid input syntax for type json")
            for column, field in EVENT.fields.items()
            if field.kind.type == "number"
        ),
        (
            entry(**{EVENT.instant: EIGHT.replace(tzinfo=timezone(timedelta(hours=20)))}),
            Status.REFUSED,
            "SQLSTATE 22009: time zone displacement out of range: ...",
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


def break_column(good: Entry) -> Entry:
    def refuse(_punch: Punch) -> NoReturn:
        raise KeyError("personal data")

    incomparable = type("Incomparable", (Punch,), {EVENT.subject: property(refuse)})
    return good._replace(punch=incomparable(*good.punch))


@pytest.mark.parametrize(
    "break_entry",
    [lambda good: Unwritable(*good), break_column],
    ids=["values", "comparison key"],
)
def test_punch_with_an_unexpected_error_does_not_affect_its_batch(
    store: Store, break_entry: Callable[[Entry], Entry]
) -> None:
    entries = [entry(number) for number in range(1, 11)]
    store.save(entries[:8])
    entries[2] = break_entry(entries[2])

    outcomes = store.save([*entries, entries[2], entries[3]])

    assert {outcomes[2].status, outcomes[10].status} == {Status.UNEXPECTED}
    assert re.fullmatch(r"KeyError at test_store\.py:\d+", outcomes[2].detail)
    others = {outcomes[index].status for index in range(8) if index != 2}
    assert others == {Status.REDELIVERED}
    assert {outcomes[8].status, outcomes[9].status} <= {Status.STORED, Status.REDELIVERED}
    assert outcomes[11].status is Status.REDELIVERED


def test_after_a_database_failure_no_other_part_of_the_batch_is_tried(
    database: Database,
) -> None:
    tried = 0

    class FailsAfterTheFirst(Session):
        def execute(self, *arguments: Any) -> list[tuple[Any, ...]]:
            nonlocal tried
            tried += 1
            if tried > 1:
                raise psycopg2.OperationalError("gone")
            return super().execute(*arguments)

    with closing(Store(lambda: database.drain, QUICK, FailsAfterTheFirst)) as store:
        outcomes = store.save([entry(), entry()._replace(api_key_id="\x00"), entry(), entry()])

    assert outcomes == [Outcome(Status.FAILED, "OperationalError: gone")] * 4
    assert tried == 2


@pytest.mark.parametrize("level", ["database", "role"])
def test_commits_are_synchronous_despite_the_servers_default(database: Database, level: str) -> None:
    name = database.owner["dbname"] if level == "database" else "ponto_drain"
    database.execute(f"alter {level} {name} set synchronous_commit = off")
    try:
        store = Store(lambda: database.drain, QUICK)
        store.save([entry()])
        assert store._session.execute("show synchronous_commit", {}, math.inf) == [("on",)]
        store.close()
    finally:
        database.execute(f"alter {level} {name} reset synchronous_commit")


# Time


def test_no_statement_is_started_after_the_deadline(store: Store, database: Database) -> None:
    assert store.save([entry()], deadline=time.monotonic()) == [Outcome(Status.FAILED, "no time left")]
    assert store.save([entry()], deadline=time.monotonic() + 60) == [STORED]
    assert len(punches(database)) == 1


def test_deadline_during_a_batch_fails_only_the_remaining_entries(
    patient_store: Store, database: Database, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [*(entry() for _ in range(4)), entry()._replace(api_key_id="\x00")]
    clock = SimpleNamespace(monotonic=lambda: 0.0 if len(statements) < 2 else 10.0)
    monkeypatch.setattr("ponto.connection.time", clock)

    outcomes = patient_store.save(entries, deadline=5)

    assert statuses(outcomes) == [Status.STORED] * 2 + [Status.FAILED] * 3
    assert len(punches(database)) == 2


def test_detail_is_one_line_of_at_most_200_printable_characters() -> None:
    def refuse() -> Parameters:
        raise ValueError("~ é" * 100 + "\nanother line")

    [outcome] = Store(refuse).save([entry()])

    assert outcome.detail == f"cannot connect to the database: ValueError: {'~ ?' * 100}"[:200]


def test_statement_timeout_fails_the_entry(database: Database) -> None:
    store = Store(lambda: database.drain, QUICK._replace(statement_ms=100, lock_ms=0))
    database.execute(LOCK)

    [outcome] = store.save([entry()])

    assert outcome.detail == "QueryCanceled (SQLSTATE 57014): canceling statement due to statement timeout"


def test_idle_timeout_of_a_kept_connection_causes_no_failure(database: Database) -> None:
    store = Store(lambda: database.drain, Timeouts(idle_ms=50))
    store.save([entry()])
    wait_for(lambda: session_pid(database) is None, "the session to be gone")

    assert store.save([entry()]) == [STORED]


def test_time_of_writing_differs_between_rows_of_a_statement(store: Store, database: Database) -> None:
    store.save([entry() for _ in range(100)])

    assert database.execute("select count(distinct gravada_em) > 1 from batida") == [(True,)]
