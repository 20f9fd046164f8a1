"""Receipts from a real PostgreSQL: the rows that callers may see, and responses while the database fails."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, timedelta
from functools import partial
from typing import Any

import pytest

from ponto.drain.parser import parse
from ponto.drain.store import Entry, Store
from ponto.punch import EVENT
from ponto.shared.connection import Parameters
from slices.http import UNAVAILABLE_RETRY_SECONDS, Response
from slices.receipts import function
from slices.receipts.function import LIST_FIELD, NOT_FOUND_MESSAGE, NOT_FOUND_RETRY_SECONDS, UNAVAILABLE_MESSAGE
from slices.receipts.lookup import TIMEOUTS, Receipts, open_session
from tests.database import Database
from tests.events import RECEIVED_MS
from tests.functions import Functions
from tests.postgres.storing import EIGHT, add_punch, entry
from tools.kit import event
from tools.kit.event import OPTIONAL_FIELDS

ORIGIN = "https://ponto.example.com"
FIVE = str(event.subject(5))
SHORT_TIMEOUTS = TIMEOUTS._replace(connect_seconds=2, attempt_seconds=2, statement_ms=500)


def request(identifier: str | None, claims: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the parts of a proxy integration's event that the function reads."""
    return {
        "resource": EVENT.path if identifier is None else f"{EVENT.path}/{{id}}",
        "httpMethod": "GET",
        "pathParameters": None if identifier is None else {"id": identifier},
        "requestContext": {} if claims is None else {"authorizer": {"claims": claims}},
    }


class ReceiptFunction:
    """The function on a test database, with a clock that a test can advance."""

    def __init__(self, database: Database, *, is_sign_in_required: bool) -> None:
        self.parameter_reads = 0  # how often the connection's parameters were fetched
        self.seconds_later = 0
        self.session = open_session(self._fetch, SHORT_TIMEOUTS)
        self._receipts = Receipts(
            self.session, is_sign_in_required=is_sign_in_required, clock=lambda: time.monotonic() + self.seconds_later
        )
        self._functions = Functions(database.url, "ponto_receipts")
        self._functions.environment["CORS_ORIGIN"] = ORIGIN
        self._parameters = database.owner | {"user": "ponto_receipts"}

    @property
    def warnings(self) -> list[str]:
        return [json.loads(line)["message"] for line in self._functions.log.getvalue().splitlines()]

    def get(self, identifier: str | None, **claims: str) -> Response:
        """Return the response to a request; `employee` is the number of the signed-in user."""
        verified = {"custom:usuarioId": claims["employee"], "sub": "8"} if "employee" in claims else None
        main = partial(function.main, create=lambda: self._receipts)
        response: Response = self._functions.run(main, request(identifier, verified))
        return response

    def status(self, identifier: str, **claims: str) -> int:
        return self.get(identifier, **claims)["statusCode"]

    def list(self, **claims: str) -> Any:
        answer = self.get(None, **claims)
        assert answer["statusCode"] == 200
        return json.loads(answer["body"])[LIST_FIELD]

    def _fetch(self) -> Parameters:
        self.parameter_reads += 1
        return self._parameters


@pytest.fixture
def receipt_function(database: Database) -> Iterator[ReceiptFunction]:
    """Yield the function of a stage without sign-in."""
    function = ReceiptFunction(database, is_sign_in_required=False)
    with closing(function.session):
        yield function


@pytest.fixture
def sign_in_function(database: Database) -> Iterator[ReceiptFunction]:
    """Yield the function of a stage with sign-in."""
    function = ReceiptFunction(database, is_sign_in_required=True)
    with closing(function.session):
        yield function


def random_uuid(version: str) -> str:
    text = str(uuid.uuid4())
    return f"{text[:14]}{version}{text[15:]}"


def test_receipt_has_the_values_of_the_row_and_is_not_cached(
    receipt_function: ReceiptFunction, database: Database, store: Store
) -> None:
    identifier = str(uuid.uuid4())
    sent = event.body(7, "2026-10-01T08:00:00-03:00", **OPTIONAL_FIELDS, id=identifier)
    store.save([Entry(parse(json.dumps(sent), UTC), "message", RECEIVED_MS)])
    [(written,)] = database.execute(
        "select to_char(gravada_em at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') from batida"
    )

    answer = receipt_function.get(identifier)

    body = json.loads(answer["body"])
    assert body.pop("gravadaEm").startswith(written)
    assert body == {
        "situacao": "gravada",
        "id": identifier,
        EVENT.fields[EVENT.subject].name: event.subject(7),
        EVENT.fields[EVENT.instant].name: "2026-10-01T11:00:00Z",
        "recebidaEm": "2026-10-01T11:00:01.234000Z",
    }
    assert answer["statusCode"] == 200
    assert answer["headers"] == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Expose-Headers": "Date,Retry-After",
    }
    assert receipt_function.status(identifier.upper()) == 200
    assert receipt_function.warnings == []


