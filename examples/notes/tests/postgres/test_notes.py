"""POST /nota and `ponto notes`, on PostgreSQL."""

from pathlib import Path

import pytest

from slices.notes import function
from tests.commands import runner, write_stack_with_database
from tests.database import Database
from tests.functions import Functions, stub_functions


def test_note_is_stored_and_listed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"requestContext": {}, "body": '{"nota": 7, "texto": "a door is open"}'}

    response = Functions(database.url, "ponto_notes").run(function.main, event)

    assert response["statusCode"] == 200
    stub_functions(monkeypatch, database.url)
    state = write_stack_with_database(tmp_path, database.url)
    assert runner(capsys, "notes")("--state", state, "--json").json == [{"id": 7, "texto": "a door is open"}]
