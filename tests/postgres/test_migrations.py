"""`migrate` with a real PostgreSQL: an empty database, earlier versions, slices, locks and refusals."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import psycopg2
import psycopg2.extensions
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponto.drain.store import Store
from ponto.punch import EVENT
from ponto.schema import actions
from ponto.schema.actions import SchemaHooks
from ponto.schema.migrations import BASE_FOLDERS, LOCK_RETRY_POLICY, MigrationResult, migrate, migration_folders
from ponto.schema.owner import MigrationError, lock_and_check_tables
from ponto.shared.derived_id import derive_id
from tests.database import Database, execute, migrations
from tests.documents import derived_id_code
from tests.functions import Functions
from tests.postgres import storing
from tests.postgres.storing import STORED, entry
from tests.waiting import wait_for

ZONE = "America/Sao_Paulo"
MIGRATIONS = migrations(BASE_FOLDERS)
CREATE_INDEX = "create index concurrently one_more on batida (chave);"

Run = Callable[..., MigrationResult]


@pytest.fixture
def run(empty: Database) -> Run:
    """Return a function that applies the migrations."""
    return lambda time_zone=ZONE, schema=BASE_FOLDERS["ponto"], retry_policy=LOCK_RETRY_POLICY: migrate(
        empty.owner, time_zone, {"ponto": schema}, retry_policy
    )


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """Return a copy of the migrations, which the test may change."""
    return Path(shutil.copytree(BASE_FOLDERS["ponto"], tmp_path / "schema"))


def relations(empty: Database) -> set[str]:
    """Return the names of the relations and functions in schema `ponto`, but for those that record migrations."""
    return {
        name
        for (name,) in empty.execute(
            "select relname from pg_class where relnamespace = to_regnamespace('ponto')"
            " union select proname from pg_proc where pronamespace = to_regnamespace('ponto')"
        )
        if not name.startswith("migracao")
    }


@pytest.mark.parametrize(
    ("operation", "statement"),
    [
        ("UPDATE", "update batida set chave = '2'"),
        ("DELETE", "delete from batida where false"),
        ("TRUNCATE", "truncate batida"),
        ("UPDATE", "insert into batida select * from batida on conflict (id) do update set chave = excluded.chave"),
    ],
)
def test_rows_cannot_be_changed_or_removed(database: Database, operation: str, statement: str) -> None:
    storing.add_punch(database.session)

    with pytest.raises(psycopg2.errors.RaiseException, match=f"{operation} refused: rows of batida are never"):
        database.execute(statement)


# The time zone


def test_table_shows_the_stages_local_time(empty: Database, run: Run) -> None:
    run()
    storing.add_punch(empty.session, 1, datetime(2026, 10, 1, 11, tzinfo=UTC))
    query = f"select {EVENT.instant}::text from batida"
    assert execute(empty.owner, query) == [("2026-10-01 08:00:00-03",)]

    assert run("America/Noronha").applied == []

    assert execute(empty.owner, query) == [("2026-10-01 09:00:00-02",)]


@pytest.mark.parametrize("name", ["Mars/Olympus", "UTC+3", "'; drop table x"])
def test_unknown_time_zone_is_refused_without_changes(empty: Database, run: Run, name: str) -> None:
    with pytest.raises(MigrationError, match=re.escape(f"TIME_ZONE: {name!r} is not a time zone of PostgreSQL")):
        run(name)

    assert relations(empty) == set()


# Refusals


def test_a_migration_that_was_edited_is_refused(run: Run, schema: Path) -> None:
    run(schema=schema)
    edited = schema / "0001_batida.sql"
    edited.write_bytes(edited.read_bytes().replace(b"\n", b"\r\n", 1))

    with pytest.raises(MigrationError, match=r"^ponto/0001_batida\.sql: was edited .*`make clean`"):
        run(schema=schema)


def write_file(path: Path, statements: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(statements, encoding="utf-8")


def test_failed_migration_is_rolled_back_to_the_last_concurrent_one(empty: Database, run: Run, schema: Path) -> None:
    write_file(schema / "9000_one_more.concurrently.sql", CREATE_INDEX)
    write_file(schema / "8000_bad.sql", "create table late (); select 1 / 0")

    with pytest.raises(MigrationError, match=r"^ponto/8000_bad\.sql: division by zero"):
        run(schema=schema)

    assert relations(empty) == set()

    (schema / "8000_bad.sql").rename(schema / "9001_bad.sql")
    with pytest.raises(MigrationError, match=r"^ponto/9001_bad\.sql: division by zero"):
        run(schema=schema)

    assert empty.execute("select max(nome) from migracao") == [("ponto/9000_one_more.concurrently.sql",)]
    (schema / "9001_bad.sql").unlink()
    assert run(schema=schema).applied == [name for name in MIGRATIONS if "/views/" in name]


# Slices


class Stage:
    """Database with two slices, which tests add and remove."""

    def __init__(self, empty: Database, folder: Path) -> None:
        self.folders = {name: folder / name for name in ("first_one", "another")}
        for name, path in self.folders.items():
            write_file(path / "roles.sql", f"create role ponto_{name} login;\n")
            write_file(path / "privileges.sql", f"grant insert on ponto.{name} to ponto_{name};\n")
            write_file(path / "0001_table.sql", f"create table {name} ();\n")
            write_file(path / "views" / "01_view.sql", f"create view {name}_view as select from {name};\n")
        self._empty = empty

    def run(self, *names: str) -> MigrationResult:
        return migrate(self._empty.owner, ZONE, BASE_FOLDERS | {name: self.folders[name] for name in names})

    def fetch_flags(self) -> list[tuple[str, bool, bool]]:
        """Return of each slice's role whether it can log in, and whether it has its privilege."""
        return self._empty.execute(
            "select rolname, rolcanlogin, has_table_privilege(rolname, replace(rolname, 'ponto_', 'ponto.'), 'insert')"
            " from pg_roles where rolname in ('ponto_first_one', 'ponto_another') order by 1 desc"
        )


