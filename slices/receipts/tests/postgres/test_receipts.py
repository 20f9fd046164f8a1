"""Receipts against a real PostgreSQL: who is told of which row, and what is answered while it does not answer."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import psycopg2
import pytest

from ponto import config
from ponto.connection import Parameters
from ponto.punch import parse
from ponto.store import Entry, Store
from slices.receipts import function, openapi
from slices.receipts import lookup as receipt
from slices.receipts.lookup import (
    MOST,
    NOT_FOUND,
    NOT_FOUND_S,
    TIMEOUTS,
    UNAVAILABLE,
    UNAVAILABLE_S,
    Receipts,
    Response,
)
from tests.database import Database
from tests.events import RECEIVED_MS, Context
from tests.functions import BY_IAM, Functions
from tests.postgres.storing import EIGHT, entry
from tests.waiting import wait_for
from tools.kit.local_stack import Address
from tools.local import __main__ as local

ORIGIN = "https://ponto.example.com"
QUICK = TIMEOUTS._replace(connect_seconds=2, attempt_seconds=2, statement_ms=500)


def event(identifier: str | None, claims: dict[str, str] | None = None) -> dict[str, Any]:
    """A request as API Gateway's proxy integration gives it, as far as it is looked at."""
    return {
        "resource": "/ponto" if identifier is None else "/ponto/{id}",
        "httpMethod": "GET",
        "pathParameters": None if identifier is None else {"id": identifier},
        "requestContext": {} if claims is None else {"authorizer": {"claims": claims}},
    }


class Clerk:
    """Asks for receipts."""

    def __init__(self, database: Database, *, identity: bool) -> None:
        self.warnings: list[str] = []
        self.fetched = 0  # times that the parameters of a connection were asked for
        self.receipts = Receipts(self._fetch, ORIGIN, identity=identity, timeouts=QUICK)
        self.close = self.receipts.close
        self._parameters = database.owner | {"user": "ponto_receipts"}

    def ask(self, identifier: str | None, **claims: str) -> Response:
        """Ask; `employee` is the number of who signed in."""
        verified = {"custom:usuarioId": claims["employee"], "sub": "8"} if "employee" in claims else None
        return self.receipts.answer(event(identifier, verified), self.warnings.append)

    def status(self, identifier: str, **claims: str) -> int:
        return self.ask(identifier, **claims)["statusCode"]

    def list(self, **claims: str) -> Any:
        answer = self.ask(None, **claims)
        assert answer["statusCode"] == 200
        return json.loads(answer["body"])["batidas"]

    def _fetch(self) -> Parameters:
        self.fetched += 1
        return self._parameters


@pytest.fixture
def clerk(database: Database) -> Iterator[Clerk]:
    """Give the function of a stage without a user pool."""
    with closing(Clerk(database, identity=False)) as clerk:
        yield clerk


@pytest.fixture
def signed_in(database: Database) -> Iterator[Clerk]:
    """Give the function of a stage with one."""
    with closing(Clerk(database, identity=True)) as clerk:
        yield clerk


def of_version(version: str) -> str:
    text = str(uuid.uuid4())
    return f"{text[:14]}{version}{text[15:]}"


# What it says


def test_a_receipt_says_what_the_row_says_and_nobody_may_keep_it(
    clerk: Clerk, database: Database, store: Store
) -> None:
    punch = entry(7, dispositivo="portão", latitude=1.0, longitude=2.0)
    store.save([punch])
    [(written,)] = database.ask(
        "select to_char(gravada_em at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') from batida"
    )

    answer = clerk.ask(punch.punch.id)

    body = json.loads(answer["body"])
    document = json.loads(openapi.FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(document["components"]["schemas"]["Receipt"]).validate(body)
    assert body.pop("gravadaEm").startswith(written)
    assert body == {
        "situacao": "gravada",
        "id": punch.punch.id,
        "usuarioId": 7,
        "ponto": "2026-10-01T11:00:00Z",
        "recebidaEm": "2026-10-01T11:00:01.234000Z",
    }
    assert answer["statusCode"] == 200
    assert answer["headers"] == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Expose-Headers": "Date,Retry-After",
    }
    assert clerk.status(punch.punch.id.upper()) == 200
    assert clerk.warnings == []


def test_where_there_is_no_row_it_says_what_cannot_be_told_apart_and_when_to_ask_again(clerk: Clerk) -> None:
    answer = clerk.ask(str(uuid.uuid4()))

    assert answer["statusCode"] == 404
    assert answer["headers"]["Retry-After"] == str(NOT_FOUND_S)
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert json.loads(answer["body"]) == {"message": NOT_FOUND}
    assert "cannot be told apart" in NOT_FOUND


# Whom


