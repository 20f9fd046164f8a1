"""Views and functions that are applied again when their files change: in place, or dropped and made anew."""

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ponto.admin import repeatable
from ponto.admin.migrations import PATIENCE, SCHEMA, Migrated, MigrationError, migrate
from tests.database import Database

Run = Callable[..., Migrated]

VIEWS = sorted(f"views/{path.name}" for path in (SCHEMA / "views").iterdir())
NIGHT, DAYS, CARDS, PEAK = (f"views/{name}.sql" for name in ("04_night", "05_working_days", "06_time_cards", "10_peak"))
MINE = "create view mine as select usuario_id, dia, minutos from jornadas('2026-11-01', '2026-11-30')"


@pytest.fixture(autouse=True)
def _two_punches(database: Database) -> None:
    database.ask(
        "insert into batida (id, usuario_id, ponto) values (gen_random_uuid(), 1, '2026-11-03 08:00-03'),"
        " (gen_random_uuid(), 1, '2026-11-03 12:00-03')"
    )


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """Give a copy of the migrations, to be changed."""
    return Path(shutil.copytree(SCHEMA, tmp_path / "schema"))


@pytest.fixture
def run(database: Database, schema: Path) -> Run:
    return lambda patience=PATIENCE: migrate(database.owner, "America/Sao_Paulo", schema, patience)


def change(schema: Path, name: str, old: str, new: str) -> None:
    file = schema / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def drop_a_column(schema: Path) -> None:
    """Take `repetidas` out of the working days, which nothing can replace in place."""
    change(schema, CARDS, "        coalesce(repetidas, 0),\n", "")
    change(schema, DAYS, "repetidas int, ", "")
    change(schema, DAYS, "        repetidas,\n", "")
    counted = "            (count(*) filter (where minuto - entrada <= interval '1 minute'))::int as repetidas,\n"
    change(schema, DAYS, counted, "")
    text = (schema / DAYS).read_text(encoding="utf-8")
    (schema / DAYS).write_text(re.sub(r"comment on column jornada\.repetidas is .*\n", "", text), encoding="utf-8")


STATE = """
    select 'column', attrelid::regclass || '.' || attname, concat(format_type(atttypid, atttypmod), attacl)
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'public'::regnamespace and attnum > 0
    union all
    select 'relation', relname, coalesce(relacl::text, '')
    from pg_class
    where relnamespace = 'public'::regnamespace
    union all
    select 'view', viewname, definition from pg_views where schemaname = 'public'
    union all
    select 'function', oid::regprocedure::text, pg_get_functiondef(oid) || coalesce(proacl::text, '')
    from pg_proc
    where pronamespace = 'public'::regnamespace
    union all
    select 'description', classoid::regclass || ' ' || pg_describe_object(classoid, objoid, objsubid), description
    from pg_description
    where pg_identify_object(classoid, objoid, objsubid) is not null and classoid <> 'pg_type'::regclass
    union all
    select 'record', nome, checksum || objetos::text from migracao_repetivel
    order by 1, 2, 3
"""


def test_what_the_files_make_is_what_they_are_known_to_make(database: Database) -> None:
    known = {made for name in VIEWS for made in repeatable._objects((SCHEMA / name).read_bytes())}

    assert {made for (objects,) in database.ask("select objetos from migracao_repetivel") for made in objects} == known
    assert known == {
        f"{kind} {name}"
        for kind, name in database.ask(
            "select case relkind when 'v' then 'view' else 'type' end, relname from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('v', 'c')"
            " union all select 'function', proname from pg_proc"
            " where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype"
        )
    }


@pytest.mark.parametrize("name", VIEWS)
def test_a_file_can_be_read_at_once(name: str) -> None:
    assert len((SCHEMA / name).read_text(encoding="utf-8").splitlines()) < 120


def test_nothing_changed_applies_nothing(database: Database, run: Run) -> None:
    before = database.ask(STATE)

    assert run() == Migrated([], [])

    assert database.ask(STATE) == before