def test_missing_punch_is_404_with_retry_after(receipt_function: ReceiptFunction) -> None:
    answer = receipt_function.get(str(uuid.uuid4()))

    assert answer["statusCode"] == 404
    assert answer["headers"]["Retry-After"] == str(NOT_FOUND_RETRY_SECONDS)
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert json.loads(answer["body"]) == {"message": NOT_FOUND_MESSAGE}


def test_key_alone_gets_receipts_of_random_ids_only(receipt_function: ReceiptFunction, store: Store) -> None:
    identifiers = {version: random_uuid(version) for version in "0123456789abcdef"}
    store.save([entry(id=identifier) for identifier in identifiers.values()])

    assert [version for version, identifier in identifiers.items() if receipt_function.status(identifier) != 404] == [
        "4",
        "7",
    ]


def test_signed_in_employee_gets_only_their_own_receipts(sign_in_function: ReceiptFunction, store: Store) -> None:
    for version in "123456789":
        own_entry, other_entry = entry(5, id=random_uuid(version)), entry(6, id=random_uuid(version))
        store.save([own_entry, other_entry])

        assert sign_in_function.status(own_entry.punch.id, employee=FIVE) == 200
        assert sign_in_function.get(other_entry.punch.id, employee=FIVE) == sign_in_function.get(
            str(uuid.uuid4()), employee=FIVE
        )


def test_caller_without_a_valid_number_gets_no_receipts(sign_in_function: ReceiptFunction, store: Store) -> None:
    own = entry(5)
    store.save([own])

    for claims in ({}, {"employee": ""}, {"employee": "05"}):  # {}: only an API key
        assert sign_in_function.status(own.punch.id, **claims) == 404
        assert sign_in_function.list(**claims) == []
    assert sign_in_function.parameter_reads == 0  # the database is not queried


def test_invalid_id_is_404_without_a_query(receipt_function: ReceiptFunction) -> None:
    for identifier in ("", "' or true --", "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e\n"):
        assert receipt_function.status(identifier) == 404
    assert receipt_function.parameter_reads == 0


def test_list_has_the_employees_punches_of_two_days_newest_first(
    sign_in_function: ReceiptFunction, database: Database, store: Store
) -> None:
    now = int(time.time() * 1000)
    ages = [timedelta(0), timedelta(hours=47, minutes=59), timedelta(hours=48, minutes=1), timedelta(days=9)]
    own = [entry(5, EIGHT + age)._replace(received_ms=now - int(age.total_seconds() * 1000)) for age in ages]
    store.save([*reversed(own), entry(6)._replace(received_ms=now)])
    copied = add_punch(database.url, 5)  # without a time of receipt

    listed = sign_in_function.list(employee=FIVE)

    assert [each["id"] for each in listed] == [each.punch.id for each in own[:2]]
    assert listed == [json.loads(sign_in_function.get(each["id"], employee=FIVE)["body"]) for each in listed]
    assert json.loads(sign_in_function.get(copied, employee=FIVE)["body"])["recebidaEm"] is None


def test_failing_database_is_503_and_later_requests_fail_at_once(
    receipt_function: ReceiptFunction, database: Database
) -> None:
    name = database.owner["dbname"]
    database.execute(f"alter database {name} connection limit 0")
    try:
        answer = receipt_function.get(str(uuid.uuid4()))
        assert receipt_function.status(str(uuid.uuid4())) == 503  # at once, because no attempt is made
    finally:
        database.execute(f"alter database {name} connection limit -1")

    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"] == str(UNAVAILABLE_RETRY_SECONDS)
    assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN
    assert json.loads(answer["body"]) == {"message": UNAVAILABLE_MESSAGE}
    assert receipt_function.warnings[1:] == [
        "receipt: CannotConnectError: the database did not answer less than 5 s ago"
    ]

    receipt_function.seconds_later = 5
    assert receipt_function.status(str(uuid.uuid4())) == 404  # the pause is over