@pytest.fixture
def stage(empty: Database, tmp_path: Path) -> Iterator[Stage]:
    yield Stage(empty, tmp_path)
    roles = "ponto_first_one, ponto_another"
    empty.execute(f"drop owned by {roles}; drop role {roles}")


def test_slices_are_applied_in_order_with_separate_numbers(stage: Stage) -> None:
    assert stage.run("first_one", "another").applied == [
        *(name for name in MIGRATIONS if "/views/" not in name),
        "first_one/0001_table.sql",
        "another/0001_table.sql",
        *(name for name in MIGRATIONS if "/views/" in name),
        "first_one/views/01_view.sql",
        "another/views/01_view.sql",
    ]

    write_file(stage.folders["another"] / "0002_more.sql", "create table more ();\n")
    write_file(stage.folders["first_one"] / "0000_late.sql", "create table late ();\n")
    with pytest.raises(MigrationError, match=r"^first_one/0000_late\.sql: precedes first_one/0001_table\.sql"):
        stage.run("first_one", "another")
    (stage.folders["first_one"] / "0000_late.sql").unlink()
    assert stage.run("first_one", "another") == MigrationResult(["another/0002_more.sql"], [])


def test_removed_slice_keeps_its_tables_and_can_be_added_again(empty: Database, stage: Stage) -> None:
    stage.run("first_one", "another")
    empty.execute("alter table first_one add column kept int; insert into first_one values (1)")

    for _ in range(2):
        applied, [notice] = stage.run("another")
        assert notice.startswith("slices/first_one was removed")
    assert applied == []
    assert stage.fetch_flags() == [("ponto_first_one", False, False), ("ponto_another", True, True)]
    assert empty.execute("select to_regclass('first_one_view'), to_regclass('another_view') is null") == [(None, False)]

    assert stage.run("first_one", "another") == MigrationResult(["first_one/views/01_view.sql"], [])
    assert stage.fetch_flags() == [("ponto_first_one", True, True), ("ponto_another", True, True)]
    assert empty.execute("select kept from first_one") == [(1,)]
    assert stage.run("first_one", "another") == MigrationResult([], [])


def test_newer_schema_of_a_slice_is_kept_and_does_not_block_the_others(empty: Database, stage: Stage) -> None:
    first_one, another = stage.folders.values()
    newer = [first_one / "0002_newer.sql", first_one / "views" / "02_newer.sql"]
    write_file(newer[0], "create table newer ();\n")
    write_file(newer[1], "create view newer_view as select;\n")
    stage.run("first_one", "another")
    for path in newer:
        path.unlink()
    write_file(another / "0002_more.sql", "create table more ();\n")

    for applied in (["another/0002_more.sql"], []):
        result = stage.run("first_one", "another")
        assert result.applied == applied  # views stay as they are
        assert [notice[-24:] for notice in result.notices] == ["first_one/0002_newer.sql"]
    stage.run("first_one")
    assert {"newer", "newer_view", "another_view"} <= relations(empty)
    assert stage.fetch_flags() == [("ponto_first_one", True, True), ("ponto_another", False, False)]

    write_file(first_one / "0003_next.sql", "create table next ();\n")
    with pytest.raises(MigrationError, match=r"^first_one/0002_newer\.sql: was applied .* first_one/0003_next\.sql"):
        stage.run("first_one", "another")