def test_another_body_is_applied_in_place_and_somebodys_own_view_sees_it(
    database: Database, run: Run, schema: Path
) -> None:
    database.ask(MINE)
    identity = database.ask("select 'jornadas'::regproc::oid")
    change(schema, DAYS, "0)::int as minutos,", "0)::int + 1000 as minutos,")

    assert run() == Migrated([DAYS], [])

    assert database.ask("select minutos from mine") == [(1240,)]
    assert database.ask("select 'jornadas'::regproc::oid") == identity


def test_a_column_at_the_end_of_a_view_is_applied_in_place(database: Database, run: Run, schema: Path) -> None:
    database.ask("create view mine as select * from batida_local")
    change(schema, "views/03_punches.sql", "    -- end\nfrom", "    , batida.chave\nfrom")

    assert run() == Migrated(["views/03_punches.sql"], [])

    assert database.ask("select chave from batida_local limit 1") == [(None,)]
    assert database.ask("select count(*) from mine") == [(2,)]


def test_a_column_that_goes_makes_all_of_it_anew_with_the_same_rights(
    database: Database, run: Run, schema: Path
) -> None:
    roles = "reader_of_reports, reader_of_a_column"
    database.ask(
        "create role reader_of_reports; create role reader_of_a_column;"
        "grant select on jornada, batida_local to reader_of_reports with grant option;"
        "grant execute on function jornadas, espelho to reader_of_reports;"
        "grant execute on function noite to public;"
        "grant select (dia, repetidas) on jornada to reader_of_a_column"
    )
    try:
        rights = (
            "select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace"
            " union all select attrelid::regclass || '.' || attname, attacl::text from pg_attribute"
            " where attacl is not null and attname <> 'repetidas'"
            " union all select proname, proacl::text from pg_proc where pronamespace = 'public'::regnamespace"
            " order by 1"
        )
        before = database.ask(rights)
        drop_a_column(schema)

        migrated = run()

        assert migrated.applied == VIEWS
        assert [notice.partition(": ")[2].strip() for notice in migrated.notices] == [
            "gone with what it was on: grant SELECT (repetidas) on table jornada to reader_of_a_column"
        ]
        assert database.ask(rights) == before
        assert database.ask("select minutos from espelho(1, '2026-11-01') where batidas > 0") == [(240,)]
        assert database.ask("select count(*) from pg_attribute where attname = 'repetidas'") == [(0,)]
    finally:
        database.ask(f"drop owned by {roles}; drop role {roles}")


def test_to_and_fro_leaves_what_was_there(database: Database, run: Run, schema: Path, tmp_path: Path) -> None:
    before = database.ask(STATE)
    original = Path(shutil.copytree(SCHEMA, tmp_path / "original"))
    drop_a_column(schema)
    run()
    assert database.ask(STATE) != before
    shutil.rmtree(schema)
    original.rename(schema)

    assert run().applied == VIEWS

    assert database.ask(STATE) == before


def test_somebodys_own_view_stops_a_change_that_would_break_it_by_name(
    database: Database, run: Run, schema: Path
) -> None:
    database.ask(MINE)
    database.ask("create view upon_mine as select * from mine")
    before = database.ask(STATE)
    drop_a_column(schema)

    with pytest.raises(MigrationError) as caught:
        run()

    assert str(caught.value) == (
        f"{DAYS}: this change has to drop function jornadas and make it anew, but view mine depends on function "
        "jornadas(date,date,bigint); view upon_mine depends on view mine. Drop what depends on it yourself, run the "
        "migrations again, and create it again to fit. Nothing was changed."
    )
    assert database.ask(STATE) == before
    database.ask("drop view mine cascade")
    assert run().applied == VIEWS


