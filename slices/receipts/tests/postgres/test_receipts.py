"""Receipts against a real PostgreSQL: who is told of which row, and what is answered while it does not answer."""

import json
import math
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import psycopg2
import pytest

from ponto.connection import Parameters
from ponto.database_names import read_sql
from ponto.http import UNAVAILABLE_RETRY_SECONDS, Response
from ponto.parser import parse
from ponto.store import Entry, Store
from slices.receipts import function, openapi
from slices.receipts.function import NOT_FOUND, NOT_FOUND_RETRY_SECONDS, UNAVAILABLE
from slices.receipts.lookup import MAX_LISTED, TIMEOUTS, Receipts, open_session
from tests.database import Database
from tests.events import RECEIVED_MS
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
    """The function on a database, with receipts whose clock a test may set forward."""

    def __init__(self, database: Database, *, requires_sign_in: bool) -> None:
        self.fetched = 0  # times that the parameters of a connection were asked for
        self.seconds_later = 0
        self.session = open_session(self._fetch, QUICK)
        self._receipts = Receipts(
            self.session, requires_sign_in=requires_sign_in, clock=lambda: time.monotonic() + self.seconds_later
        )
        self._functions = Functions(database.url, "ponto_receipts")
        self._functions.environment["CORS_ORIGIN"] = ORIGIN
        self._parameters = database.owner | {"user": "ponto_receipts"}

    @property
    def warnings(self) -> list[str]:
        return [json.loads(line)["message"] for line in self._functions.log.getvalue().splitlines()]

    def ask(self, identifier: str | None, **claims: str) -> Response:
        """Ask; `employee` is the number of who signed in."""
        verified = {"custom:usuarioId": claims["employee"], "sub": "8"} if "employee" in claims else None
        main = partial(function.main, receipts=lambda: self._receipts)
        response: Response = self._functions.run(main, event(identifier, verified))
        return response

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
    """Yield the function of a stage without a user pool."""
    clerk = Clerk(database, requires_sign_in=False)
    with closing(clerk.session):
        yield clerk


@pytest.fixture
def signed_in(database: Database) -> Iterator[Clerk]:
    """Yield the function of a stage with one."""
    clerk = Clerk(database, requires_sign_in=True)
    with closing(clerk.session):
        yield clerk


@pytest.fixture
def functions(database: Database) -> Iterator[Functions]:
    """Yield the environment of the function, with receipts as it makes them."""
    function.receipts.cache_clear()
    yield Functions(database.url, "ponto_receipts")
    function.receipts().close()
    function.receipts.cache_clear()


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
    assert answer["headers"]["Retry-After"] == str(NOT_FOUND_RETRY_SECONDS)
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
    local.greet(cast(Any, stack), tmp_path)
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
    statement = read_sql(openapi.FILE.with_name("sql") / "receipts.sql") % {
        "employee": 7,
        "since": "interval '2 days'",
        "most": 500,
    }
    plan = "\n".join(line for (line,) in database.ask("explain " + statement))
    assert "batida_semana_usuario_id_idx" in plan
    assert "batida_recebida_em_idx" not in plan


def test_a_list_has_an_end(signed_in: Clerk, database: Database) -> None:
    database.ask(
        "insert into batida (id, usuario_id, ponto, recebida_em)"
        " select gen_random_uuid(), 5, now(), now() from generate_series(1, %s)",
        MAX_LISTED + 1,
    )

    assert len(signed_in.list(employee="5")) == MAX_LISTED


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
    clerk: Clerk, database: Database, breaks: str, mends: str, why: str
) -> None:
    name = database.owner["dbname"]
    database.ask(breaks.format(name))
    try:
        answer = clerk.ask(str(uuid.uuid4()))
        assert clerk.status(str(uuid.uuid4())) == 503  # a moment later: at once, without a try
    finally:
        database.ask(mends.format(name))

    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"] == str(UNAVAILABLE_RETRY_SECONDS)
    assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN
    assert json.loads(answer["body"]) == {"message": UNAVAILABLE}
    assert clerk.warnings[0].startswith(f"receipt: {why}")
    assert clerk.warnings[1:] == ["receipt: CannotConnectError: the database did not answer less than 5 s ago"]

    clerk.seconds_later = 5
    assert clerk.status(str(uuid.uuid4())) == 404  # it is back


def test_a_password_that_cannot_be_fetched_is_a_503_and_is_not_said(database: Database) -> None:
    functions = Functions(database.url, "ponto_receipts")

    def refuse() -> Parameters:
        raise LookupError("no secret")

    receipts = Receipts(open_session(refuse, QUICK), requires_sign_in=False)
    response = functions.run(partial(function.main, receipts=lambda: receipts), event(str(uuid.uuid4())))

    assert response["statusCode"] == 503
    assert json.loads(functions.log.getvalue())["message"] == "receipt: CannotConnectError: LookupError: no secret"
    assert "secret" not in response["body"]


# The role


def test_a_session_cannot_write_and_ends_by_itself(clerk: Clerk) -> None:
    settings = "select current_setting('idle_session_timeout'), current_setting('statement_timeout')"
    assert clerk.session.execute(settings, {}, math.inf) == [("1min", "500ms")]
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        clerk.session.execute("select lo_create(0)", {}, math.inf)


# The entry point


def test_it_signs_in_by_iam_where_the_stage_does(functions: Functions, store: Store) -> None:
    punch = entry()
    store.save([punch])
    functions.environment |= BY_IAM

    assert functions.run(function.main, event(punch.punch.id))["statusCode"] == 200
