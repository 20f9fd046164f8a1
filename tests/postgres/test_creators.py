"""Whoever may create in the schema: what they put there runs with nobody else's rights, and `schema` refuses to run."""

import re
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from ponto.admin.find_punch import is_stored
from ponto.admin.migrations import migrate
from ponto.admin.roles import protect
from ponto.event import WHOSE
from ponto.own_schema import NotOwnSchemaError, strangers
from ponto.reader import answers, columns
from tests.database import ROLES, SCHEMA, ask
from tests.postgres.creators import EMPLOYEE, PUNCH, ZONE, way_of
from tests.postgres.creators import intruder as intruder
from tests.postgres.creators import owner as owner
from tests.postgres.creators import schema as schema
from tests.postgres.servers import Server
from tools.kit.project import ROOT

UNKNOWN = dict.fromkeys(ROLES)
_CREATES = re.compile(r"^create (?:or replace )?function (?!pg_temp)(\w+)", re.MULTILINE)
TABLES = [
    name
    for folder in SCHEMA.values()
    for path in folder.glob("*.sql")
    for name in re.findall("^create table ([a-z_]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
]
ZONES = {"read": {"zone": {}}, "timeout": 0}

# As ponto_function: it takes the owner's rights, if the owner calls it.
FORMAT = """
create function {schema}.format(text, name) returns text language plpgsql as $$
begin
    alter table {schema}.batida disable trigger append_only;
    update {schema}.batida set {whose} = 666;
    alter table {schema}.batida enable trigger append_only;
    return pg_catalog.format($1, variadic array[$2::text]);
exception
    when insufficient_privilege then
        return pg_catalog.format($1, variadic array[$2::text]);
end
$$
"""


def test_the_owner_calls_nothing_that_somebody_else_put_into_the_schema(
    owner: dict[str, str], intruder: dict[str, str], schema: str
) -> None:
    ask(intruder, FORMAT.format(schema=f'"{schema}"', whose=WHOSE))

    for run in (lambda: migrate(owner, ZONE, SCHEMA), lambda: protect(owner, UNKNOWN), lambda: is_stored(owner, PUNCH)):
        with pytest.raises(NotOwnSchemaError, match=r"everybody \(PUBLIC\) may create") as caught:
            run()
    assert ask(owner, f"select {WHOSE} from batida") == [(EMPLOYEE,)]

    [what_to_do] = re.findall(r"revoke create on schema .* from public", str(caught.value))
    ask(owner, what_to_do)
    with pytest.raises(NotOwnSchemaError, match=r"function .*format\(text,name\) of ponto_function"):
        migrate(owner, ZONE, SCHEMA)
    assert ask(owner, f"select {WHOSE} from batida") == [(EMPLOYEE,)]

    ask(owner, f'drop function "{schema}".format(text, name)')
    assert migrate(owner, ZONE, SCHEMA) == ([], [])


@pytest.mark.parametrize("schema", ["public"], indirect=True)
def test_a_table_of_somebody_elses_that_is_found_before_ours_is_not_taken_for_it(
    server: Server, owner: dict[str, str]
) -> None:
    server.ask("grant create on database master to ponto_function", "master")
    intruder = way_of("ponto_function", owner)
    ask(intruder, "create schema ponto_reader; grant usage on schema ponto_reader to public")
    ask(intruder, "create table ponto_reader.batida (id int)")

    answer, done = answers.answer(ZONES, lambda: way_of("ponto_reader", owner), 60)

    assert "ponto_reader of ponto_function and public of master" in answer["message"]
    assert done.error == "NotOwnSchemaError"


@pytest.mark.parametrize("schema", ["public"], indirect=True)
def test_a_schema_of_ones_own_is_not_taken_for_that_of_the_tables(server: Server, owner: dict[str, str]) -> None:
    server.ask("create schema authorization ponto_reader", "master")

    answer, _ = answers.answer(ZONES, lambda: way_of("ponto_reader", owner), 60)
    assert [name for name, *_ in columns.unpacked(answer["rows"]["zone"])] == [ZONE]

    server.ask("grant create on schema public to public", "master")
    answer, done = answers.answer(ZONES, lambda: way_of("ponto_reader", owner), 60)
    assert done.error == "NotOwnSchemaError"


@pytest.mark.parametrize("schema", ["public"], indirect=True)
def test_schema_refuses_while_a_role_may_create_and_says_what_an_administrator_does(
    server: Server, owner: dict[str, str]
) -> None:
    server.ask("create role other")
    for before, who, then in (
        ("alter database master owner to other", "other", "alter database master owner to master"),
        ("grant create on schema public to ponto_function", "ponto_function", "revoke create on schema public"),
        ("grant create on schema public to other", "other", "revoke create on schema public"),
        ("alter schema public owner to other", "other", "alter schema public owner to master"),
    ):
        server.ask(before, "master")

        with pytest.raises(NotOwnSchemaError, match=rf"\b{who} may create in it") as caught:
            migrate(owner, ZONE, SCHEMA)

        [what_to_do] = re.findall(rf"({then}[^;]*);", str(caught.value))
        server.ask(what_to_do, "master")
        assert migrate(owner, ZONE, SCHEMA) == ([], [])


@pytest.mark.parametrize("schema", ["public"], indirect=True)
def test_owner_and_superusers_may_create(server: Server, owner: dict[str, str]) -> None:
    server.ask("create role chief superuser")
    for before in (
        "grant create on schema public to chief",
        "alter database master owner to postgres",
        "alter schema public owner to postgres; grant create on schema public to master",
        "alter schema public owner to master",
    ):
        server.ask(before, "master")
        server.ask("grant create on schema public to master", "master")
        assert migrate(owner, ZONE, SCHEMA) == ([], []), before


@pytest.mark.parametrize("table", ["batida", "batida_original", "migracao"])
def test_a_table_of_somebody_elses_is_not_taken_for_ours(server: Server, table: str) -> None:
    owner = server.owner("master")
    server.ask(f"create role other; create table {table} (id int); alter table {table} owner to other", "master")

    with pytest.raises(NotOwnSchemaError, match=rf"relation public\.{table} of other") as caught:
        migrate(owner, ZONE, SCHEMA)

    [what_to_do] = re.findall(r"(alter table [^;]*);", str(caught.value))
    server.ask(what_to_do, "master")
    if table != "batida":  # which lacks the columns of the first version's
        assert migrate(owner, ZONE, SCHEMA).applied


def test_what_somebody_made_under_a_name_that_the_migrations_give_later_stops_them(server: Server) -> None:
    owner = server.owner("master")
    function = "batida_append_only(int)"
    server.ask(f"create role other; create function {function} returns int language sql return 1", "master")
    server.ask(f"alter function {function} owner to other", "master")

    with pytest.raises(NotOwnSchemaError, match=r"function public\.batida_append_only\(integer\) of other"):
        migrate(owner, ZONE, SCHEMA)

    assert ask(owner, "select relname from pg_class where relnamespace = 'public'::regnamespace") == []


@pytest.mark.parametrize("schema", ["public"], indirect=True)
def test_every_table_of_ours_is_looked_at(server: Server, owner: dict[str, str]) -> None:
    kept = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    tables = [name for (name,) in ask(owner, kept)]
    server.ask("create role other; " + "; ".join(f"alter table {name} owner to other" for name in tables), "master")

    way: dict[str, Any] = owner
    with closing(psycopg2.connect(**way)) as connection, connection.cursor() as cursor:
        cursor.execute("set ponto.schema = 'public'")
        found = [name for name, *_ in strangers(cursor, as_owner=True, tables=TABLES)]

    assert {*TABLES, "migracao"} <= set(tables)
    assert sorted(found) == sorted(f"relation public.{name} of other" for name in tables)

    last = TABLES[-1]
    server.ask("; ".join(f"alter table {name} owner to master" for name in tables if name != last), "master")
    with pytest.raises(NotOwnSchemaError, match=rf"relation public\.{last} of other"):
        migrate(owner, ZONE, SCHEMA)


def _sql() -> str:
    """All SQL of the project, without comments and texts."""
    files = [path for folder in ("ponto", "slices") for path in (ROOT / folder).rglob("*.sql")]
    return re.sub(r"--.*|'[^']*'", "", "\n".join(path.read_text(encoding="utf-8") for path in files))


@pytest.mark.parametrize("schema", ["public"], indirect=True)
def test_nothing_of_somebody_elses_has_the_name_of_a_built_in_that_our_sql_calls(
    owner: dict[str, str], intruder: dict[str, str], schema: str
) -> None:
    built_in = "select distinct {0}name from pg_{1} where {0}namespace = 'pg_catalog'::regnamespace"
    functions = {name for (name,) in ask(owner, built_in.format("pro", "proc"))}
    operators = {name for (name,) in ask(owner, built_in.format("opr", "operator"))}
    called = {name for name in re.findall(r"\b([a-z_0-9]+)\(", _sql()) if name in functions}
    called_operators = {name for name in re.findall(r"[-+*/<>=~!@#%^&|?]+", _sql()) if name in operators} - {"=>"}
    assert {"format", "set_config", "clock_timestamp", "sha256"} <= called
    assert {"=", "<>", "||", "->>", "<@"} & called_operators > {"=", "||"}
    for name in called:
        ask(intruder, f'create function "{name}"(name, uuid, name) returns text language sql return null')
    ask(intruder, "create function planted(uuid, name) returns boolean language sql return null::boolean")
    for name in called_operators:
        ask(intruder, f"create operator {name} (leftarg = uuid, rightarg = name, function = planted)")
    ask(intruder, "create table batida_original (id int, usuario_id int, ponto timestamp)")
    ask(owner, f'revoke create on schema "{schema}" from public')

    way: dict[str, Any] = intruder
    with closing(psycopg2.connect(**way)) as connection, connection.cursor() as cursor:
        cursor.execute("set ponto.schema = 'public'")
        found = "\n".join(name for name, *_ in strangers(cursor)).replace('"', "")

    assert [name for name in called if f"function public.{name}(name,uuid,name) of" not in found] == []
    assert [name for name in called_operators if f"operator public.{name}(uuid,name) of" not in found] == []
    assert "relation public.batida_original of ponto_function" in found
    assert "planted(" not in found.replace("function public.planted", "")
    with pytest.raises(NotOwnSchemaError, match=r"and \d+ more"):
        migrate(owner, ZONE, SCHEMA)


def test_functions_of_ours_find_built_ins_only_where_they_are(owner: dict[str, str]) -> None:
    """Those that the planner inlines are bound when they are made; all others name their search path."""
    functions = ask(
        owner,
        "select proname, lanname, prosqlbody is not null, proconfig from pg_proc"
        " join pg_language on pg_language.oid = prolang where pronamespace ="
        " quote_ident(current_schema())::regnamespace",
    )
    files = [*(ROOT / "ponto" / "schema").rglob("*.sql"), *(ROOT / "slices").glob("*/schema/**/*.sql")]
    made = {name for file in files for name in _CREATES.findall(file.read_text(encoding="utf-8"))}
    assert made == {name for name, *_ in functions}
    for name, language, is_bound, settings in functions:
        if language == "sql":
            assert (name, is_bound, settings) == (name, True, None)
        else:
            assert (name, settings) == (name, ["search_path=pg_catalog, pg_temp"])
