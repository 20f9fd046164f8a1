"""POST /turno and `ponto shifts`, on PostgreSQL."""

import pytest

from slices.shifts import function
from tests.commands import runner
from tests.database import Database, export
from tests.functions import Functions


def test_shift_is_stored_and_listed(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"requestContext": {}, "body": '{"turno": 7}'}

    response = Functions(database.url, "ponto_shifts").run(function.main, event)

    assert response["statusCode"] == 200
    export(database.owner, monkeypatch)
    assert runner(capsys, "shifts")("--database", "env", "--json").json == [{"id": 7}]
