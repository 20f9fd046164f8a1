"""Only declared privileges remain after a migration, except privileges to read that were granted by hand."""

from ponto.schema.migrations import migrate
from tests.database import SCHEMA, execute
from tests.database import TIME_ZONE as ZONE
from tests.postgres.servers import Server

OBJECTS_WITH_PRIVILEGES_OF_APP = """
select classid::regclass::text from pg_shdepend
where refobjid = 'app'::regrole and dbid > 0 and classid::regclass::text not in ('pg_default_acl', 'pg_type')
"""


def test_default_privileges_of_the_owner_are_not_kept(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute("create role app; create role anyone")
    for objects in ("tables", "sequences", "functions", "schemas"):
        execute(owner, f"alter default privileges grant all on {objects} to app")
    execute(owner, "alter default privileges grant all on tables to public")

    assert migrate(owner, ZONE, SCHEMA).notices == []

    assert execute(owner, OBJECTS_WITH_PRIVILEGES_OF_APP) == []
    assert server.privileges("anyone", "master") == set()


def test_write_privileges_granted_by_hand_are_revoked_and_reported(server: Server, owner: dict[str, str]) -> None:
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


def test_read_privileges_granted_by_hand_are_kept_and_reported_at_each_run(
    server: Server, owner: dict[str, str]
) -> None:
    server.execute("create role analyst")
    execute(owner, "grant usage on schema ponto to analyst; grant select on ponto.batida to analyst")
    execute(owner, "grant select on ponto.falha to ponto_reader")  # whose privileges are declared

    for _ in range(2):
        [usage, select] = [notice for notice in migrate(owner, ZONE, SCHEMA).notices if "by hand" in notice]
        assert server.privileges("analyst", "master") >= {("batida", None, "select")}
    assert ("falha", None, "select") not in server.privileges("ponto_reader", "master")

    for notice in (usage, select):
        execute(owner, notice.partition("to revoke it, run: ")[2])
    assert migrate(owner, ZONE, SCHEMA).notices == []
    assert server.privileges("analyst", "master") == set()


def test_forged_migration_rows_keep_no_privilege(server: Server, owner: dict[str, str]) -> None:
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
