"""Changed files of views and functions: applied in place, or all objects dropped and created again."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ponto.schema.migrations import LOCK_RETRY_POLICY, MigrationResult, migrate
from ponto.schema.owner import MigrationError
from tests.database import SCHEMA, Database, migrations

VIEWS = [name for name in migrations() if "/views/" in name]
TYPES, PUNCHES, NIGHT, DAYS, TIME_CARDS, CUT_OFFS = (
    f"reports/views/{name}.sql"
    for name in (
        "01_row_types", "03_punches", "05_night", "06_working_days", "07_time_cards", "09_cut_offs"
    )
)  # fmt: skip
DEPENDENT_VIEW = "create view public.mine as select usuario_id, dia, minutos from jornadas('2026-11-01', '2026-11-30')"
ADDED_COLUMN = (PUNCHES, "    batida.sequencia\nfrom", "    batida.sequencia,\n    batida.chave\nfrom")
STATE = """
    select 'column', attrelid::regclass || '.' || attname, concat(format_type(atttypid, atttypmod), attacl)
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'ponto'::regnamespace and attnum > 0
    union all
    select 'relation', relname, coalesce(relacl::text, '')
    from pg_class
    where relnamespace = 'ponto'::regnamespace
    union all
    select 'view', viewname, definition from pg_views where schemaname = 'ponto'
    union all
    select 'function', oid::regprocedure::text, pg_get_functiondef(oid) || coalesce(proacl::text, '')
    from pg_proc
    where pronamespace = 'ponto'::regnamespace
    union all
    select 'description', classoid::regclass || ' ' || pg_describe_object(classoid, objoid, objsubid), description
    from pg_description
    where pg_identify_object(classoid, objoid, objsubid) is not null and classoid <> 'pg_type'::regclass
    union all
    select 'record', nome, checksum || objetos::text from migracao_repetivel
    order by 1, 2, 3
"""


# Functions created by numbered migrations: those of triggers, and those that these call.
NUMBERED_FUNCTIONS = [
    name
    for folder in SCHEMA.values()
    for path in folder.glob("[0-9]*.sql")
    for name in re.findall(r"^create function (?:ponto\.)?(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
]


class Stage:
    """A migrated database with two punches, and a copy of the migrations for changes."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.execute = database, database.execute
        self.schema = {name: Path(shutil.copytree(source, folder / name)) for name, source in SCHEMA.items()}
        self.execute(
            "insert into batida (id, usuario_id, ponto) values (gen_random_uuid(), 1, '2026-11-03 08:00-03'),"
            " (gen_random_uuid(), 1, '2026-11-03 12:00-03')"
        )

    def run(self, retry_policy: Any = LOCK_RETRY_POLICY) -> MigrationResult:
        return migrate(self.database.owner, "America/Sao_Paulo", self.schema, retry_policy)

    def file(self, name: str) -> Path:
        """Return the copy of a file by its recorded name."""
        owner, _, path = name.partition("/")
        return self.schema[owner] / path

    def refuse(self, message: str, retry_policy: Any = LOCK_RETRY_POLICY) -> None:
        """Assert that a run fails with a message and changes nothing."""
        before = self.state()
        with pytest.raises(MigrationError, match=message):
            self.run(retry_policy)
        assert self.state() == before

    def state(self) -> list[tuple[Any, ...]]:
        return self.execute(STATE)

    def change(self, name: str, old: str, new: str) -> None:
        file = self.file(name)
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        with self.file(name).open("a", encoding="utf-8") as file:
            file.write(text)

    def drop_a_column(self) -> None:
        """Remove the column `repetidas` of working days, which cannot be done in place."""
        self.change(TIME_CARDS, "        coalesce(repetidas, 0),\n", "")
        self.change(DAYS, "repetidas int, ", "")
        self.change(DAYS, "        repetidas,\n", "")
        count = "            (count(*) filter (where minuto - entrada <= interval '1 minute'))::int as repetidas,\n"
        self.change(DAYS, count, "")
        file = self.file(DAYS)
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"comment on column ponto\.jornada\.repetidas is .*\n", "", text), encoding="utf-8")


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Stage:
    return Stage(database, tmp_path / "schema")


