"""The owner's exclusive control of the schema: objects that others create are neither used nor accepted."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from ponto.drain.store import Status, Store
from ponto.read import packed_rows, query_function
from ponto.read.punch_statements import STATEMENTS
from ponto.schema import roles
from ponto.schema.actions import find_punch
from ponto.schema.migrations import MigrationResult, migrate
from ponto.schema.owner import MigrationError, SchemaNotExclusiveError, connect_as_owner, lock_and_check_tables
from tests.database import ROLES, SCHEMA, Database, execute
from tests.database import TIME_ZONE as ZONE
from tests.postgres.hostile_database import create_hostile_database
from tests.postgres.servers import Server, as_owner, log_in
from tests.postgres.storing import QUICK, add_punch, entry, statuses
from tests.waiting import wait_for
from tools.kit.project import ROOT

PUNCH_ID = "88888888-8888-4888-8888-888888888888"


def reset_role_limits(owner: dict[str, str]) -> list[str]:
    return as_owner(owner, lambda connection: roles.reset_role_limits(connection, dict.fromkeys(ROLES)))


def test_functions_planted_in_public_never_run(server: Server) -> None:
    owner = create_hostile_database(server)

    with closing(Store(lambda: log_in("ponto_drain", owner), QUICK)) as store:
        first = entry(123, id=PUNCH_ID)
        assert statuses(store.save([first])) == [Status.STORED]
        assert statuses(store.save([first, entry()])) == [Status.REDELIVERED, Status.STORED]
        assert store.record_failures(["message"], float("inf")) == {}
    event = {"read": {"zone": {}, "punch": {"id": PUNCH_ID}}, "timeout": 0}
    result, log = query_function.handle(event, lambda: log_in("ponto_reader", owner), 60, STATEMENTS)

    assert log.error == ""
    assert list(packed_rows.unpack(result["rows"]["zone"])) == [(ZONE,)]
    assert find_punch(owner, {"id": PUNCH_ID}) == {"found": True}
    reset_role_limits(owner)
    assert migrate(owner, ZONE, SCHEMA).applied == []


# Statements of others, the expected problem, and what undoes them; empty: the printed statements.
PROBLEMS = [
    (
        "grant create on schema ponto to other",
        "other may create objects in schema ponto",
        "revoke create on schema ponto from other",
    ),
    (
        "grant create on schema ponto to public",
        "public may create objects in schema ponto",
        "revoke create on schema ponto from public",
    ),
    (
        "create function ponto.semanas(text, text) returns int language sql return 1;"
        "alter function ponto.semanas(text, text) owner to other",
        "function ponto.semanas(pg_catalog.text,pg_catalog.text) belongs to other",
        "drop function ponto.semanas(text, text)",
    ),
    (
        "create trigger append_only_insert before insert on ponto.batida"
        " for each statement execute function ponto.batida_append_only()",
        "trigger append_only_insert on ponto.batida calls ponto.batida_append_only()",
        "drop trigger append_only_insert on ponto.batida",
    ),
    (
        "create trigger more before insert on ponto.batida for each row execute function public.more()",
        "trigger more on ponto.batida calls public.more()",
        "drop trigger more on ponto.batida",
    ),
    (
        "create trigger more before insert on ponto.batida for each statement"
        " when (public.is_any()) execute function ponto.batida_append_only()",
        "trigger more on ponto.batida calls ponto.batida_append_only()",
        "drop trigger more on ponto.batida",
    ),
    (
        "create table public.referring (id uuid references ponto.batida)",
        "foreign key referring_id_fkey of public.referring refers to ponto.batida",
        "drop table public.referring",
    ),
    (
        "create table public.heir () inherits (ponto.batida)",
        "table public.heir inherits from ponto.batida",
        "drop table public.heir",
    ),
    (
        "create rule more as on insert to ponto.falha do instead nothing",
        "rule more is defined on ponto.falha",
        "drop rule more on ponto.falha",
    ),
    ("alter table ponto.batida enable row level security", "row security is enabled on ponto.batida", ""),
    ("alter table ponto.batida disable trigger append_only", "trigger append_only on ponto.batida is disabled", ""),
    (
        "alter table ponto.batida add constraint more check (public.is_more(recebida_em))",
        "table constraint more on ponto.batida uses function public.is_more(timestamp with time zone) of other",
        "alter table ponto.batida drop constraint more",
    ),
    (
        "alter table ponto.falha alter desde set default public.late()",
        "default value for ponto.falha.desde uses function public.late() of other",
        "alter table ponto.falha alter desde set default clock_timestamp()",
    ),
    (
        "create operator public.<< (leftarg = timestamptz, rightarg = timestamptz, function = public.is_more);"
        "alter operator public.<< (timestamptz, timestamptz) owner to master;"
        "create index more on ponto.batida ((recebida_em operator(public.<<) recebida_em))",
        "index ponto.more uses function public.is_more(timestamp with time zone,timestamp with time zone) of other",
        "drop index ponto.more",
    ),
]
PLANTED = """
    create function public.is_any() returns boolean language sql return true;
    create function public.is_more(timestamptz) returns boolean immutable language sql return true;
    create function public.is_more(timestamptz, timestamptz) returns boolean immutable language sql return true;
    create function public.late() returns timestamptz language sql return now();
    alter function public.is_more(timestamptz) owner to other;
    alter function public.is_more(timestamptz, timestamptz) owner to other;
    alter function public.late() owner to other;
    create function public.more() returns trigger language plpgsql as $$ begin return new; end $$
