"""POST /nota and `ponto notes`, on PostgreSQL."""

import pytest

from slices.notes import function
from tests.commands import runner
from tests.database import Database, export
from tests.functions import Functions


def test_note_is_stored_and_listed(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"requestContext": {}, "body": '{"nota": 7, "texto": "a door is open"}'}

    response = Functions(database.url, "ponto_notes").run(function.main, event)

    assert response["statusCode"] == 200
    export(database.owner, monkeypatch)
    assert runner(capsys, "notes")("--database", "env", "--json").json == [{"id": 7, "texto": "a door is open"}]