def test_slice_without_schema_folder_is_refused(tmp_path: Path) -> None:
    """Otherwise a misspelt name would drop the views of the slice."""
    with pytest.raises(MigrationError, match="the package has no folder slices/typo/schema"):
        migration_folders(["first_one", "typo"], {"first_one": tmp_path})


# Locks

FAST_RETRY_POLICY = LOCK_RETRY_POLICY._replace(lock_timeout_ms=300, pause_seconds=0.3, idle_timeout_ms=1_000)
LOCK_TABLE = "lock table batida in access exclusive mode; create table done ()"


@pytest.fixture
def report(empty: Database, run: Run) -> Iterator[psycopg2.extensions.connection]:
    """Yield a connection with an open transaction that has read the table of punches."""
    run()
    with closing(empty.connect(application_name="a report")) as connection:
        connection.cursor().execute("select from batida")
        yield connection


def wait_for_lock_waiter(empty: Database, locktype: str) -> None:
    query = "select count(*) from pg_locks where not granted and locktype = %s"
    wait_for(lambda: empty.execute(query, locktype) == [(1,)], f"a wait for a lock of type {locktype}")


def save_entry(empty: Database) -> float:
    """Store a punch as the function does; return the duration in seconds."""
    with closing(Store(lambda: empty.drain)) as store:
        started_at = time.monotonic()
        assert store.save([entry()]) == [STORED]
        return time.monotonic() - started_at


def test_migration_behind_an_open_report_does_not_block_inserts(
    empty: Database, run: Run, schema: Path, report: psycopg2.extensions.connection
) -> None:
    (schema / "9000_more.sql").write_text(LOCK_TABLE)
    with ThreadPoolExecutor() as threads:
        try:
            migrated = threads.submit(run, schema=schema, retry_policy=FAST_RETRY_POLICY._replace(tries=100))
            for _ in range(3):
                wait_for_lock_waiter(empty, "relation")
                assert save_entry(empty) < 2.5
                assert not migrated.done()
        finally:
            report.rollback()
        assert migrated.result().applied == ["ponto/9000_more.sql"]


def test_migration_without_its_lock_names_the_holder_and_changes_nothing(
    empty: Database, run: Run, schema: Path, report: psycopg2.extensions.connection
) -> None:
    (schema / "9000_early.sql").write_text("create table early ()")
    (schema / "9001_more.sql").write_text(LOCK_TABLE)

    with pytest.raises(MigrationError) as caught:
        run(schema=schema, retry_policy=FAST_RETRY_POLICY._replace(tries=2))

    [line] = str(caught.value).splitlines()
    assert re.match(r"ponto/9001_more\.sql: timed out .* 2 times after 0.3 s;", line)
    assert f"pid {report.info.backend_pid} (a report, as {empty.owner['user']}) holds locks" in line
    assert not {"early", "done"} & relations(empty)
    save_entry(empty)


@pytest.mark.parametrize("is_migrated", [False, True])
def test_concurrent_runs_of_schema_take_turns_until_their_last_step(
    empty: Database, run: Run, *, is_migrated: bool
) -> None:
    if is_migrated:
        run()
    both_inside = Barrier(2)

    def upgrade_lock(connection: psycopg2.extensions.connection) -> None:
        with connection.cursor() as cursor:
            lock_and_check_tables(cursor, all_tables=True)
            with suppress(BrokenBarrierError):
                both_inside.wait(timeout=1)
            cursor.execute("lock table ponto.batida in exclusive mode")
        connection.commit()

    environment = Functions(empty.url, empty.owner["user"]).environment | {"SLICES": ""}
    hooks = [SchemaHooks(prepare_post_migration=lambda _: upgrade_lock)]
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(actions.run, {}, environment, hooks, {}) for _ in range(2)]

    assert sorted(len(each.result()["applied"]) for each in runs) == [0, 0 if is_migrated else len(MIGRATIONS)]


# Indexes that are built concurrently


@pytest.fixture
def schema_with_index(schema: Path) -> Path:
    """Return a copy of the migrations with an additional index and a later migration."""
    (schema / "9000_one_more.concurrently.sql").write_text(CREATE_INDEX)
    (schema / "9001_after.sql").write_text("create table after ()")
    return schema


NEW_MIGRATIONS = ["ponto/9000_one_more.concurrently.sql", "ponto/9001_after.sql"]


