"""Only declared privileges remain after a migration, except privileges to read that were granted by hand."""

from pathlib import Path

from ponto.admin.migrations import REFERENCE_FOLDERS, migrate
from tests.database import SCHEMA, execute
from tests.postgres.hostile_database import ZONE, create_migrated_database
from tests.postgres.servers import Server

DEFAULTS = """
alter default privileges grant all on tables to app, public;
alter default privileges grant all on sequences to app;
alter default privileges grant all on functions to app;
alter default privileges grant all on schemas to app;
alter default privileges grant all on types to app;
"""


def grantees(server: Server) -> set[str]:
    """Return the roles with a privilege on the schema or an object in it."""
    query = """
        select grantee::regrole::text
        from pg_namespace cross join aclexplode(nspacl) where nspname = 'ponto'
        union
        select grantee::regrole::text
        from pg_class cross join aclexplode(relacl) where relnamespace = 'ponto'::regnamespace
        union
        select grantee::regrole::text
        from pg_proc cross join aclexplode(proacl) where pronamespace = 'ponto'::regnamespace
        union
        select grantee::regrole::text
        from pg_attribute join pg_class on pg_class.oid = attrelid cross join aclexplode(attacl)
        where relnamespace = 'ponto'::regnamespace
    """
    return {name for (name,) in server.execute(query, "master")}


def test_default_privileges_of_the_owner_are_not_kept(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create role app login password 'app'")
    execute(owner, DEFAULTS)

    assert migrate(owner, ZONE, SCHEMA).notices == []

    roles = {role for (role,) in execute(owner, "select nome from ponto.migracao_papel")}
    assert grantees(server) == {"master", *roles}


def test_write_privileges_granted_by_hand_are_revoked_and_reported(server: Server) -> None:
    owner = create_migrated_database(server)
    server.execute("create role app")
    execute(
        owner,
        "grant usage, create on schema ponto to app; revoke create on schema ponto from app;"
        "grant insert, update, delete, truncate, references, trigger on ponto.batida to app;"
        "grant update (checksum) on ponto.migracao to app; grant execute on function ponto.fuso_padrao to app;"
        "grant update on ponto.batida to ponto_drain",
    )

    notices = migrate(owner, ZONE, SCHEMA).notices

    assert {notice for notice in notices if notice.startswith("revoked")} == {
        *(
            f"revoked: {privilege} on table ponto.batida from app"
            for privilege in ("insert", "update", "delete", "truncate", "references", "trigger")
        ),
        "revoked: update (checksum) on table ponto.migracao from app",
        "revoked: execute on function ponto.fuso_padrao() from app",
        "revoked: update on table ponto.batida from ponto_drain",
    }
    assert server.privileges("app", "master") == set()
    assert not any(privilege == "update" for *_, privilege in server.privileges("ponto_drain", "master"))


def test_read_privileges_granted_by_hand_are_kept_and_reported_at_each_run(server: Server) -> None:
    owner = create_migrated_database(server)
    server.execute("create role analyst")
    execute(owner, "grant usage on schema ponto to analyst; grant select on ponto.batida to analyst")
    execute(owner, "grant select on ponto.falha to ponto_reader")

    for _ in range(2):
        [usage, select] = [notice for notice in migrate(owner, ZONE, SCHEMA).notices if "by hand" in notice]
        assert server.privileges("analyst", "master") >= {("batida", None, "select")}
    assert ("falha", None, "select") not in server.privileges(
        "ponto_reader", "master"
    )  # the privileges of this role are declared

    for notice in (usage, select):
        execute(owner, notice.partition("to revoke it, run: ")[2])
    assert migrate(owner, ZONE, SCHEMA).notices == []
    assert server.privileges("analyst", "master") == set()


def test_forged_migration_rows_keep_no_privilege(server: Server) -> None:
    owner = create_migrated_database(server)
    server.execute("create role app")
    execute(owner, "grant insert on all tables in schema ponto to app")
    execute(owner, "grant truncate on ponto.falha to ponto_drain")  # as a newer release may declare
    execute(owner, "insert into ponto.migracao (nome, checksum) values ('ponto/9999_x.sql', '')")
    execute(owner, "insert into ponto.migracao_papel (nome, fatia, oid) values ('app', 'ponto', 0)")

    notices = migrate(owner, ZONE, SCHEMA).notices

    assert "revoked: insert on table ponto.batida from app" in notices
    assert server.privileges("app", "master") == set()
    function_privileges = server.privileges("ponto_drain", "master")
    assert {("batida", "id", "insert"), ("falha", None, "truncate")} <= function_privileges


def test_roles_of_a_removed_slice_lose_their_privileges(server: Server, tmp_path: Path) -> None:
    owner = server.create_owner("master")
    (tmp_path / "roles.sql").write_text("create role ponto_people nologin;\n")
    (tmp_path / "privileges.sql").write_text(
        "grant usage on schema ponto to ponto_people;\ngrant select on ponto.batida to ponto_people;\n"
    )
    migrate(owner, ZONE, REFERENCE_FOLDERS | {"people": tmp_path})
    server.execute("create role person login in role ponto_people")
    assert ("batida", "id", "select") in server.privileges("person", "master")

    migrate(owner, ZONE, REFERENCE_FOLDERS)

    assert server.privileges("person", "master") == set()
    assert grantees(server) == {"master", "ponto_drain", "ponto_reader"}


def test_a_member_of_a_functions_role_is_reported(server: Server) -> None:
    owner = create_migrated_database(server)
    server.execute("create role eve; create role ana")
    execute(owner, "grant ponto_drain to eve; grant ponto_reader to ana")

    assert migrate(owner, ZONE, SCHEMA).notices == [
        "eve is a member of ponto_drain and so has the privileges of that function; "
        "to revoke them, run: revoke ponto_drain from eve"
    ]
