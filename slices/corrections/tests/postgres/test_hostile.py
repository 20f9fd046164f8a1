"""Functions planted in schema `public` do not run while employees, corrections and time cards are processed."""

from contextlib import closing
from datetime import UTC, date, datetime

from ponto.admin.migrations import migrate
from ponto.connection import connect
from ponto.reader import packed_rows, query_function, statements
from slices import enabled
from slices.corrections.write import Correction, write_corrections
from slices.reports import employees
from tests.database import ROLES, SCHEMA
from tests.postgres.hostile_database import EMPLOYEE_ID, PUNCH_ID, ZONE, login_parameters, plant_objects
from tests.postgres.servers import Server
from tests.postgres.storing import add_punch

ANA = {"usuario_id": EMPLOYEE_ID, "nome": "Ana", "cpf": None, "fuso": "Asia/Tokyo", "corte": "04:00"}


def test_planted_functions_are_not_called(server: Server) -> None:
    owner = server.create_owner("master")
    plant_objects(server, "master")
    migrate(owner, ZONE, SCHEMA)
    server.execute("".join(f"alter role {role} password 'its own';" for role in ROLES))
    server.execute("alter database master reset search_path")  # for the row that this test writes
    add_punch(owner, EMPLOYEE_ID, id=PUNCH_ID)
    server.execute("alter database master set search_path = public, pg_catalog")

    assert employees.load(owner, [ANA], dry_run=False)["counts"]["inserted"] == 1
    correction = Correction("inclusao", "forgotten", EMPLOYEE_ID, datetime(2026, 10, 1, 18, tzinfo=UTC))
    with closing(connect(login_parameters("ponto_corrections", owner), "test")) as database:
        assert len(write_corrections(database, [correction], "arn:of:ana")) == 1
    month = date(2026, 10, 1)
    values: dict[str, dict[str, object]] = {
        "cards": {"mes": month, "employee_ids": [EMPLOYEE_ID], "momento": None},
        "correction_list": {"mes": month},
    }
    request = {"read": {name: statements.to_json_values(each) for name, each in values.items()}, "timeout": 0}
    result, log = query_function.handle(
        request, lambda: login_parameters("ponto_reader", owner), 60, enabled.statements()
    )

    assert log.error == ""
    assert len(list(packed_rows.unpack(result["rows"]["correction_list"]))) == 1
    assert len(list(packed_rows.unpack(result["rows"]["cards"]))) == 31
