"""Responses of functions to errors of PostgreSQL."""

import json
import time
from typing import Any

import pytest

from ponto.shared.connection import Session, Timeouts
from slices import http
from tests.database import Database
from tests.events import Context


@pytest.mark.parametrize(
    ("statement", "status", "detail"),
    [
        ("insert into canary values (7) returning 1", 409, "canary_pkey"),
        ("insert into canary values (-1) returning 1", 400, "positive"),
        ("select 'CANARY'::uuid", 400, "your request"),
        ("select 1 from missing", 500, "run ponto schema"),
        ("do 'begin raise ''CANARY'' using errcode = ''42501''; end'", 500, "run ponto schema"),
    ],
)
def test_permanent_error_is_no_503_and_names_the_constraint_without_values(
    database: Database, capsys: pytest.CaptureFixture[str], statement: str, status: int, detail: str
) -> None:
    database.execute("create table public.canary (shop int primary key, constraint positive check (shop > 0))")
    database.execute("insert into public.canary values (7)")
    session = Session(lambda: database.owner, Timeouts(), settings={"search_path": "public"})

    def run(_: http.Request) -> http.Result:
        return http.Result({"rows": session.execute(statement, {}, time.monotonic() + 60)})

    response: Any = http.handle({"requestContext": {}}, Context(), run, name="shops")

    session.close()
    assert response["statusCode"] == status
    assert detail in json.loads(response["body"])["message"]
    assert "CANARY" not in response["body"] + capsys.readouterr().out