def test_another_parameter_leaves_no_second_function_behind(database: Database, run: Run, schema: Path) -> None:
    change(
        schema, PEAK, "pico(de timestamptz, ate timestamptz)", "pico(de timestamptz, ate timestamptz, x int default 1)"
    )

    assert run().applied == VIEWS

    assert database.ask("select count(*) from pg_proc where proname = 'pico'") == [(1,)]
    assert database.ask("select count(*) from pico('2026-11-03 08:00Z', '2026-11-03 08:05Z')") == [(5,)]


def test_another_row_type_makes_all_of_it_anew(database: Database, run: Run, schema: Path) -> None:
    change(schema, "views/01_row_types.sql", "fila int, idade interval", "fila bigint, idade interval")
    change(schema, PEAK, ")::int,\n        idade\n", ")::bigint,\n        idade\n")

    assert run().applied == VIEWS

    assert database.ask("select pg_typeof(fila)::text from pico('2026-11-03 08:00Z', '2026-11-03 08:01Z')") == [
        ("bigint",)
    ]


def test_what_is_in_no_file_any_more_goes(database: Database, run: Run, schema: Path) -> None:
    (schema / PEAK).unlink()

    assert run().applied == [name for name in VIEWS if name != PEAK]

    assert database.ask("select to_regproc('pico'), to_regproc('minuto_de'), to_regtype('minuto_do_pico') is null") == [
        (None, None, False)
    ]
    assert database.ask("select count(*) from migracao_repetivel") == [(len(VIEWS) - 1,)]


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "made anew"])
def test_a_file_that_fails_is_named_and_leaves_the_old_state(
    database: Database, run: Run, schema: Path, in_place: bool
) -> None:
    before = database.ask(STATE)
    change(schema, NIGHT, "interval '7 hours'", "interval '8 hours'")
    if not in_place:
        drop_a_column(schema)
    with (schema / PEAK).open("a", encoding="utf-8") as peak:
        peak.write("select 1 / 0;\n")

    with pytest.raises(MigrationError, match=rf"^{PEAK}: division by zero"):
        run()

    assert database.ask(STATE) == before


def test_behind_an_open_report_a_change_says_who_is_in_the_way(database: Database, run: Run, schema: Path) -> None:
    before = database.ask(STATE)
    change(schema, "views/03_punches.sql", "    -- end\nfrom", "    , batida.chave\nfrom")
    with closing(database.connect(application_name="a report")) as report:
        report.cursor().execute("select from batida_local")

        with pytest.raises(MigrationError, match=r"^views/03_punches.sql: did not get a lock .* \(a report, as "):
            run(PATIENCE._replace(tries=2, lock_ms=100, pause_s=0.1))

    assert database.ask(STATE) == before


def test_a_name_that_somebody_elses_has_is_refused(database: Database, run: Run, schema: Path) -> None:
    database.ask("create function media() returns int language sql return 1")
    before = database.ask(STATE)
    with (schema / NIGHT).open("a", encoding="utf-8") as night:
        night.write("create or replace function media() returns int language sql return 2;\n")

    with pytest.raises(MigrationError, match=rf"^{NIGHT}: media exists already and is not this project's"):
        run()

    assert database.ask(STATE) == before


def test_what_a_numbered_migration_had_to_drop_is_made_again(database: Database, run: Run, schema: Path) -> None:
    (schema / "9000_wider.sql").write_text(
        "drop function relogios; drop function pico;alter table batida add column anything bigint"
    )

    assert run().applied == ["9000_wider.sql", "views/09_devices.sql", PEAK]

    assert database.ask("select * from relogios('2026-11-01', '2026-11-30')") == []


def test_of_two_runs_at_once_the_second_applies_nothing(database: Database, run: Run, schema: Path) -> None:
    drop_a_column(schema)

    with ThreadPoolExecutor() as threads:
        both = [threads.submit(run) for _ in range(2)]

    assert sorted(len(each.result().applied) for each in both) == [0, len(VIEWS)]
    assert database.ask("select count(*) from jornada") == [(1,)]
