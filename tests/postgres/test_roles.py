"""The roles that the migrations create: who can create them, their privileges, limits and logins."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ponto.drain.store import Status, Store
from ponto.punch import EVENT, Punch
from ponto.schema import roles
from ponto.schema.migrations import BASE_FOLDERS, MigrationResult, migrate
from ponto.schema.owner import MigrationError
from tests.database import ROLES, SCHEMA, execute, migrations
from tests.database import TIME_ZONE as ZONE
from tests.documents import blocks
from tests.postgres.servers import STATEMENTS_REFUSED_TO_ALL_ROLES, Server, as_owner, filter_permitted, log_in
from tests.postgres.storing import STORED, entry
from tests.waiting import wait_for
from tools.kit.project import ROOT

MIGRATIONS = migrations()


def set_password(owner: dict[str, str], role: str, password: str) -> None:
    as_owner(owner, lambda connection: roles.set_password(connection, role, password))


def reset_role_limits(owner: dict[str, str], concurrency: Mapping[str, int | None]) -> list[str]:
    return as_owner(owner, lambda connection: roles.reset_role_limits(connection, concurrency))


def set_login_method(owner: dict[str, str], *names: str, uses_iam: bool) -> list[str]:
    return as_owner(owner, lambda connection: roles.set_login_method(connection, names, uses_iam=uses_iam))


# Creation


@pytest.mark.parametrize(
    ("user", "setup_statement"),
    [
        ("postgres", "alter database master owner to postgres"),
        ("master", "revoke all on database master from public; revoke all on schema public from public"),
    ],
    ids=["superuser", "Aurora's master user, and a database that is closed to public"],
)
def test_owner_creates_roles_that_can_log_in_after_a_password_is_set(
    server: Server, user: str, setup_statement: str
) -> None:
    owner = server.create_owner("master") | {"user": user}
    server.execute(setup_statement, "master")

    assert migrate(owner, ZONE, SCHEMA) == (MIGRATIONS, [])

    for role in ROLES:
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            execute(log_in(role, owner), "select")
        set_password(owner, role, "its own")
        assert execute(log_in(role, owner), "select current_user") == [(role,)]
    assert server.execute(
        "select distinct rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles"
        " where rolname ~ '^ponto_'"
    ) == [(False,) * 5]
    assert migrate(owner, ZONE, SCHEMA) == ([], [])


def test_concurrent_migration_of_another_database_uses_the_roles_of_the_first(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create database second owner master")
    waiting_sessions = "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
    arguments: dict[str, Any] = server.as_superuser()
    with ThreadPoolExecutor() as threads, closing(psycopg2.connect(**arguments)) as first, first.cursor() as cursor:
        cursor.execute("set role master; create role ponto_drain login; create role ponto_reader login")
        second_migration = threads.submit(migrate, {**owner, "dbname": "second"}, ZONE, SCHEMA)
        try:
            wait_for(lambda: server.execute(waiting_sessions) == [(1,)], "the migration to wait for the other")
        finally:
            first.commit()
        assert second_migration.result().applied == MIGRATIONS
    assert migrate(owner, ZONE, SCHEMA).applied == MIGRATIONS


@pytest.mark.usefixtures("owner")
def test_roles_that_the_database_of_another_owner_uses_are_refused(server: Server) -> None:
    second = server.create_owner("second")

    with pytest.raises(MigrationError, match=r"ponto_drain is used in database master of master.* ROLE_PREFIX"):
        migrate(second, ZONE, SCHEMA)

    assert execute(second, "select from pg_namespace where nspname = 'ponto'") == []


LEAVE_DOOR = """
    create role ponto_drain;
    create schema attic;
    create function attic.door() returns text language sql security definer as 'select current_user';
    alter function attic.door() owner to ponto_drain;
