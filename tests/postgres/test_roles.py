"""The roles that the migrations create: who can create them, their privileges, limits and logins."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ponto.admin.migrations import REFERENCE_FOLDERS, MigrationResult, migrate
from ponto.admin.owner import MigrationError
from ponto.punch import EVENT, Punch
from ponto.store import Status, Store
from tests.database import ROLES, SCHEMA, execute, migrations
from tests.documents import blocks
from tests.postgres.servers import (
    STATEMENTS_REFUSED_TO_ALL_ROLES,
    Server,
    filter_permitted,
    reset_role_limits,
    set_login_method,
    set_password,
)
from tests.postgres.storing import QUICK, STORED, entry
from tests.waiting import wait_for
from tools.kit.project import ROOT

ZONE = "America/Sao_Paulo"
MIGRATIONS = migrations()


@pytest.fixture
def owner(server: Server) -> dict[str, str]:
    """Migrate the database `master`; return the connection parameters of its owner, a role of the same name.

    Like Aurora's master user, the owner is not a superuser.
    """
    owner = server.create_owner("master")
    migrate(owner, ZONE, SCHEMA)
    return owner


@pytest.fixture
def function(owner: dict[str, str]) -> dict[str, str]:
    return set_role_password(owner, "ponto_drain")


def set_role_password(owner: dict[str, str], role: str) -> dict[str, str]:
    """Set the password of a role; return its connection parameters for the owner's database."""
    set_password(owner, role, "its own")
    return {**owner, "user": role, "password": "its own"}


# Creation


@pytest.mark.parametrize("kind", ["superuser", "Aurora's master user"])
def test_owner_creates_roles_that_can_log_in_after_a_password_is_set(server: Server, kind: str) -> None:
    owner = server.create_owner("master")
    if kind == "superuser":
        owner |= {"user": "postgres"}
        server.execute("alter database master owner to postgres")

    assert migrate(owner, ZONE, SCHEMA).applied == MIGRATIONS

    for role in ROLES:
        parameters = {**owner, "user": role, "password": "one"}
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            execute(parameters, "select")
        set_password(owner, role, "one")
        assert execute(parameters, "select current_user") == [(role,)]
    assert server.execute(
        "select distinct rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles"
        " where rolname ~ '^ponto_'"
    ) == [(False,) * 5]
    assert migrate(owner, ZONE, SCHEMA) == ([], [])