def test_a_key_alone_is_told_of_ids_that_nobody_can_guess(clerk: Clerk, store: Store) -> None:
    identifiers = {version: of_version(version) for version in "0123456789abcdef"}
    store.save([entry(punch_id=identifier) for identifier in identifiers.values()])

    assert [version for version, identifier in identifiers.items() if clerk.status(identifier) != 404] == ["4", "7"]


def test_get_printed_by_make_run_finds_its_printed_punch(
    clerk: Clerk, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere: dict[str, Any] = dict.fromkeys(Address._fields, "") | {"pid": 1}
    address = Address(**nowhere | {"api_url": "http://here/ponto"})
    stack = SimpleNamespace(address=address, aws=SimpleNamespace(log=""), time_zone="America/Sao_Paulo")
    local._greet(cast(Any, stack), tmp_path)
    printed = capsys.readouterr().out
    (body,) = re.findall(r"-d '(.+)'$", printed, re.MULTILINE)
    (looked_up,) = re.findall(r"^curl -sS http://here/ponto/(\S+) ", printed, re.MULTILINE)

    store.save([Entry(parse(body, UTC), str(uuid.uuid4()), RECEIVED_MS)])

    assert clerk.status(looked_up) == 200


def test_an_employee_who_signed_in_is_told_of_all_their_own_and_of_nobody_elses(signed_in: Clerk, store: Store) -> None:
    for version in "123456789":
        own, others = entry(5, punch_id=of_version(version)), entry(6, punch_id=of_version(version))
        store.save([own, others])

        assert signed_in.status(own.punch.id, employee="5") == 200
        assert signed_in.ask(others.punch.id, employee="5") == signed_in.ask(str(uuid.uuid4()), employee="5")


def test_who_has_not_signed_in_with_a_good_number_is_told_of_nothing(signed_in: Clerk, store: Store) -> None:
    own = entry(5)
    store.save([own])
    numbers = ["", "0", "05", " 5", "5 ", "-5", "5.0", "\u0665", "5,6", "5 or true", "9" * 17]

    for claims in ({}, *({"employee": number} for number in numbers)):  # {}: with a key alone
        assert signed_in.status(own.punch.id, **claims) == 404
        assert signed_in.list(**claims) == []
    assert signed_in.fetched == 0  # the database is not asked


def test_what_is_no_id_is_not_found_without_a_look(clerk: Clerk, signed_in: Clerk) -> None:
    for identifier in (
        "",
        "1",
        "' or true --",
        "%s",
        "{0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e}",
        "urn:uuid:0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e",
        "0199a1f27c1e7b529d1f6b1f0a4c2d3e",
        "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e\n",
        "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3é",
    ):
        assert clerk.status(identifier) == signed_in.status(identifier, employee="5") == 404
    assert clerk.fetched == signed_in.fetched == 0


# The list


def test_the_list_has_the_employees_own_of_two_days_the_newest_first(
    signed_in: Clerk, database: Database, store: Store
) -> None:
    now = int(time.time() * 1000)
    ages = [timedelta(0), timedelta(hours=47, minutes=59), timedelta(hours=48, minutes=1), timedelta(days=9)]
    own = [entry(5, EIGHT + age)._replace(received_ms=now - int(age.total_seconds() * 1000)) for age in ages]
    store.save([*reversed(own), entry(6)._replace(received_ms=now)])
    of_no_receipt = "insert into batida (id, usuario_id, ponto) values (gen_random_uuid(), 5, now()) returning id"
    [(copied,)] = database.ask(of_no_receipt)

    listed = signed_in.list(employee="5")

    assert [each["id"] for each in listed] == [each.punch.id for each in own[:2]]
    assert listed == [json.loads(signed_in.ask(each["id"], employee="5")["body"]) for each in listed]
    assert json.loads(signed_in.ask(copied, employee="5")["body"])["recebidaEm"] is None


def test_a_list_has_what_was_received_now_whatever_the_clock_said(
    signed_in: Clerk, database: Database, store: Store
) -> None:
    now = round(1000 * time.time())
    instants = [datetime(1900, 1, 1, tzinfo=UTC), EIGHT, datetime(2999, 12, 31, 23, 59, tzinfo=UTC)]
    store.save([entry(7, instant)._replace(received_ms=now) for instant in instants])

    assert len(signed_in.list(employee="7")) == len(instants)
    database.ask("set enable_seqscan = off")
    statement = receipt._RECEIPTS % {"employee": 7, "since": "interval '2 days'", "most": 500}
    plan = "\n".join(line for (line,) in database.ask("explain " + statement))
    assert "batida_semana_usuario_id_idx" in plan
    assert "batida_recebida_em_idx" not in plan


def test_before_the_migrations_of_its_release_a_list_has_to_wait_and_a_receipt_has_not(
    signed_in: Clerk, database: Database, store: Store
) -> None:
    stored = entry()
    store.save([stored])
    database.ask("drop function semanas cascade")

    assert signed_in.ask(None, employee="1")["statusCode"] == 503
    assert signed_in.status(stored.punch.id, employee="1") == 200


def test_a_list_has_an_end(signed_in: Clerk, database: Database) -> None:
    database.ask(
        "insert into batida (id, usuario_id, ponto, recebida_em)"
        " select gen_random_uuid(), 5, now(), now() from generate_series(1, %s)",
        MOST + 1,
    )

    assert len(signed_in.list(employee="5")) == MOST


# What breaks


def test_a_session_that_was_ended_costs_no_receipt(clerk: Clerk, database: Database, store: Store) -> None:
    punch = entry()
    store.save([punch])
    sessions = "from pg_stat_activity where datname = current_database() and application_name = 'batidaPonto receipts'"
    assert clerk.status(punch.punch.id) == 200
    assert database.ask(f"select usename {sessions}") == [("ponto_receipts",)]

    database.ask(f"select pg_terminate_backend(pid) {sessions}")
    wait_for(lambda: not database.ask(f"select pid {sessions}"), "the session to be gone")

    assert clerk.status(punch.punch.id) == 200
    assert clerk.warnings == []


@pytest.mark.parametrize(
    ("breaks", "mends", "why"),
    [
        ("alter database {} connection limit 0", "alter database {} connection limit -1", "OperationalError: "),
        ("begin; lock table batida", "rollback", "QueryCanceled: canceling statement due to"),
    ],
    ids=["no connection", "locked"],
)
def test_while_the_database_does_not_answer_it_says_when_to_ask_again_and_others_do_not_wait_for_it(
    clerk: Clerk, database: Database, monkeypatch: pytest.MonkeyPatch, breaks: str, mends: str, why: str
) -> None:
    name = database.owner["dbname"]
    database.ask(breaks.format(name))
    try:
        answer = clerk.ask(str(uuid.uuid4()))
        assert clerk.status(str(uuid.uuid4())) == 503  # a moment later: at once, without a try
    finally:
        database.ask(mends.format(name))

    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"] == str(UNAVAILABLE_S)
    assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN
    assert json.loads(answer["body"]) == {"message": UNAVAILABLE}
    assert clerk.warnings[0].startswith(f"receipt: {why}")
    assert clerk.warnings[1:] == ["receipt: CannotConnectError: the database did not answer less than 5 s ago"]

    later = time.monotonic() + 5
    monkeypatch.setattr("slices.receipts.lookup.time.monotonic", lambda: later)
    assert clerk.status(str(uuid.uuid4())) == 404  # it is back


def test_a_password_that_cannot_be_fetched_is_a_503_and_is_not_said() -> None:
    def refuse() -> Parameters:
        raise LookupError("no secret")

    warnings: list[str] = []
    answer = Receipts(refuse, ORIGIN, timeouts=QUICK).answer(event(str(uuid.uuid4())), warnings.append)

    assert answer["statusCode"] == 503
    assert warnings == ["receipt: CannotConnectError: LookupError: no secret"]
    assert "secret" not in answer["body"]


# The role


def test_a_session_cannot_write_and_ends_by_itself(clerk: Clerk) -> None:
    assert clerk.status(str(uuid.uuid4())) == 404
    connection = clerk.receipts._session._connection
    assert connection is not None
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('idle_session_timeout'), current_setting('statement_timeout')")
        assert cursor.fetchall() == [("1min", "500ms")]
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("select lo_create(0)")


# The entry point


def test_the_entry_point_answers_with_what_the_environment_says(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    way = database.owner | {"user": "ponto_receipts"}
    found = config.Database(way, None)
    monkeypatch.setattr(config, "load_database", lambda: found)
    monkeypatch.setenv("CORS_ORIGIN", ORIGIN)
    function.receipts.cache_clear()
    punch = entry()
    store.save([punch])
    try:
        answer = function.main(event(punch.punch.id), Context())
        assert answer["statusCode"] == 200
        assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN
        assert capsys.readouterr().out == ""

        function.receipts().close()
        way["host"] = "/nowhere"
        assert function.main(event(punch.punch.id), Context())["statusCode"] == 503
        line = json.loads(capsys.readouterr().out)
        assert (line["level"], line["requestId"]) == ("WARNING", Context.aws_request_id)
        assert line["message"].startswith("receipt: OperationalError: ")
    finally:
        function.receipts.cache_clear()


def test_it_signs_in_by_iam_where_the_stage_does(database: Database, store: Store) -> None:
    punch = entry()
    store.save([punch])
    functions = Functions(database.url, "ponto_receipts")
    functions.environment |= BY_IAM
    function.receipts.cache_clear()
    try:
        assert functions.run(function.main, event(punch.punch.id))["statusCode"] == 200
    finally:
        function.receipts().close()
        function.receipts.cache_clear()