"""
# Statements with which others prepare a function's role before the migration, their database, and the expected problem.
# The owner has the admin option on the roles.
PREPARED_ROLES = {
    "member": (
        "create role ponto_drain login password 'its own'; create role mallory in role ponto_drain",
        "master",
        "mallory is a member of ponto_drain",
    ),
    "attributes": (
        "create role ponto_drain createrole bypassrls",
        "master",
        "ponto_drain has attributes that a function's role must not have",
    ),
    "memberships": (
        "create role auditors; create role ponto_drain in role auditors",
        "master",
        "ponto_drain is a member of auditors",
    ),
    "creator": (  # PostgreSQL gives the creator the admin option
        "create role mallory createrole; set role mallory; create role ponto_drain",
        "master",
        "mallory is a member of ponto_drain.* drop role ponto_drain",
    ),
    "function here": (LEAVE_DOOR, "master", r"ponto_drain owns function attic\.door\(\)"),
    "function elsewhere": (LEAVE_DOOR, "second", "ponto_drain owns 1 objects in database second"),
}


@pytest.mark.parametrize(("setup_statement", "database", "problem"), PREPARED_ROLES.values(), ids=PREPARED_ROLES)
def test_role_that_others_prepared_is_refused_until_their_access_is_removed(
    server: Server, setup_statement: str, database: str, problem: str
) -> None:
    owner = server.create_owner("master")
    server.execute("create database second owner master")
    server.execute(setup_statement, database)
    server.execute("create role ponto_reader; grant ponto_drain, ponto_reader to master with admin option")

    with pytest.raises(MigrationError, match=rf"others created roles with .* this project: .*{problem}") as caught:
        migrate(owner, ZONE, BASE_FOLDERS)
    assert execute(owner, "select from pg_namespace where nspname = 'ponto'") == []

    if query := re.search("listed there by: (.+?regrole)", str(caught.value)):
        assert server.execute(query[1], database) == [("function attic.door()",)]
    server.run_printed_statements(caught.value, database)
    assert migrate(owner, ZONE, BASE_FOLDERS).applied
    assert server.execute("select to_regproc('attic.door')", database) == [(None,)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute(log_in("ponto_drain", owner), "select")


def test_role_with_an_open_session_is_refused_until_the_session_is_ended(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create role ponto_reader login password 'its own'; create role ponto_drain")
    server.execute("grant ponto_drain, ponto_reader to master with admin option")
    arguments: dict[str, Any] = log_in("ponto_reader", owner)
    with closing(psycopg2.connect(**arguments)) as connection, connection.cursor() as cursor:
        with pytest.raises(MigrationError, match=f"ponto_reader has .* pid {connection.info.backend_pid}") as caught:
            migrate(owner, ZONE, BASE_FOLDERS)

        server.run_printed_statements(caught.value)

        assert migrate(owner, ZONE, BASE_FOLDERS).applied
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("select from ponto.batida")


def test_objects_of_the_projects_roles_are_reported_with_the_documented_query(
    server: Server, owner: dict[str, str]
) -> None:
    server.execute(LEAVE_DOOR.replace("create role ponto_drain;", ""), "master")
    [documented] = [block.text for block in blocks(ROOT / "docs/security.md") if block.language == "sql"]

    [notice] = migrate(owner, ZONE, SCHEMA).notices

    assert "function attic.door() of ponto_drain" in notice
    for query in (notice.partition("this lists them: ")[2], documented):
        assert server.execute(query, "master") == [("ponto_drain", "function attic.door()")]


@pytest.mark.parametrize(
    ("attributes", "setup_statement", "refused_statement"),
    [
        ("", "select", "create role ponto_"),
        ("createrole", "create role ponto_drain; create role ponto_reader", "alter role ponto_drain login"),
    ],
    ids=["no privilege to create roles", "roles of an administrator"],
)
def test_error_names_the_statements_that_create_the_roles_for_the_owner(
    server: Server, attributes: str, setup_statement: str, refused_statement: str
) -> None:
    owner = server.create_owner("clerk", attributes)
    server.execute(setup_statement)

    with pytest.raises(MigrationError, match=f'"clerk" may not run `{refused_statement}') as caught:
        migrate(owner, ZONE, BASE_FOLDERS)
    assert execute(owner, "select to_regclass('batida'), to_regclass('migracao')") == [(None, None)]

    server.run_printed_statements(caught.value)
    assert migrate(owner, ZONE, BASE_FOLDERS).applied
    set_password(owner, "ponto_drain", "its own")
    assert execute(log_in("ponto_drain", owner), "select id from ponto.batida") == []


def test_role_of_a_removed_slice_is_altered_only_if_it_can_still_log_in(server: Server, tmp_path: Path) -> None:
    owner = server.create_owner("master")
    (tmp_path / "roles.sql").write_text("create role ponto_gone login;\n")
    migrate(owner, ZONE, BASE_FOLDERS | {"gone": tmp_path})
    server.execute("revoke ponto_gone from master")

    with pytest.raises(MigrationError, match=r"grant .*ponto_gone to \"master\" with admin option"):
        migrate(owner, ZONE, BASE_FOLDERS)
    server.execute("alter role ponto_gone nologin")  # as the migrations of another stage do
    assert migrate(owner, ZONE, BASE_FOLDERS) == MigrationResult([], [])


def test_role_of_a_slice_that_another_stage_uses_can_still_log_in(server: Server, tmp_path: Path) -> None:
    owner = server.create_owner("master")
    server.execute("create database second owner master")
    (tmp_path / "roles.sql").write_text("create role ponto_gone login;\n")
    (tmp_path / "privileges.sql").write_text("grant usage on schema ponto to ponto_gone;\n")
    for database in ("master", "second"):
        migrate({**owner, "dbname": database}, ZONE, BASE_FOLDERS | {"gone": tmp_path})

    migrate(owner, ZONE, BASE_FOLDERS)

    set_password(owner, "ponto_gone", "its own")
    gone = log_in("ponto_gone", owner)
    assert execute({**gone, "dbname": "second"}, "select has_schema_privilege('ponto', 'usage')") == [(True,)]
    assert execute(gone, "select has_schema_privilege('ponto', 'usage')") == [(False,)]


@pytest.mark.parametrize(
    "setup_statement",
    [
        "create schema sales; create table sales.orders ()",
        "alter database master owner to postgres; grant create on database master to master;"
        f"alter database master set timezone = '{ZONE}'",
    ],
    ids=["database with other tables", "database of another owner"],
)
def test_shared_database_keeps_temporary_tables_with_a_notice(server: Server, setup_statement: str) -> None:
    owner = server.create_owner("master")
    server.execute(setup_statement, "master")

    [notice] = migrate(owner, ZONE, SCHEMA).notices

    assert "revoke temporary on database master from public" in notice
    assert server.execute("select has_database_privilege('pg_monitor', 'master', 'temporary')") == [(True,)]


# Privileges


def test_roles_have_exactly_these_privileges(server: Server, owner: dict[str, str]) -> None:
    assert server.privileges("ponto_drain", "master") == {
        *(("batida", name, "select") for name in ("id", *EVENT.same, "mensagem_id")),
        *(("batida", name, "insert") for name in (*Punch._fields, "recebida_em", "mensagem_id", "chave")),
        ("falha", None, "select"),
        ("falha", None, "delete"),
        ("falha", "mensagem_id", "select"),
        ("falha", "desde", "select"),
        ("falha", "mensagem_id", "insert"),
    }
    assert {privilege for *_, privilege in server.privileges("ponto_reader", "master")} == {"select"}
    for role, other in (("ponto_drain", "ponto_reader"), ("ponto_reader", "ponto_drain")):
        statements = [*STATEMENTS_REFUSED_TO_ALL_ROLES, "create schema more", f"set role {other}"]
        assert filter_permitted(log_in(role, owner), statements) == []


# Settings of each run

UNKNOWN_CONCURRENCY = dict.fromkeys(ROLES)  # None: the reserved concurrency is unknown
SETTINGS = (
    "select rolname, setdatabase > 0, setconfig from pg_db_role_setting join pg_roles on pg_roles.oid = setrole"
    " where rolname ~ '^ponto_' order by 1, 2"
)


def test_settings_that_a_role_set_for_itself_are_reset(server: Server, owner: dict[str, str]) -> None:
    drain, reader = log_in("ponto_drain", owner), log_in("ponto_reader", owner)
    execute(drain, "alter role ponto_drain set search_path = pg_temp, public")
    execute(drain, "alter role ponto_drain in database master set default_transaction_read_only = on")
    execute(reader, "alter role ponto_reader set timezone = 'UTC'")
    server.execute("alter role ponto_reader set log_statement = 'all'")  # which only a superuser may reset
    # The update moves the role's row to the end of pg_authid, which must not change the order of the notices.
    server.execute("update pg_authid set rolconnlimit = rolconnlimit where rolname = 'ponto_drain'")
    assert Store(lambda: drain).save([entry()])[0].status is Status.FAILED

    assert reset_role_limits(owner, UNKNOWN_CONCURRENCY) == [
        "NOTICE:  settings reset: ponto_drain in database master",
        "NOTICE:  settings reset: ponto_drain",
        "NOTICE:  settings reset: ponto_reader",
    ]
    assert server.execute(SETTINGS) == [("ponto_reader", False, ["log_statement=all"])]
    assert reset_role_limits(owner, UNKNOWN_CONCURRENCY) == []
    assert Store(lambda: drain).save([entry()]) == [STORED]


def test_the_roles_connections_are_limited_by_the_reserved_concurrency(server: Server, owner: dict[str, str]) -> None:
    unlimited = {**dict.fromkeys(ROLES, -1), "ponto_reader": 20}
    for concurrency, limits in (
        (UNKNOWN_CONCURRENCY, unlimited),
        ({"ponto_drain": 1}, unlimited | {"ponto_drain": 4}),
        (dict.fromkeys(ROLES, 2), {**dict.fromkeys(ROLES, 8), "ponto_reader": 20 + 8}),
    ):
        assert reset_role_limits(owner, concurrency) == []

        rows = server.execute("select rolname, rolconnlimit from pg_roles where rolname ~ '^ponto_' and rolcanlogin")
        assert dict(rows) == limits


# Login

GRANTED_IAM = "select count(*) from pg_roles where rolname ~ '^ponto_' and pg_has_role(oid, 'rds_iam', 'member')"


def test_roles_switch_between_iam_and_password_login(server: Server, owner: dict[str, str]) -> None:
    names = sorted(ROLES)
    assert set_login_method(owner, *names, uses_iam=False) == []  # rds_iam does not exist
    server.execute("create role rds_iam; grant rds_iam to master with admin option")
    assert set_login_method(owner, *names, uses_iam=False) == []

    iam_notices = [f"NOTICE:  logs in with IAM tokens: {role}" for role in names]
    assert set_login_method(owner, *names, "ponto_of_no_slice", uses_iam=True) == iam_notices
    server.execute("alter role master nocreaterole")
    assert set_login_method(owner, *names, uses_iam=True) == []  # nothing to alter
    server.execute("alter role master createrole")
    assert server.execute(GRANTED_IAM) == [(len(ROLES),)]

    password_notices = [f"NOTICE:  logs in with a password: {role}" for role in names]
    assert set_login_method(owner, *names, uses_iam=False) == password_notices
    assert set_login_method(owner, *names, uses_iam=False) == []
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute(log_in("ponto_drain", owner), "select")


def test_iam_login_without_the_role_rds_iam_is_refused(owner: dict[str, str]) -> None:
    with pytest.raises(MigrationError, match=r"the role rds_iam does not exist.*: set dbLogin to secret"):
        set_login_method(owner, *ROLES, uses_iam=True)


@pytest.mark.parametrize(
    ("setup_statement", "action", "expected_error"),
    [
        (
            "alter role master nocreaterole",
            lambda owner: reset_role_limits(owner, dict.fromkeys(ROLES, 6)),
            "master.* may not run `alter role ponto_",
        ),
        (
            "create role rds_iam",
            lambda owner: set_login_method(owner, *ROLES, uses_iam=True),
            "master.* may not run `grant rds_iam to ponto_",
        ),
        (
            f"create role rds_iam; grant rds_iam to {', '.join(ROLES)}",
            lambda owner: set_login_method(owner, *ROLES, uses_iam=False),
            "master.* may not run `revoke rds_iam from ponto_",
        ),
        (
            "create role rds_iam; create role via; grant rds_iam to via; grant via to ponto_drain;"
            "grant rds_iam to master with admin option; set role master; grant rds_iam to ponto_drain",
            lambda owner: set_login_method(owner, "ponto_drain", uses_iam=False),
            "ponto_drain is a member of via, which has rds_iam",
        ),
    ],
    ids=["limits", "login by IAM", "login by password", "an indirect member of rds_iam"],
)
def test_error_names_the_statements_that_the_owner_may_not_run(
    server: Server,
    owner: dict[str, str],
    setup_statement: str,
    action: Callable[[dict[str, str]], list[str]],
    expected_error: str,
) -> None:
    server.execute(setup_statement)
    with pytest.raises(MigrationError, match=expected_error) as caught:
        action(owner)

    server.run_printed_statements(caught.value)

    action(owner)
    assert action(owner) == []


# Passwords


def test_password_is_sent_to_the_server_only_as_a_scram_verifier(server: Server, owner: dict[str, str]) -> None:
    before = len(server.log.read_text(errors="replace"))  # skip the lines of other tests
    server.execute("alter role master set log_statement = 'all'")

    set_password(owner, "ponto_drain", "CANARY 'ç\\")

    assert execute(log_in("ponto_drain", owner) | {"password": "CANARY 'ç\\"}, "select 1") == [(1,)]
    log = server.log.read_text(errors="replace")[before:]
    assert "SCRAM-SHA-256$" in log
    assert "CANARY" not in log


def test_name_of_a_role_is_quoted_when_its_password_is_set(owner: dict[str, str]) -> None:
    with pytest.raises(psycopg2.errors.UndefinedObject, match='role "no"body; select" does not exist'):
        set_password(owner, 'no"body; select', "CANARY")
