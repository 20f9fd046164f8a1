"""A migrated database with an owner who is not a superuser, as on RDS, and objects that an attacker planted in it."""

import re

from ponto.admin.migrations import migrate
from tests.database import ROLES, SCHEMA
from tests.postgres.servers import Server, set_password
from tests.postgres.storing import add_punch
from tools.kit.project import ROOT

ZONE = "America/Sao_Paulo"
PUNCH_ID = "88888888-8888-4888-8888-888888888888"
EMPLOYEE_ID = 123

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
_COUNT_PLANTED = """
set search_path = pg_catalog;
select
    (select count(distinct proname) from pg_proc where pronamespace = 'public'::regnamespace),
    (select count(distinct oprname) from pg_operator where oprnamespace = 'public'::regnamespace)
"""


def plant_objects(server: Server, database: str) -> None:
    """Plant objects that the project's SQL could use in `public`, and put it first in the search path.

    Every role may create objects in `public`, and an attacker's role creates these.
    """
    server.execute("create role mallory login", database)
    server.execute(f"alter database {database} set search_path = public, pg_catalog")
    server.execute("grant create on schema public to public; set role mallory;" + _planted_statements(), database)
    functions, operators = server.execute(_COUNT_PLANTED, database)[0]
    assert functions > 30
    assert operators > 10


def _planted_statements() -> str:
    files = [path for folder in ("ponto", "slices") for path in (ROOT / folder).rglob("*.sql")]
    text = re.sub(r"--.*|'[^']*'", "", "\n".join(path.read_text(encoding="utf-8") for path in files))
    functions_called = set(re.findall(r"\b([a-z_0-9]+)\(", text)) | {"quote_ident", "to_regclass"}
    operators = set(re.findall(r"[-+*/<>=~!@#%^&|?]+", text))
    tables = re.findall(r"^create table ponto\.(\w+)", text, re.MULTILINE)
    return _PLANT_BUILTINS.replace("{functions}", ", ".join(f"'{name}'" for name in sorted(functions_called))).replace(
        "{operators}", ", ".join(f"'{name}'" for name in sorted(operators))
    ) + "".join(f"create table public.{name} (id int); " for name in (*tables, "migracao_papel"))


def create_migrated_database(server: Server) -> dict[str, str]:
    """Create a migrated database with one punch; return the owner's connection parameters."""
    owner = server.create_owner("master")
    migrate(owner, ZONE, SCHEMA)
    for role in ROLES:
        set_password(owner, role, "its own")
    add_punch(owner, EMPLOYEE_ID, id=PUNCH_ID)
    return owner


def login_parameters(role: str, owner: dict[str, str]) -> dict[str, str]:
    """Return a role's connection parameters for the owner's database."""
    return {**owner, "user": role, "password": "its own"}