"""


def test_schema_with_objects_of_others_is_refused_until_they_are_removed(server: Server, owner: dict[str, str]) -> None:
    add_punch(owner)
    server.execute(f"create role other; {PLANTED}", "master")
    [(extension,), *_] = server.execute("select name from pg_available_extensions where name in ('hstore', 'vector')")
    problem = f"extension {extension} belongs to postgres"
    with_members = f"create extension {extension} schema ponto", problem, f"drop extension {extension}"
    for setup_statement, problem, undo_statement in [*PROBLEMS, with_members]:
        server.execute(setup_statement, "master")

        for run in (
            lambda: migrate(owner, ZONE, SCHEMA),
            lambda: reset_role_limits(owner),
            lambda: find_punch(owner, {"id": PUNCH_ID}),
        ):
            with pytest.raises(SchemaNotExclusiveError, match=rf"make clean.*: {re.escape(problem)}\. No") as caught:
                run()

        assert ("run: " in str(caught.value)) is not bool(undo_statement)
        if undo_statement:
            server.execute(undo_statement, "master")
        else:
            server.run_printed_statements(caught.value, "master")
        assert migrate(owner, ZONE, SCHEMA).applied == []
    assert execute(owner, "select count(*) from ponto.batida") == [(1,)]


def test_functions_of_the_project_are_given_back_to_the_owner(server: Server, owner: dict[str, str]) -> None:
    server.execute("create role other")
    [(statements,)] = server.execute(
        "select string_agg(format('alter routine %s owner to other', oid::regprocedure), ';') from pg_proc"
        " where pronamespace = 'ponto'::regnamespace",
        "master",
    )
    server.execute(statements, "master")

    with pytest.raises(SchemaNotExclusiveError) as caught:
        migrate(owner, ZONE, SCHEMA)
    server.run_printed_statements(caught.value, "master")

    assert migrate(owner, ZONE, SCHEMA) == MigrationResult([], [])


def test_members_and_other_functions_of_the_owner_are_reported(server: Server, owner: dict[str, str]) -> None:
    server.execute("create role eve; grant master to eve; create role dba superuser; grant master to dba")
    execute(owner, "create schema attic; create function attic.door() returns int language sql return 1")

    member, functions = migrate(owner, ZONE, SCHEMA).notices

    assert functions.endswith(": 1, such as attic.door()")
    assert member.startswith("eve is a member of the owner master")


@pytest.mark.parametrize(
    ("setup_statement", "user", "problem"),
    [
        ("select", "postgres", "^schema ponto belongs to master, but postgres signed in"),
        ("alter schema ponto owner to other", "master", "^schema ponto belongs to other, but master signed in"),
        ("create table ponto.more (); alter table ponto.more owner to other", "master", "ponto.more belongs to other"),
    ],
    ids=["superuser", "schema", "table"],
)
def test_error_suggests_no_statement_that_would_drop_tables(
    server: Server, owner: dict[str, str], setup_statement: str, user: str, problem: str
) -> None:
    server.execute(f"create role other; {setup_statement}", "master")

    with pytest.raises(SchemaNotExclusiveError, match=problem) as caught:
        migrate(owner | {"user": user}, ZONE, SCHEMA)

    assert not re.search("drop|alter", str(caught.value))


def test_session_that_acts_as_another_role_is_refused(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create role other; grant other to master; grant create on database master to other", "master")
    server.execute("alter database master set role = other")

    with pytest.raises(MigrationError, match="acts as another role") as caught:
        migrate(owner, ZONE, SCHEMA)

    server.run_printed_statements(caught.value)
    assert migrate(owner, ZONE, SCHEMA).applied


def test_transactions_of_the_owner_are_read_committed(database: Database) -> None:
    database.execute(f"alter database {database.owner['dbname']} set default_transaction_isolation = serializable")

    with connect_as_owner(database.owner) as connection, connection.cursor() as cursor:
        cursor.execute("show transaction_isolation")
        assert cursor.fetchall() == [("read committed",)]


def test_functions_use_built_ins_from_pg_catalog_only(database: Database) -> None:
    """SQL functions, which the planner may inline, are bound when they are created; others set their search path."""
    functions = database.execute(
        "select proname, lanname, prosqlbody is not null, proconfig from pg_proc"
        " join pg_language on pg_language.oid = prolang where pronamespace = 'ponto'::regnamespace"
    )
    assert functions
    for name, language, is_bound, settings in functions:
        if language == "sql":
            assert (name, is_bound, settings) == (name, True, None)
        else:
            assert (name, settings) == (name, ["search_path=pg_catalog, pg_temp"])


def test_a_trigger_that_is_committed_after_the_check_never_runs(server: Server, owner: dict[str, str]) -> None:
    server.execute("create role app login; grant usage on schema ponto to app", "master")
    server.execute("grant trigger on ponto.migracao_papel to app; grant create on schema public to app", "master")
    evil = """
        create function public.evil() returns trigger language plpgsql as $$
        begin
            perform nextval('public.runs'); -- a rollback does not undo it
            return new;
        end
        $$;
        create sequence public.runs;
        grant usage on sequence public.runs to public;
        create trigger evil before insert on ponto.migracao_papel for each row execute function public.evil();
        select pg_advisory_unlock_all()
    """
    waiting_sessions = "select count(*) from pg_locks where not granted and locktype = 'advisory'"
    app: dict[str, Any] = server.as_superuser("master")
    with ThreadPoolExecutor() as threads, closing(psycopg2.connect(**app)) as intruder, intruder.cursor() as cursor:
        intruder.autocommit = True
        cursor.execute("set role app; select pg_advisory_lock(0x626174696461)")
        run = threads.submit(migrate, owner, ZONE, SCHEMA)
        wait_for(lambda: server.execute(waiting_sessions, "master") == [(1,)], "migrations to wait after their check")
        cursor.execute(evil)
        with pytest.raises(SchemaNotExclusiveError, match=r"trigger evil on ponto\.migracao_papel"):
            run.result()

    assert server.execute("select is_called from public.runs", "master") == [(False,)]


def test_no_trigger_is_added_between_check_and_write(database: Database) -> None:
    trigger = "create trigger late before insert on batida for each row execute function batida_append_only()"
    with closing(database.connect()) as writer, writer.cursor() as cursor:
        lock_and_check_tables(cursor, all_tables=True)

        with pytest.raises(psycopg2.errors.LockNotAvailable):
            database.execute(f"set lock_timeout = '100ms'; {trigger}")
        add_punch(database.owner)  # inserts are not blocked


SCANS = """
import json, sys
from ponto.shared import sql_names
sql_names.SCHEMA = "scans"
from ponto.schema.migrations import MigrationResult, migrate
from tests.database import SCHEMA
migrate(json.loads(sys.argv[1]), "UTC", SCHEMA)
"""


def test_two_deployments_share_a_database_with_different_names(server: Server, owner: dict[str, str]) -> None:
    add_punch(owner)

    environment = os.environ | {"ROLE_PREFIX": "scans_"}
    subprocess.run([sys.executable, "-c", SCANS, json.dumps(owner)], cwd=ROOT, env=environment, check=True)

    assert execute(owner, "select (select count(*) from scans.batida), count(*) from ponto.batida") == [(0, 1)]
    assert server.privileges("scans_drain", "master") == set()  # no privileges in the schema ponto
    execute(owner, "set role scans_reader; select * from scans.batida")
    assert migrate(owner, ZONE, SCHEMA).applied == []
