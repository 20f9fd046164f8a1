"""A migrated database with objects that an attacker planted in its schema `public` before the migrations."""

import re

import psycopg2
import pytest

from ponto.schema.migrations import migrate
from tests.database import SCHEMA, TIME_ZONE, execute
from tests.postgres.servers import Server
from tools.kit.project import ROOT

# Creates, in schema public, functions and operators with the names and arguments of all built-ins that the project's
# SQL uses. They take precedence if public is searched before pg_catalog. Those that cannot be created are skipped.
_PLANT_BUILTINS = """
do $$
declare
    statement text;
begin
    for statement in
        select
            format(
                'create function public.%I(%s) returns %s language plpgsql '
                'as $f$ begin raise exception ''planted''; end $f$',
                proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid)
            )
        from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f' and proname = any(array[{functions}])
        union all
        select
            format(
                'create or replace function public.planted(%1$s, %2$s) returns %3$s language plpgsql '
                'as $f$ begin raise exception ''planted''; end $f$;'
                'create operator public.%4$s (leftarg = %1$s, rightarg = %2$s, function = public.planted)',
                oprleft::regtype, oprright::regtype, oprresult::regtype, oprname
            )
        from pg_operator
        where oprnamespace = 'pg_catalog'::regnamespace and oprkind = 'b' and oprname = any(array[{operators}])
    loop
        begin
            execute statement;
        exception
            when others then null;
        end;
    end loop;
end
$$;
"""


def create_hostile_database(server: Server) -> dict[str, str]:
    """Create the database `master`, which searches `public` first, with planted objects; return its owner's parameters.

    Every role may create objects in `public`, and an attacker's role creates these.
    """
    owner = server.create_owner("master")
    server.execute("create role mallory login; alter database master set search_path = public, pg_catalog")
    server.execute("grant create on schema public to public; set role mallory;" + _planted_statements(), "master")
    with pytest.raises(psycopg2.errors.RaiseException, match="planted"):
        execute(owner, "select clock_timestamp()")
    with pytest.raises(psycopg2.errors.RaiseException, match="planted"):
        execute(owner, "select 1 = 1")
    assert migrate(owner, TIME_ZONE, SCHEMA).applied
    server.set_passwords()
    return owner


def _planted_statements() -> str:
    files = [path for folder in ("ponto", "slices") for path in (ROOT / folder).rglob("*.sql")]
    text = re.sub(r"--.*|'[^']*'", "", "\n".join(path.read_text(encoding="utf-8") for path in files))
    functions_called = set(re.findall(r"\b([a-z_0-9]+)\(", text)) | {"quote_ident", "to_regclass"}
    operators = set(re.findall(r"[-+*/<>=~!@#%^&|?]+", text))
    tables = re.findall(r"^create table ponto\.(\w+)", text, re.MULTILINE)
    return _PLANT_BUILTINS.replace("{functions}", ", ".join(f"'{name}'" for name in sorted(functions_called))).replace(
        "{operators}", ", ".join(f"'{name}'" for name in sorted(operators))
    ) + "".join(f"create table public.{name} (id int); " for name in (*tables, "migracao_papel"))