def test_concurrent_migrations_of_two_databases_create_the_roles_once(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create database second owner master")
    waiting_sessions = "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
    arguments: dict[str, Any] = server.as_superuser("master")
    first = psycopg2.connect(**arguments)
    with ThreadPoolExecutor() as threads, first.cursor() as cursor:
        try:
            cursor.execute("set role master; create role ponto_drain login; create role ponto_reader login")
            cursor.execute("create table used (); grant select on used to ponto_drain, ponto_reader")
            second_migration = threads.submit(migrate, {**owner, "dbname": "second"}, ZONE, SCHEMA)
            wait_for(
                lambda: server.execute(waiting_sessions) == [(1,)], "the migration to wait for the first transaction"
            )
        finally:
            first.commit()
            first.close()
        assert second_migration.result().applied == MIGRATIONS
        migrations_of_both = [
            threads.submit(migrate, owner, ZONE, SCHEMA),
            threads.submit(migrate, {**owner, "dbname": "second"}, ZONE, SCHEMA),
        ]
    assert [migrated.result().applied for migrated in migrations_of_both] == [MIGRATIONS, []]


@pytest.mark.usefixtures("owner")
def test_roles_that_the_database_of_another_owner_uses_are_refused(server: Server) -> None:
    second = server.create_owner("second")

    with pytest.raises(MigrationError, match=r"ponto_drain is used in database master of master.* ROLE_PREFIX"):
        migrate(second, ZONE, SCHEMA)

    assert execute(second, "select from pg_namespace where nspname = 'ponto'") == []


# Statements with which others create a function's role before the migration, and the expected problem. The owner has
# the admin option on the roles.
PRE_CREATED_ROLES = {
    "member": (
        "create role ponto_drain login password 'known'; create role mallory in role ponto_drain",
        "mallory is a member of ponto_drain",
    ),
    "admin": (
        "create role mallory; create role ponto_drain admin mallory",
        "mallory is a member of ponto_drain and may add other members",
    ),
    "attributes": (
        "create role ponto_drain createrole bypassrls",
        "ponto_drain has attributes that a function's role must not have",
    ),
    "memberships": (
        "create role auditors; create role ponto_drain in role auditors",
        "ponto_drain is a member of auditors",
    ),
    "creator": (  # PostgreSQL gives the creator the admin option
        "create role mallory createrole; set role mallory; create role ponto_drain",
        "mallory is a member of ponto_drain.* drop role ponto_drain",
    ),
}


@pytest.mark.parametrize(("setup_statement", "problem"), PRE_CREATED_ROLES.values(), ids=PRE_CREATED_ROLES)
def test_role_created_by_others_is_refused_until_their_access_is_removed(
    server: Server, setup_statement: str, problem: str
) -> None:
    owner = server.create_owner("master")
    server.execute(setup_statement)
    server.execute("create role ponto_reader; grant ponto_drain, ponto_reader to master with admin option")

    with pytest.raises(
        MigrationError, match=rf"others created roles with the names of this project: .*{problem}"
    ) as caught:
        migrate(owner, ZONE, REFERENCE_FOLDERS)
    assert execute(owner, "select from pg_namespace where nspname = 'ponto'") == []

    server.run_printed_statements(caught.value)
    assert migrate(owner, ZONE, REFERENCE_FOLDERS).applied
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute({**owner, "user": "ponto_drain", "password": "known"}, "select 1")


def test_role_with_an_open_session_is_refused_until_the_session_is_ended(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create role ponto_reader login password 'known'; create role ponto_drain")
    server.execute("grant ponto_drain, ponto_reader to master with admin option")
    arguments: dict[str, Any] = owner | {"user": "ponto_reader", "password": "known"}
    with closing(psycopg2.connect(**arguments)) as connection, connection.cursor() as cursor:
        with pytest.raises(MigrationError, match=f"ponto_reader has .* pid {connection.info.backend_pid}") as caught:
            migrate(owner, ZONE, REFERENCE_FOLDERS)

        server.run_printed_statements(caught.value)

        assert migrate(owner, ZONE, REFERENCE_FOLDERS).applied
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("select from ponto.batida")


# The helper may create roles, and objects in a schema; nothing of it remains but the function.
LEAVE_DOOR = """
    create role helper createrole;
    create schema attic;
    grant all on schema attic to public;
    set role helper;
    create role ponto_reader;
    grant ponto_reader to helper with set true;
    create function attic.door() returns text language sql security definer as 'select current_user';
    alter function attic.door() owner to ponto_reader;
    revoke ponto_reader from helper;
    reset role;
    drop role helper;
    create role ponto_drain;
    grant ponto_drain, ponto_reader to master with admin option;
"""


@pytest.mark.parametrize(
    ("database", "problem"),
    [("master", r"owns function attic\.door\(\)"), ("second", "owns 1 objects in database second")],
    ids=["here", "elsewhere"],
)
def test_role_that_owns_objects_is_refused(server: Server, database: str, problem: str) -> None:
    owner = server.create_owner("master")
    server.execute("create database second owner master")
    server.execute(LEAVE_DOOR, database)

    with pytest.raises(MigrationError, match=f"ponto_reader {problem}") as caught:
        migrate(owner, ZONE, SCHEMA)

    if query := re.search("listed there by: (.+?regrole)", str(caught.value)):
        assert server.execute(query[1], database) == [("function attic.door()",)]
    server.run_printed_statements(caught.value, database)
    assert migrate(owner, ZONE, SCHEMA).applied
    assert server.execute("select to_regproc('attic.door')", database) == [(None,)]


def test_objects_of_the_projects_roles_are_reported_with_the_documented_query(
    server: Server, owner: dict[str, str]
) -> None:
    server.execute(
        "create function public.door() returns int language sql security definer return 1;"
        "alter function public.door() owner to ponto_drain",
        "master",
    )
    [documented] = [block.text for block in blocks(ROOT / "docs/security.md") if block.language == "sql"]
    expected = [("ponto_drain", "function door()")]

    [notice] = migrate(owner, ZONE, SCHEMA).notices

    assert "function public.door() of ponto_drain" in notice
    for query in (notice.partition("this lists them: ")[2], documented):
        assert server.execute(query, "master") == expected


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
        migrate(owner, ZONE, REFERENCE_FOLDERS)
    assert execute(owner, "select to_regclass('batida'), to_regclass('migracao')") == [(None, None)]

    server.run_printed_statements(caught.value)
    assert migrate(owner, ZONE, REFERENCE_FOLDERS).applied
    assert execute(set_role_password(owner, "ponto_drain"), "select id from ponto.batida") == []


def test_role_of_a_removed_slice_is_altered_only_if_it_can_still_log_in(server: Server, tmp_path: Path) -> None:
    owner = server.create_owner("master")
    (tmp_path / "roles.sql").write_text("create role ponto_gone login;\n")
    migrate(owner, ZONE, REFERENCE_FOLDERS | {"gone": tmp_path})
    server.execute("revoke ponto_gone from master")

    with pytest.raises(MigrationError, match=r"grant .*ponto_gone to \"master\" with admin option"):
        migrate(owner, ZONE, REFERENCE_FOLDERS)
    server.execute("alter role ponto_gone nologin")  # as the migrations of another stage do
    assert migrate(owner, ZONE, REFERENCE_FOLDERS) == MigrationResult([], [])


def test_role_of_a_slice_that_another_stage_uses_can_still_log_in(server: Server, tmp_path: Path) -> None:
    owner = server.create_owner("master")
    server.execute("create database second owner master")
    (tmp_path / "roles.sql").write_text("create role ponto_gone login;\n")
    (tmp_path / "privileges.sql").write_text("grant usage on schema ponto to ponto_gone;\n")
    for database in ("master", "second"):
        migrate({**owner, "dbname": database}, ZONE, REFERENCE_FOLDERS | {"gone": tmp_path})

    migrate(owner, ZONE, REFERENCE_FOLDERS)

    gone = set_role_password(owner, "ponto_gone")
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


@pytest.mark.usefixtures("owner")
def test_roles_have_exactly_these_privileges(server: Server) -> None:
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


# Statements that need other privileges than those above.
REFUSED = {
    "ponto_drain": [
        *STATEMENTS_REFUSED_TO_ALL_ROLES,
        f"insert into batida (id) values (gen_random_uuid()) on conflict (id) do update set {EVENT.subject} = 2",
        "begin; lock table batida in row exclusive mode",
        "begin; lock table batida in access exclusive mode",
        "create schema more",
        "create role more",
        "create function more() returns int language sql as 'select 1'",
        "alter role ponto_drain createrole",
        "set role ponto_reader",
        "set session_replication_role = replica",
    ],
    "ponto_reader": [*STATEMENTS_REFUSED_TO_ALL_ROLES, "set role ponto_drain"],
}


def test_roles_are_refused_other_statements(owner: dict[str, str]) -> None:
    for role, statements in REFUSED.items():
        assert filter_permitted(set_role_password(owner, role), statements) == []


# Settings of each run

UNKNOWN_CONCURRENCY = dict.fromkeys(ROLES)  # None: the reserved concurrency is unknown
SETTINGS = (
    "select rolname, case setdatabase when 0 then null else datname end, setconfig"
    " from pg_db_role_setting join pg_roles on pg_roles.oid = setrole left join pg_database on pg_database.oid ="
    " setdatabase where rolname ~ '^ponto_' order by 1, 2"
)


def test_settings_that_a_role_set_for_itself_are_reset(
    server: Server, owner: dict[str, str], function: dict[str, str]
) -> None:
    reader = set_role_password(owner, "ponto_reader")
    execute(function, "alter role ponto_drain set search_path = pg_temp, public")
    execute(function, "alter role ponto_drain in database master set default_transaction_read_only = on")
    execute(reader, "alter role ponto_reader set timezone = 'UTC'")
    # The update moves the role's row to the end of pg_authid, which must not change the order of the notices.
    server.execute("update pg_authid set rolconnlimit = rolconnlimit where rolname = 'ponto_drain'")
    assert len(server.execute(SETTINGS)) == 3  # a compromised function could set them
    assert Store(lambda: function).save([entry()])[0].status is Status.FAILED

    notices = reset_role_limits(owner, UNKNOWN_CONCURRENCY)

    assert notices == [
        "NOTICE:  settings reset: ponto_drain in database master",
        "NOTICE:  settings reset: ponto_drain",
        "NOTICE:  settings reset: ponto_reader",
    ]
    assert server.execute(SETTINGS) == []
    assert reset_role_limits(owner, UNKNOWN_CONCURRENCY) == []
    assert Store(lambda: function).save([entry()]) == [STORED]


def test_setting_that_only_a_superuser_may_reset_stays_without_a_notice(server: Server, owner: dict[str, str]) -> None:
    server.execute("alter role ponto_reader set log_statement = 'all'")

    assert reset_role_limits(owner, UNKNOWN_CONCURRENCY) == []

    assert server.execute(SETTINGS) == [("ponto_reader", None, ["log_statement=all"])]


def test_the_roles_connections_are_limited_by_the_reserved_concurrency(
    server: Server, owner: dict[str, str], function: dict[str, str]
) -> None:
    def limits() -> dict[str, int]:
        return dict(
            server.execute("select rolname, rolconnlimit from pg_roles where rolname ~ '^ponto_' and rolcanlogin")
        )

    assert reset_role_limits(owner, UNKNOWN_CONCURRENCY) == []
    unlimited = {**dict.fromkeys(ROLES, -1), "ponto_reader": 20}
    assert limits() == unlimited

    assert reset_role_limits(owner, {"ponto_drain": 1}) == []

    assert limits() == unlimited | {"ponto_drain": 4}
    stores = [Store(lambda: function, QUICK) for _ in range(5)]
    assert [store.save([entry()]) for store in stores[:4]] == [[STORED]] * 4
    additional = entry()
    [outcome] = stores[4].save([additional])
    assert outcome.status is Status.FAILED
    assert "too many connections for role" in outcome.detail
    stores[0].close()
    wait_for(lambda: stores[4].save([additional]) == [STORED], "room for another connection")
    for store in stores:
        store.close()
    reset_role_limits(owner, dict.fromkeys(ROLES, 2))
    assert limits() == {**dict.fromkeys(ROLES, 8), "ponto_reader": 20 + 8}


# Login

IAM_NOTICES = [f"NOTICE:  logs in with IAM tokens: {role}" for role in sorted(ROLES)]
PASSWORD_NOTICES = [f"NOTICE:  logs in with a password: {role}" for role in sorted(ROLES)]
GRANTED_IAM = "select count(*) from pg_roles where rolname ~ '^ponto_' and pg_has_role(oid, 'rds_iam', 'member')"


def test_roles_switch_between_iam_and_password_login(
    server: Server, owner: dict[str, str], function: dict[str, str]
) -> None:
    assert set_login_method(owner, ROLES, uses_iam=False) == []  # rds_iam does not exist
    server.execute("create role rds_iam; grant rds_iam to master with admin option")
    assert set_login_method(owner, ROLES, uses_iam=False) == []

    assert set_login_method(owner, [*ROLES, "ponto_of_no_slice"], uses_iam=True) == IAM_NOTICES
    server.execute("alter role master nocreaterole")
    assert set_login_method(owner, ROLES, uses_iam=True) == []  # nothing to alter
    server.execute("alter role master createrole")
    assert server.execute(GRANTED_IAM) == [(len(ROLES),)]

    assert set_login_method(owner, ROLES, uses_iam=False) == PASSWORD_NOTICES
    assert set_login_method(owner, ROLES, uses_iam=False) == []
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute(function, "select")
    assert execute(set_role_password(owner, "ponto_drain"), "select 1") == [(1,)]


def test_iam_login_without_the_role_rds_iam_is_refused(owner: dict[str, str]) -> None:
    with pytest.raises(MigrationError, match=r"the role rds_iam does not exist.*: set dbLogin to secret"):
        set_login_method(owner, ROLES, uses_iam=True)


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
            lambda owner: set_login_method(owner, ROLES, uses_iam=True),
            "master.* may not run `grant rds_iam to ponto_",
        ),
        (
            f"create role rds_iam; grant rds_iam to {', '.join(ROLES)}",
            lambda owner: set_login_method(owner, ROLES, uses_iam=False),
            "master.* may not run `revoke rds_iam from ponto_",
        ),
        (
            "create role rds_iam; create role via; grant rds_iam to via; grant via to ponto_drain;"
            "grant rds_iam to master with admin option; set role master; grant rds_iam to ponto_drain",
            lambda owner: set_login_method(owner, ["ponto_drain"], uses_iam=False),
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

    assert execute({**owner, "user": "ponto_drain", "password": "CANARY 'ç\\"}, "select 1") == [(1,)]
    [(verifier,)] = server.execute("select rolpassword from pg_authid where rolname = 'ponto_drain'")
    assert verifier.startswith("SCRAM-SHA-256$")
    log = server.log.read_text(errors="replace")[before:]
    assert "SCRAM-SHA-256$" in log
    assert "CANARY" not in log


def test_password_of_a_missing_or_foreign_role_is_refused(server: Server, owner: dict[str, str]) -> None:
    for name in ("nobody", 'no"body', "nobody; drop role ponto_reader"):
        with pytest.raises(psycopg2.errors.UndefinedObject, match=re.escape(f'role "{name}" does not exist')):
            set_password(owner, name, "CANARY")
    second = server.create_owner("second")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="ADMIN option") as caught:
        set_password(second, "ponto_drain", "CANARY")
    assert "SCRAM" not in str(caught.value)


def test_roles_can_connect_to_a_database_that_is_closed_to_public(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("revoke all on database master from public; revoke all on schema public from public", "master")

    assert migrate(owner, ZONE, SCHEMA) == (MIGRATIONS, [])

    assert execute(set_role_password(owner, "ponto_drain"), "select id from batida") == []
