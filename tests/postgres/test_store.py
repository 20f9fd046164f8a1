"""`Store` against a real PostgreSQL: what is kept, what is told about it, and what breaks in between."""

import errno
import json
import math
import random
import socket
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import psycopg2
import psycopg2.extensions
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  a class
from psycopg2.extensions import parse_dsn

from ponto import store as store_module
from ponto.connection import TIMEOUTS, Timeouts, connect
from ponto.dead_letters import DeadLetters
from ponto.drain import Drain
from ponto.punch import FIELDS, Punch, parse
from ponto.store import Entry, NoAnswer, Outcome, Status, Store
from tests.events import record
from tests.waiting import wait_for

EIGHT = datetime(2026, 10, 1, 8, tzinfo=timezone(timedelta(hours=-3)))
RECEIVED_MS = 1_790_852_401_234  # 2026-10-01T11:00:01.234Z
QUICK = Timeouts(connect_s=2, statement_ms=2_000, lock_ms=200)
STORED, DUPLICATE = Outcome(Status.STORED), Outcome(Status.DUPLICATE)


def entry(usuario_id: int = 1, ponto: datetime = EIGHT, punch_id: str | None = None, **more: Any) -> Entry:
    absent = dict.fromkeys(Punch._fields)
    fields = {"id": punch_id or str(uuid.uuid4()), "usuario_id": usuario_id, "ponto": ponto, **more}
    return Entry(Punch(**{**absent, **fields}), str(uuid.uuid4()), RECEIVED_MS)


