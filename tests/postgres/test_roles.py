"""The roles that the migrations create: who can create them, their privileges, limits and logins."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
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
from tests.postgres.servers import STATEMENTS_REFUSED_TO_ALL_ROLES, Server, as_owner, filter_permitted, log_in
from tests.postgres.storing import STORED, entry
from tests.waiting import wait_for

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


def test_concurrent_migration_of_another_database_is_refused_the_roles_of_the_first(server: Server) -> None:
    owner = server.create_owner("master")
    waiting_sessions = "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
    arguments: dict[str, Any] = server.as_superuser()
    with ThreadPoolExecutor() as threads, closing(psycopg2.connect(**arguments)) as first, first.cursor() as cursor:
        cursor.execute("set role master; create role ponto_drain login")
        second_migration = threads.submit(migrate, owner, ZONE, SCHEMA)
        try:
            wait_for(lambda: server.execute(waiting_sessions) == [(1,)], "the migration to wait for the other")
        finally:
            first.commit()
        with pytest.raises(MigrationError, match=r"did not create for it: ponto_drain\."):
            second_migration.result()


FOREIGN_ROLES = {
    "an administrator's": "create role ponto_drain; grant ponto_drain to master with admin option",
    "another user's": "set role mallory; create role ponto_drain; grant ponto_drain to master with admin option",
    "the owner's, for another database": "set role master; create role ponto_drain",
}


@pytest.mark.parametrize("setup_statement", FOREIGN_ROLES.values(), ids=FOREIGN_ROLES)
@pytest.mark.parametrize("is_superuser", [False, True])
def test_role_that_the_owner_did_not_create_for_this_database_is_refused(
    server: Server, setup_statement: str, *, is_superuser: bool
) -> None:
    owner = server.create_owner("master")
    server.execute(f"create role mallory createrole; {setup_statement}")
    if is_superuser:
        server.execute("alter role master superuser")

    with pytest.raises(MigrationError, match=r"did not create for it: ponto_drain\..* rolePrefix") as caught:
        migrate(owner, ZONE, BASE_FOLDERS)
    assert execute(owner, "select from pg_namespace where nspname = 'ponto'") == []

    server.run_printed_statements(caught.value)
    assert migrate(owner, ZONE, BASE_FOLDERS).applied
    assert migrate(owner, ZONE, BASE_FOLDERS) == MigrationResult([], [])


def test_role_of_a_restored_dump_is_refused_although_its_recorded_oid_is_equal(
    server: Server, owner: dict[str, str]
) -> None:
    """Whoever creates the role on the other server can wait for the recorded oid."""
    server.execute("create role mallory createrole; drop owned by ponto_drain; drop role ponto_drain", "master")
    server.execute("set role mallory; create role ponto_drain; grant ponto_drain to master with admin option")
    execute(owner, "update migracao_papel set oid = 'ponto_drain'::regrole where nome = 'ponto_drain'")

    with pytest.raises(MigrationError, match=r"did not create for it: ponto_drain\."):
        migrate(owner, ZONE, SCHEMA)


def test_what_others_prepared_has_no_effect_on_the_new_role(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create role mallory createrole; grant mallory to master", "master")
    server.execute("create role ponto_drain login password 'its own'; create role member login password 'its own'")
    server.execute("grant ponto_drain to member, mallory with admin option")
    second = "x; alter role mallory superuser; --"
    server.execute(f'create database "{second}" owner mallory')
    door = "create function public.door() returns text language sql security definer as 'select current_user'"
    for database in ("master", second):
        server.execute(f"{door}; alter function public.door() owner to ponto_drain", database)
    sessions = []
    for user, statement in (
        ("ponto_drain", "select"),
        ("member", "set role ponto_drain"),
        ("postgres", "set session authorization ponto_drain"),
    ):
        arguments: dict[str, Any] = log_in(user, owner)
        session = psycopg2.connect(**arguments)
        session.autocommit = True
        session.cursor().execute(statement)
        sessions.append(session)
    with pytest.raises(MigrationError, match="ponto_drain") as caught:
        migrate(owner, ZONE, BASE_FOLDERS)
    assert "mallory" not in str(caught.value)
    server.execute("drop owned by ponto_drain", second)

    server.run_printed_statements(caught.value, "master")

    assert migrate(owner, ZONE, BASE_FOLDERS).notices == []
    set_password(owner, "ponto_drain", "another")
    for session in sessions:
        with closing(session), session.cursor() as cursor, pytest.raises(psycopg2.Error, match="permission denied"):
            cursor.execute("select id from ponto.batida")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute(log_in("ponto_drain", owner), "select")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute(log_in("member", owner), "set role ponto_drain")
    for database in ("master", second):
        assert server.execute("select to_regproc('public.door')", database) == [(None,)]


def test_members_of_the_roles_are_reported(server: Server, owner: dict[str, str]) -> None:
    server.execute(
        "create role mallory; grant ponto_drain to mallory; create role person; grant ponto_reader to person"
    )
    server.execute("create role keeper; grant ponto_reader to keeper with admin option")

    notices = migrate(owner, ZONE, SCHEMA).notices

    assert [notice.partition(".")[0] for notice in notices] == [
        "keeper is a member of ponto_reader and may add members",
        "mallory is a member of ponto_drain and so has the privileges of that function",
    ]


def test_error_names_the_statement_that_lets_the_owner_create_roles(server: Server) -> None:
    owner = server.create_owner("clerk", "")

    with pytest.raises(MigrationError, match='"clerk" may not run `create role ponto_') as caught:
        migrate(owner, ZONE, BASE_FOLDERS)
    assert execute(owner, "select to_regclass('batida'), to_regclass('migracao')") == [(None, None)]

    server.run_printed_statements(caught.value)
    assert migrate(owner, ZONE, BASE_FOLDERS).applied


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


SUPERUSER_SETTING = "NOTICE:  ponto_reader has the setting log_statement, which only a superuser can reset"


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
        SUPERUSER_SETTING,
    ]
    assert server.execute(SETTINGS) == [("ponto_reader", False, ["log_statement=all"])]
    assert reset_role_limits(owner, UNKNOWN_CONCURRENCY) == [SUPERUSER_SETTING]
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
    ],
    ids=["limits", "login by IAM", "login by password"],
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


def test_password_login_of_an_indirect_member_of_rds_iam_is_refused(server: Server, owner: dict[str, str]) -> None:
    server.execute(
        "create role rds_iam; create role via; grant rds_iam to via; grant via to ponto_drain;"
        "grant rds_iam to master with admin option; set role master; grant rds_iam to ponto_drain"
    )

    with pytest.raises(MigrationError, match="ponto_drain is a member of via, which has rds_iam"):
        set_login_method(owner, "ponto_drain", uses_iam=False)


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