def index_validity(empty: Database) -> list[tuple[bool]]:
    """Return whether the index `one_more` is valid; an empty list if it does not exist."""
    return empty.execute("select indisvalid from pg_index where indexrelid = to_regclass('one_more')")


@pytest.fixture
def snapshot(empty: Database, run: Run) -> Iterator[psycopg2.extensions.connection]:
    """Yield a connection with a transaction that is older than the index, so that its build has to wait."""
    run()
    with closing(empty.connect()) as connection:
        connection.set_session(isolation_level="REPEATABLE READ")
        connection.cursor().execute("select from batida")
        yield connection


def test_index_build_does_not_block_punches_and_a_second_run_waits(
    empty: Database, run: Run, schema_with_index: Path, snapshot: psycopg2.extensions.connection
) -> None:
    with ThreadPoolExecutor() as threads:
        with closing(snapshot):
            first = threads.submit(run, schema=schema_with_index)
            wait_for(lambda: index_validity(empty) == [(False,)], "the build to have begun")
            second = threads.submit(run, schema=schema_with_index)
            wait_for_lock_waiter(empty, "advisory")
            save_entry(empty)
            assert not first.done()
        assert first.result() == MigrationResult(NEW_MIGRATIONS, [])
        assert second.result() == MigrationResult([], [])
    assert index_validity(empty) == [(True,)]


def test_interrupted_index_build_is_repeated_by_the_next_run(
    empty: Database, run: Run, schema_with_index: Path, snapshot: psycopg2.extensions.connection
) -> None:
    with ThreadPoolExecutor() as threads, closing(snapshot):
        interrupted = threads.submit(run, schema=schema_with_index)
        wait_for(lambda: index_validity(empty) == [(False,)], "the build to have begun")
        empty.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^create index concurrently'"
        )
        with pytest.raises(MigrationError, match=r"(?s)^ponto/9000_one_more\.concurrently\.sql: .* are applied\.$"):
            interrupted.result()
    assert "after" not in relations(empty)

    assert run(schema=schema_with_index) == MigrationResult(NEW_MIGRATIONS, [])

    assert index_validity(empty) == [(True,)]


def test_existing_index_of_an_unrecorded_migration_is_kept(empty: Database, run: Run, schema_with_index: Path) -> None:
    run()
    empty.execute(CREATE_INDEX)
    before = empty.execute("select to_regclass('one_more')::oid")

    assert run(schema=schema_with_index) == MigrationResult(NEW_MIGRATIONS, [])

    assert empty.execute("select to_regclass('one_more')::oid") == before


# Derived ids


def test_postgresql_derives_the_same_ids_as_python(empty: Database) -> None:
    empty.execute(f"set timezone = '{ZONE}'; set datestyle = 'german'; set intervalstyle = 'sql_standard'")
    empty.execute(derived_id_code("sql"))

    @given(
        st.integers(1, 2**53 - 1).map(str) | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        st.datetimes(datetime(1899, 12, 31), datetime(3000, 1, 1, 23, 59, 59, 999_999), timezones=st.just(UTC)),
    )
    @settings(max_examples=500)
    def check(key: str, instant: datetime) -> None:
        [(derived,)] = empty.execute("select pg_temp.derived_id(%s, %s)", key, instant.isoformat())
        assert derived == derive_id(key, instant)

    check()


def test_object_of_two_files_gets_the_definition_of_the_remaining_file(empty: Database, stage: Stage) -> None:
    view = stage.folders["first_one"] / "views" / "01_view.sql"
    view.write_text("create or replace view first_one_view as select 1 as one;\n")
    stage.run("first_one", "another")
    empty.execute("create or replace view first_one_view as select 2 as one")  # as by a file of an earlier release
    empty.execute("insert into migracao_repetivel values ('another/views/02.sql', '', array['view first_one_view'])")

    assert stage.run("first_one", "another").applied == ["first_one/views/01_view.sql"]

    assert empty.execute("select one from first_one_view") == [(1,)]


def test_role_of_two_slices_can_log_in_until_both_are_removed(stage: Stage) -> None:
    with (stage.folders["another"] / "roles.sql").open("a") as file:
        file.write("create role ponto_first_one login;\n")
    stage.run("first_one", "another")

    for names, can_log_in in ((["another"], True), (["another"], True), ([], False)):
        stage.run(*names)
        assert stage.fetch_flags()[0][1] is can_log_in


def test_idle_transaction_of_a_migration_times_out(empty: Database, run: Run, schema: Path) -> None:
    idle = "create table limits as select current_setting('idle_in_transaction_session_timeout')"
    (schema / "9000_limits.sql").write_text(idle)

    run(schema=schema)

    assert empty.execute("table limits") == [("5s",)]