def statuses(outcomes: Sequence[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


class Database:
    """A look at the database beside the store."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.way = parse_dsn(url) | {"user": "ponto_function"}  # the store's, who may not do more than it needs
        self.connection = self.connect()
        self.connection.autocommit = True

    def connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(self.url)

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def punches(self) -> list[tuple[str, int, datetime]]:
        return self.ask("select id, usuario_id, ponto from batida order by id")

    def store_waits(self) -> bool:
        return bool(
            self.ask(
                "select pid from pg_stat_activity where datname = current_database()"
                " and application_name = 'batidaPonto' and wait_event_type = 'Lock'"
            )
        )

    def stores_backends(self) -> list[tuple[int]]:
        return self.ask(
            "select pid from pg_stat_activity where datname = current_database() and application_name = 'batidaPonto'"
        )

    def end_stores_connection(self) -> None:
        [(pid,)] = self.stores_backends()
        assert self.ask("select pg_terminate_backend(%s)", pid) == [(True,)]
        wait_for(lambda: (pid,) not in self.stores_backends(), "the session to be gone")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.connection.close()


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    store = Store(lambda: database.way, QUICK)
    yield store
    store.close()


@pytest.fixture
def other(database: Database) -> Iterator[psycopg2.extensions.connection]:
    """Give another session, in a transaction."""
    connection = database.connect()
    yield connection
    connection.close()


def insert(connection: psycopg2.extensions.connection, wanted: Entry) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into batida (id, usuario_id, ponto) values (%s, %s, %s)",
            (wanted.punch.id, wanted.punch.usuario_id, wanted.punch.ponto),
        )


# What is kept


def test_every_column_holds_what_came(store: Store, database: Database) -> None:
    full = entry(
        9_007_199_254_740_991,
        EIGHT.replace(microsecond=123_456),
        deslocamento=-180,
        dispositivo='Relógio 日 \U0001f600 "\\ %s',
        offline=True,
        enviado=EIGHT + timedelta(days=3),
        latitude=-23.550520123456789,
        longitude=1e-300,
        precisao=12.5,
        sequencia=41,
    )._replace(api_key_id="k4r2p0x9ab")
    before = datetime.now(UTC)

    assert store.save([full]) == [STORED]

    columns = ", ".join([*Punch._fields, "mensagem_id", "chave", "recebida_em", "gravada_em"])
    [row] = database.ask(f"select {columns} from batida")  # noqa: S608
    assert row[:-4] == full.punch
    assert row[-4:-2] == (full.message_id, "k4r2p0x9ab")
    assert row[-2] == datetime(2026, 10, 1, 11, 0, 1, 234_000, tzinfo=UTC)
    assert before <= row[-1] <= datetime.now(UTC)


def test_what_the_device_did_not_send_is_null(store: Store, database: Database) -> None:
    assert store.save([entry()]) == [STORED]

    optional = [*Punch._field_defaults, "chave"]
    found = database.ask(f"select {', '.join(optional)} from batida")  # noqa: S608
    assert found == [(None,) * len(optional)]


@given(st.integers(0, 4_102_444_800_000))  # to the year 2100
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_time_of_receipt_is_kept_to_the_millisecond(store: Store, database: Database, ms: int) -> None:
    only = entry()._replace(received_ms=ms)

    assert store.save([only]) == [STORED]

    [(received,)] = database.ask("select recebida_em from batida where id = %s", only.punch.id)
    assert received == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def test_the_time_of_writing_is_the_rows_own_not_that_of_the_statement(
    database: Database, other: psycopg2.extensions.connection
) -> None:
    blocked, behind = entry(punch_id=str(uuid.UUID(int=1))), entry(punch_id=str(uuid.UUID(int=2)))
    insert(other, blocked)
    store = Store(lambda: database.way)
    with ThreadPoolExecutor() as threads:
        saved = threads.submit(store.save, [blocked, behind])
        wait_for(database.store_waits, "the store to wait")
        [(while_waiting,)] = database.ask("select clock_timestamp()")
        other.rollback()
        assert saved.result() == [STORED, STORED]
    store.close()

    [(written,)] = database.ask("select gravada_em from batida where id = %s", behind.punch.id)
    assert written > while_waiting


def test_no_entries_need_no_connection() -> None:
    assert Store(lambda: {"host": "/nowhere"}).save([]) == []


def test_a_batch_of_new_punches_is_one_statement_on_one_connection(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = 0

    def parameters() -> dict[str, str]:
        nonlocal connections
        connections += 1
        return database.way

    store = Store(parameters)
    statements: list[str] = []
    execute = store._session._run

    def recording(on: Connection, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        statements.append(statement)
        return execute(on, statement, values)

    monkeypatch.setattr(store._session, "_run", recording)
    for _ in range(3):
        assert store.save([entry() for _ in range(100)]) == [STORED] * 100
    store.close()

    assert connections == 1
    assert statements == [store_module._STORE] * 3


# The same id again


def test_the_same_punch_again_is_a_duplicate_whatever_zone_it_is_written_in(store: Store, database: Database) -> None:
    first = entry(1, EIGHT)
    store.save([first])

    again = entry(1, EIGHT.astimezone(UTC), first.punch.id, dispositivo="another")
    assert store.save([entry(), again]) == [STORED, DUPLICATE]
    assert database.ask("select dispositivo from batida where id = %s", first.punch.id) == [(None,)]


@pytest.mark.parametrize(
    ("usuario_id", "later", "what"),
    [
        (2, timedelta(0), "usuario_id"),
        (1, timedelta(microseconds=1), "ponto"),
        (2, timedelta(days=1), "usuario_id and ponto"),
    ],
)
def test_another_punch_under_a_taken_id_is_a_conflict_that_tells_what_differs(
    store: Store, database: Database, usuario_id: int, later: timedelta, what: str
) -> None:
    first = entry(1, EIGHT)
    store.save([first])
    kept = database.punches()

    [outcome] = store.save([entry(usuario_id, EIGHT + later, first.punch.id)])

    assert outcome == Outcome(Status.CONFLICT, f"id {first.punch.id} belongs to a punch with another {what}")
    assert database.punches() == kept


def test_repeats_within_a_batch_are_compared_with_the_first_when_it_was_new(store: Store) -> None:
    first = entry(1)
    same, different = entry(1, punch_id=first.punch.id), entry(2, punch_id=first.punch.id)

    outcomes = store.save([first, different, entry(), same])

    assert statuses(outcomes) == [Status.STORED, Status.CONFLICT, Status.STORED, Status.DUPLICATE]


def test_repeats_within_a_batch_are_compared_with_the_older_row_when_there_is_one(store: Store) -> None:
    older = entry(1)
    store.save([older])
    different, same = entry(2, punch_id=older.punch.id), entry(1, punch_id=older.punch.id)

    outcomes = store.save([different, same, different])

    assert statuses(outcomes) == [Status.CONFLICT, Status.DUPLICATE, Status.CONFLICT]


def test_a_repeat_of_a_refused_punch_comes_back_and_has_its_own_turn_then(store: Store, database: Database) -> None:
    refused = entry(1, dispositivo="\x00")
    good = entry(1, punch_id=refused.punch.id)

    outcomes = store.save([refused, refused, good, good])

    assert statuses(outcomes) == [Status.REFUSED, Status.FAILED, Status.FAILED, Status.FAILED]
    assert outcomes[1].detail == "an earlier punch of this batch had its id, and was refused"
    assert database.punches() == []
    assert statuses(store.save([refused, good, good])) == [Status.REFUSED, Status.FAILED, Status.FAILED]
    assert statuses(store.save([good, good])) == [Status.STORED, Status.DUPLICATE]
    assert len(database.punches()) == 1


IDS = [str(uuid.UUID(int=number)) for number in range(5)]


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(IDS),
                st.integers(1, 2),
                st.sampled_from([EIGHT, EIGHT.astimezone(UTC), EIGHT + timedelta(hours=4)]),
                st.sampled_from([None, None, None, "\x00"]),
            ),
            max_size=12,
        ),
        max_size=3,
    )
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_batches_have_the_outcomes_that_a_dictionary_gives(
    store: Store, database: Database, batches: list[list[tuple[str, int, datetime, str | None]]]
) -> None:
    database.ask("alter table batida disable trigger all; truncate batida; alter table batida enable trigger all")
    model: dict[str, tuple[int, datetime]] = {}
    for batch in batches:
        expected = []
        refused: dict[str, bool] = {}  # whether the first of an id was: the others come back then
        for punch_id, usuario_id, ponto, dispositivo in batch:
            there = model.get(punch_id)
            if refused.get(punch_id):
                expected.append(Status.FAILED)
                continue
            if refused.setdefault(punch_id, bool(dispositivo)):
                expected.append(Status.REFUSED)
                continue
            if there is None:
                model[punch_id] = (usuario_id, ponto)
                expected.append(Status.STORED)
            else:
                expected.append(Status.DUPLICATE if there == (usuario_id, ponto) else Status.CONFLICT)
        entries = [entry(usuario_id, ponto, id_, dispositivo=d) for id_, usuario_id, ponto, d in batch]

        assert statuses(store.save(entries)) == expected

    assert database.punches() == [(id_, *model[id_]) for id_ in sorted(model)]


def test_each_field_of_the_wire_is_kept_in_its_column(store: Store, database: Database) -> None:
    every: dict[str, Any] = {
        "id": "0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b",
        "enviado": "2026-10-03T08:00Z",
        "ponto": "2026-10-01T08:00Z",
    }
    for place, field in enumerate(FIELDS.values()):  # each with a value of its own
        every.setdefault(
            field.name, {"integer": 100 + place, "number": place + 0.5, "boolean": True}.get(field.type, field.name)
        )
    punch = parse(json.dumps(every), UTC)

    assert store.save([Entry(punch, "message", RECEIVED_MS)]) == [STORED]

    assert None not in punch
    statement = sql.SQL("select {} from batida").format(sql.SQL(", ").join(map(sql.Identifier, Punch._fields)))
    assert database.ask(statement.as_string(database.connection)) == [punch]


# Other sessions


@pytest.mark.parametrize(
    ("theirs", "commit", "status"),
    [(1, True, Status.DUPLICATE), (2, True, Status.CONFLICT), (1, False, Status.STORED)],
    ids=["the same, committed", "another, committed", "rolled back"],
)
def test_an_id_that_another_session_is_inserting_is_judged_by_what_that_session_does(
    database: Database,
    other: psycopg2.extensions.connection,
    theirs: int,
    commit: bool,
    status: Status,
) -> None:
    ours = entry(1)
    insert(other, entry(theirs, punch_id=ours.punch.id))
    patient = Store(lambda: database.way)
    with ThreadPoolExecutor() as threads:
        saved = threads.submit(patient.save, [entry(), ours, entry()])
        wait_for(database.store_waits, "the store to wait")
        if commit:
            other.commit()
        else:
            other.rollback()
        outcomes = saved.result()
    patient.close()

    assert statuses(outcomes) == [Status.STORED, status, Status.STORED]
    assert [row[1] for row in database.punches() if row[0] == ours.punch.id] == [theirs if commit else 1]


def test_a_taken_id_whose_row_cannot_be_seen_has_failed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = entry()
    store.save([taken])
    monkeypatch.setattr(store_module, "_EXISTING", store_module._EXISTING.replace("where", "where false and"))

    assert statuses(store.save([taken, entry()])) == [Status.FAILED, Status.STORED]


def test_five_workers_with_the_same_ids_in_any_order_store_each_once_and_never_deadlock(
    database: Database,
) -> None:
    entries = [entry(number) for number in range(1, 301)]

    def work(seed: int) -> list[Outcome]:
        store, chance = Store(lambda: database.way), random.Random(seed)  # noqa: S311
        shuffled = chance.sample(entries, len(entries))
        outcomes = [o for at in range(0, 300, 50) for o in store.save(shuffled[at : at + 50])]
        store.close()
        return outcomes

    with ThreadPoolExecutor(5) as threads:
        outcomes = [outcome for result in threads.map(work, range(5)) for outcome in result]

    assert outcomes.count(STORED) == 300
    assert outcomes.count(DUPLICATE) == 1200
    assert len(database.punches()) == 300


def test_a_locked_table_fails_the_batch_within_the_lock_timeout_and_the_next_try_stores_it(
    store: Store, other: psycopg2.extensions.connection
) -> None:
    entries = [entry(), entry()]
    other.cursor().execute("lock table batida in access exclusive mode")
    began = time.monotonic()

    outcomes = store.save(entries)

    assert time.monotonic() - began < 1.5
    detail = "LockNotAvailable (SQLSTATE 55P03): canceling statement due to lock timeout"
    assert outcomes == [Outcome(Status.FAILED, detail)] * 2
    other.rollback()
    assert store.save(entries) == [STORED, STORED]


def test_a_statement_that_takes_too_long_fails(database: Database, other: psycopg2.extensions.connection) -> None:
    store = Store(lambda: database.way, QUICK._replace(statement_ms=100, lock_ms=0))
    other.cursor().execute("lock table batida in access exclusive mode")

    [outcome] = store.save([entry()])

    assert outcome.detail == "QueryCanceled (SQLSTATE 57014): canceling statement due to statement timeout"


# Connections


def test_a_kept_connection_that_was_ended_costs_no_failure(store: Store, database: Database) -> None:
    store.save([entry()])
    database.end_stores_connection()

    assert store.save([entry(), entry()]) == [STORED, STORED]


def test_a_kept_connection_that_was_ended_for_idling_costs_no_failure(database: Database) -> None:
    store = Store(lambda: database.way, Timeouts(idle_ms=50))
    store.save([entry()])
    wait_for(lambda: not database.stores_backends(), "the session to be gone")

    assert store.save([entry()]) == [STORED]


def test_a_connection_that_breaks_in_the_middle_of_a_statement_is_replaced_if_it_was_kept(
    database: Database, other: psycopg2.extensions.connection
) -> None:
    store, first, only = Store(lambda: database.way), entry(), entry()
    store.save([first])
    insert(other, only)
    with ThreadPoolExecutor() as threads:
        saved = threads.submit(store.save, [only])
        wait_for(database.store_waits, "the store to wait")
        database.end_stores_connection()
        wait_for(database.store_waits, "the store to wait")
        other.rollback()
        assert saved.result() == [STORED]
        # And is not if it was new: whatever ended it may end the next.
        store.close()
        other.cursor().execute("lock table batida in access exclusive mode")
        saved = threads.submit(store.save, [entry()])
        wait_for(database.store_waits, "the store to wait")
        database.end_stores_connection()
        [outcome] = saved.result()

    assert outcome.status is Status.FAILED
    assert "lock timeout" not in outcome.detail  # what a second try would have met


def test_an_unreachable_server_fails_the_batch_and_the_next_try_stores_it(database: Database) -> None:
    parameters = {"host": "127.0.0.1", "port": "1", "password": "hunter2"}
    store, only = Store(lambda: parameters, QUICK._replace(connect_s=4)), entry()

    [outcome] = store.save([only])

    assert outcome.status is Status.FAILED
    assert outcome.detail.startswith("OperationalError: ")
    assert "Connection refused" in outcome.detail
    parameters = database.way
    assert store.save([only]) == [STORED]


def test_a_batch_in_parts_ends_in_time_though_nobody_answers_the_connection() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        port = silent.getsockname()[1]
        where = {"host": "127.0.0.1", "port": str(port), "dbname": "x", "user": "x"}
        silence = Drain(UTC, Store(lambda: where, Timeouts(connect_s=3)), DeadLetters("nowhere"))
        records = [record('{"usuarioId": 1, "ponto": "2026-10-01T08:00:00Z"}') for _ in range(100)]
        for each in records:
            each["attributes"]["ApproximateReceiveCount"] = "4"
        end = time.monotonic() + 8  # of which the database may have 6

        processed = silence.process(records, end)

    assert time.monotonic() < end
    assert len(processed.failures) == 100


def test_a_server_that_never_answers_fails_the_batch_within_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        store = Store(lambda: {"host": "127.0.0.1", "port": port, "user": "u"}, QUICK._replace(connect_s=2))
        began = time.monotonic()

        [outcome] = store.save([entry()])

    assert time.monotonic() - began < 4
    assert "timeout expired" in outcome.detail


def test_a_try_ends_in_its_own_time_when_not_even_a_syn_is_answered() -> None:
    # tcp_user_timeout bounds connecting too, so it has to be the longer one, or it would be what decides.
    assert TIMEOUTS.network_ms > 1000 * TIMEOUTS.try_s
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # its backlog: what comes after gets no answer
            filler.setblocking(False)
            assert filler.connect_ex(address) in (0, errno.EINPROGRESS)
        began = time.monotonic()
        with pytest.raises(psycopg2.OperationalError, match="timeout expired"):
            connect({"host": address[0], "port": address[1]}, "test", Timeouts(connect_s=4, try_s=2, network_ms=2500))
        took = time.monotonic() - began
        for filler in fillers:
            filler.close()
    assert 1.9 < took < 4.1


@pytest.mark.parametrize("password", ["hunter2", "hunter2' \\ = host", "hunter2\nhost=x", "hunter2 é", "hunter2%s"])
@pytest.mark.parametrize(
    "broken",
    [
        {"host": "127.0.0.1", "port": "1"},
        {"port": "hunter"},
        {"dbname": "nowhere"},
        {"sslmode": "no"},
        {"nothing": "1"},
    ],
)
def test_no_password_appears_when_a_connection_fails(database: Database, password: str, broken: dict[str, str]) -> None:
    store = Store(lambda: {**database.way, "password": password, **broken}, QUICK)

    [outcome] = store.save([entry()])

    assert outcome.status is Status.FAILED
    assert "hunter2" not in outcome.detail
    assert outcome.detail.isascii()
    assert outcome.detail.isprintable()


def test_without_the_connections_parameters_the_batch_fails_and_the_next_asks_again(database: Database) -> None:
    answers: Iterator[LookupError | dict[str, str]] = iter([LookupError("no secret"), database.way])

    def parameters() -> dict[str, str]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    store, entries = Store(parameters), [entry(), entry()]
    detail = "cannot connect to the database: LookupError: no secret"
    assert store.save(entries) == [Outcome(Status.FAILED, detail)] * 2
    assert store.save(entries) == [STORED, STORED]


def test_the_database_remembers_since_when_our_code_fails_on_a_message_and_forgets_it_after_the_queues(
    store: Store, database: Database
) -> None:
    soon = time.monotonic() + 60
    assert store.failing(["a", "b"], soon) == {}
    database.ask("update falha set desde = desde - interval '31 minutes' where mensagem_id = 'a'")
    database.ask("insert into falha values ('old', now() - interval '15 days')")

    found = store.failing(["a", "b", "c", "c"], soon)

    assert found.keys() == {"a", "b"}
    assert 31 * 60 <= found["a"] < 32 * 60
    assert 0 < found["b"] < 60
    assert database.ask("select mensagem_id from falha order by 1") == [("a",), ("b",), ("c",)]
    database.end_stores_connection()
    assert store.failing(["c"], soon).keys() == {"c"}  # on a fresh connection


@pytest.mark.parametrize(
    ("breaks", "why"),
    [
        ({"host": "/nowhere"}, "OperationalError: "),
        ({"dbname": "postgres"}, "UndefinedTable (SQLSTATE 42P01): "),
    ],
)
def test_without_its_answer_nothing_is_presumed(database: Database, breaks: dict[str, str], why: str) -> None:
    store = Store(lambda: database.way | breaks, QUICK)
    with pytest.raises(NoAnswer) as caught:
        store.failing(["a"], time.monotonic() + 60)
    assert str(caught.value).startswith(why)
    with pytest.raises(NoAnswer, match="no time left"):
        store.failing(["a"], time.monotonic() - 1)
    store.close()


def test_a_database_that_only_reads_fails_the_batch_and_the_next_try_is_on_a_new_connection(
    store: Store, database: Database
) -> None:
    name = database.way["dbname"]
    database.ask(f"alter database {name} set default_transaction_read_only = on")
    entries = [entry(), entry()]

    detail = "ReadOnlySqlTransaction (SQLSTATE 25006): cannot execute INSERT in a read-only transaction"
    assert store.save(entries) == [Outcome(Status.FAILED, detail)] * 2
    database.ask(f"alter database {name} reset default_transaction_read_only")  # tells new connections only
    assert store.save(entries) == [STORED, STORED]


def test_a_missing_table_fails_the_batch(store: Store, database: Database) -> None:
    database.ask("alter table batida rename to elsewhere")

    detail = 'UndefinedTable (SQLSTATE 42P01): relation "batida" does not exist'
    assert store.save([entry(), entry()]) == [Outcome(Status.FAILED, detail)] * 2


# Poison


@pytest.mark.parametrize(
    ("poison", "detail"),
    [
        ({"dispositivo": "secret\x00"}, "SQLSTATE 22P05: unsupported Unicode escape sequence"),
        ({"dispositivo": "secret\ud800"}, "SQLSTATE 22P02: invalid input syntax for type json"),
        ({"punch_id": 'secret"\n"'}, "SQLSTATE 22P02: invalid input syntax for type uuid: ..."),
        ({"usuario_id": 2**63}, "SQLSTATE 22003: value ... is out of range for type bigint"),
        ({"latitude": float("nan")}, "SQLSTATE 22P02: invalid input syntax for type json"),
        ({"deslocamento": 40_000}, "SQLSTATE 22003: value ... is out of range for type smallint"),
        (
            {"ponto": EIGHT.replace(tzinfo=timezone(timedelta(hours=20)))},
            "SQLSTATE 22009: time zone displacement out of range: ...",
        ),
    ],
)
def test_of_a_batch_with_one_punch_that_postgresql_refuses_all_others_are_stored(
    store: Store, database: Database, poison: dict[str, Any], detail: str
) -> None:
    entries = [entry() for _ in range(9)]
    entries.insert(6, entry(**poison))

    outcomes = store.save(entries)

    assert statuses(outcomes) == [Status.STORED] * 6 + [Status.REFUSED] + [Status.STORED] * 3
    assert outcomes[6].detail.startswith(detail)
    assert "secret" not in outcomes[6].detail
    assert len(outcomes[6].detail) <= 200
    assert len(database.punches()) == 9


@pytest.mark.parametrize(
    ("change", "poison", "detail"),
    [
        ("select", {"usuario_id": None}, "NotNullViolation (SQLSTATE 23502): null value in column"),
        (
            "create function wide(text) returns text immutable language sql"
            " as $$ select string_agg(md5(i || $1), '') from generate_series(1, 400) i $$;"
            "create index on batida (wide(dispositivo))",
            {"dispositivo": "gate"},
            "ProgramLimitExceeded (SQLSTATE 54000): index row",
        ),
    ],
    ids=["constraint", "limit"],
)
def test_what_the_schema_makes_impossible_waits_and_all_others_are_stored(
    store: Store, database: Database, change: str, poison: dict[str, Any], detail: str
) -> None:
    database.ask(change)
    entries = [entry() for _ in range(9)]
    entries.insert(6, entry(**poison))

    outcomes = store.save(entries)

    assert statuses(outcomes) == [Status.STORED] * 6 + [Status.FAILED] + [Status.STORED] * 3
    assert outcomes[6].detail.startswith(detail)
    assert len(database.punches()) == 9
    assert len(database.stores_backends()) == 1  # the connection is in use still


def test_a_refusal_leaves_the_connection_in_use(store: Store) -> None:
    store.save([entry()])
    pid = store._session._connection and store._session._connection.info.backend_pid

    store.save([entry(dispositivo="\x00")])

    assert pid
    assert pid == (store._session._connection and store._session._connection.info.backend_pid)


@pytest.mark.parametrize("where", ["database", "role"])
def test_what_is_answered_for_is_on_disk_whatever_the_servers_default(database: Database, where: str) -> None:
    name = database.way["dbname"] if where == "database" else "ponto_function"
    database.ask(f"alter {where} {name} set synchronous_commit = off")
    try:
        store = Store(lambda: database.way, QUICK)
        store.save([entry()])
        assert store._session.execute("show synchronous_commit", {}, math.inf) == [("on",)]
        store.close()
    finally:
        database.ask(f"alter {where} {name} reset synchronous_commit")


# Time


def test_past_the_deadline_no_statement_is_started(store: Store, database: Database) -> None:
    assert store.save([entry()], deadline=time.monotonic()) == [Outcome(Status.FAILED, "no time left")]
    assert store.save([entry()], deadline=time.monotonic() + 60) == [STORED]
    assert len(database.punches()) == 1


def test_a_deadline_that_comes_in_the_middle_fails_only_what_is_left(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [*(entry() for _ in range(4)), entry(dispositivo="\x00")]
    execute, statements = store._session._run, 0

    def counting(on: Connection, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        nonlocal statements
        statements += 1
        return execute(on, statement, values)

    monkeypatch.setattr(store._session, "_run", counting)
    monkeypatch.setattr("ponto.session.time", SimpleNamespace(monotonic=lambda: 0.0 if statements < 2 else 10.0))

    outcomes = store.save(entries, deadline=5)

    assert statuses(outcomes) == [Status.STORED] * 2 + [Status.FAILED] * 3
    assert len(database.punches()) == 2
