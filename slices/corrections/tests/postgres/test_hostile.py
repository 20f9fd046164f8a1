"""Functions planted in schema `public` do not run while employees, corrections and time cards are processed."""

from contextlib import closing
from datetime import UTC, date, datetime

from ponto import enabled_slices
from ponto.read import packed_rows, query_function, statements
from ponto.shared.connection import connect
from slices.corrections.write import Correction, write_corrections
from slices.reports import employees
from tests.postgres.hostile_database import create_hostile_database
from tests.postgres.servers import Server, log_in
from tests.postgres.storing import add_punch

EMPLOYEE_ID = 123
ANA = {"usuario_id": EMPLOYEE_ID, "nome": "Ana", "cpf": None, "fuso": "Asia/Tokyo", "corte": "04:00"}


def test_planted_functions_are_not_called(server: Server) -> None:
    owner = create_hostile_database(server)
    server.execute("alter database master reset search_path")  # for the row that this test writes
    add_punch(owner, EMPLOYEE_ID)
    server.execute("alter database master set search_path = public, pg_catalog")

    assert employees.load(owner, [ANA], dry_run=False)["counts"]["inserted"] == 1
    correction = Correction("inclusao", "forgotten", EMPLOYEE_ID, datetime(2026, 10, 1, 18, tzinfo=UTC))
    with closing(connect(log_in("ponto_corrections", owner), "test")) as database:
        assert len(write_corrections(database, [correction], "arn:of:ana")) == 1
    month = date(2026, 10, 1)
    values: dict[str, dict[str, object]] = {
        "time_cards": {"mes": month, "employee_ids": [EMPLOYEE_ID], "momento": None},
        "correction_list": {"mes": month},
    }
    request = {"read": {name: statements.to_json_values(each) for name, each in values.items()}, "timeout": 0}
    result, log = query_function.handle(request, lambda: log_in("ponto_reader", owner), 60, enabled_slices.statements())

    assert log.error == ""
    assert len(list(packed_rows.unpack(result["rows"]["correction_list"]))) == 1
    assert len(list(packed_rows.unpack(result["rows"]["time_cards"]))) == 31
