"""POST /turno, on PostgreSQL."""

from slices.shifts import function
from tests.database import Database
from tests.functions import Functions


def test_closed_shift_is_stored(database: Database) -> None:
    event = {"requestContext": {}, "body": '{"turno": 7}'}

    response = Functions(database.url, "ponto_shifts").run(function.main, event)

    assert response["statusCode"] == 200
    assert database.ask("select id from turno") == [(7,)]