def test_recorded_objects_are_those_of_the_schema(stage: Stage) -> None:
    recorded = {name for (objects,) in stage.execute("select objetos from migracao_repetivel") for name in objects}

    assert recorded == {
        f"{kind} {name}"
        for kind, name in stage.execute(
            "select case relkind when 'v' then 'view' else 'type' end, relname from pg_class"
            " where relnamespace = 'ponto'::regnamespace and relkind in ('v', 'c')"
            " union all select 'function', proname from pg_proc"
            " where pronamespace = 'ponto'::regnamespace and oid not in"
            " (select oid from pg_proc where pronamespace = 'ponto'::regnamespace and proname = any(%s))",
            NUMBERED_FUNCTIONS,
        )
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "query", "rows"),
    [
        (DAYS, "0)::int as minutos,", "0)::int + 1000 as minutos,", "select minutos from mine", [(1240,)]),
        (*ADDED_COLUMN, "select chave, (select count(*) from mine) from batida_local limit 1", [(None, 1)]),
    ],
    ids=["another body", "a column at the end"],
)
def test_replaceable_change_is_applied_in_place_under_a_dependent_view(
    stage: Stage, file: str, old: str, new: str, query: str, rows: list[tuple[Any, ...]]
) -> None:
    stage.execute(DEPENDENT_VIEW)
    identity = stage.execute("select 'jornadas'::regproc::oid, 'batida_local'::regclass::oid")
    stage.change(file, old, new)

    assert stage.run() == MigrationResult([file], [])

    assert stage.execute(query) == rows
    assert stage.execute("select 'jornadas'::regproc::oid, 'batida_local'::regclass::oid") == identity


@pytest.mark.parametrize(
    ("changes", "query", "rows"),
    [
        (
            [
                (CUT_OFFS, "usuario bigint default null)", "usuario bigint default null, x int default 1)"),
            ],
            "select count(*), (select count(*) from pg_proc where proname = 'cortes')"
            " from cortes('2026-11-03', '2026-11-03')",
            [(1, 1)],
        ),
        (
            [
                (TYPES, "corte time, dias int", "corte time, dias bigint"),
                (CUT_OFFS, "count(*)::int as dias", "count(*) as dias"),
            ],
            "select pg_typeof(dias)::text from cortes('2026-11-03', '2026-11-03')",
            [("bigint",)],
        ),
    ],
    ids=["another parameter", "another row type"],
)
def test_irreplaceable_change_recreates_all_objects_without_duplicates(
    stage: Stage, changes: list[tuple[str, str, str]], query: str, rows: list[tuple[Any, ...]]
) -> None:
    for change in changes:
        stage.change(*change)

    assert stage.run().applied == VIEWS

    assert stage.execute(query) == rows


def test_removed_column_recreates_all_objects_with_the_same_privileges(stage: Stage) -> None:
    roles = "reader_of_reports, reader_of_a_column"
    stage.execute(
        "create role reader_of_reports; create role reader_of_a_column;"
        "grant select on jornada, batida_local to reader_of_reports with grant option;"
        "grant select (dia, repetidas) on jornada to reader_of_a_column"
    )
    try:
        privileges = (
            "select relname, relacl::text from pg_class where relnamespace = 'ponto'::regnamespace"
            " union all select attrelid::regclass || '.' || attname, attacl::text from pg_attribute"
            " where attacl is not null and attname <> 'repetidas'"
            " union all select proname, proacl::text from pg_proc where pronamespace = 'ponto'::regnamespace"
            " order by 1"
        )
        before = stage.execute(privileges)
        stage.drop_a_column()

        migrated = stage.run()

        assert migrated.applied == VIEWS
        assert migrated.notices == [
            *(
                f"granted by hand, and kept: select on table ponto.{view} to reader_of_reports; "
                f"to revoke it, run: revoke select on table ponto.{view} from reader_of_reports cascade"
                for view in ("batida_local", "jornada")
            ),
            "granted by hand, and kept: select (dia) on table ponto.jornada to reader_of_a_column; "
            "to revoke it, run: revoke select (dia) on table ponto.jornada from reader_of_a_column cascade",
            "lost because its object was dropped: select (repetidas) on table ponto.jornada of reader_of_a_column",
        ]
        assert stage.execute(privileges) == before
        assert stage.execute("select minutos from espelho('2026-11-01', 1) where batidas > 0") == [(240,)]
        assert stage.execute("select count(*) from pg_attribute where attname = 'repetidas'") == [(0,)]
    finally:
        stage.execute(f"drop owned by {roles}; drop role {roles}")


def test_dependent_view_stops_a_breaking_change(stage: Stage) -> None:
    stage.execute(DEPENDENT_VIEW)
    stage.execute("create view public.upon_mine as select * from mine")
    stage.drop_a_column()

    stage.refuse(f"^{DAYS}: .*drop function jornadas.*view public.mine depends.*view public.upon_mine depends")

    stage.execute("drop view mine cascade")
    assert stage.run().applied == VIEWS


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "recreated"])
def test_a_file_that_fails_is_named_and_leaves_the_old_state(stage: Stage, in_place: bool) -> None:
    stage.change(NIGHT, "interval '7 hours'", "interval '8 hours'")
    if not in_place:
        stage.drop_a_column()
    stage.append(CUT_OFFS, "select 1 / 0;\n")

    stage.refuse(f"^{CUT_OFFS}: division by zero")
