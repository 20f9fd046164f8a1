"""Requests that API Gateway hands to a function, and the responses that it passes on."""

import json
from collections.abc import Callable
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from ponto.shared.connection import CannotConnectError
from ponto.shared.fields import Field, display_text, integer
from slices import http
from slices.http import EMPLOYEE_CLAIM, HttpError, Request, Result
from tests.events import Context
from tools.kit.event import subject

EVENT: dict[str, Any] = {"requestContext": {}}
FIELDS = {"shop_id": Field("shop", integer(1, 9, ""), required=True), "note": Field("note", display_text(5, ""))}
JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def respond(
    operation: Callable[[Request], Result], event: dict[str, Any] = EVENT, **options: Any
) -> tuple[int, dict[str, str], Any]:
    response = http.handle(event, Context(), operation, name="shops", **options)
    return response["statusCode"], response["headers"], json.loads(response["body"])


def fail(error: Exception) -> Callable[[Request], Result]:
    def operation(_: Request) -> Result:
        raise error

    return operation


def parse_request(event: dict[str, Any]) -> Request:
    requests: list[Request] = []

    def operation(request: Request) -> Result:
        requests.append(request)
        return Result({})

    assert respond(operation, event)[0] == 200
    return requests[0]


def test_caller_is_taken_from_the_context_that_the_gateway_verified_only() -> None:
    claims = {EMPLOYEE_CLAIM: str(subject(123)), "sub": "8"}
    event: dict[str, Any] = {
        "headers": {"userArn": "arn:of:ana", **claims},
        "queryStringParameters": {"userArn": "arn:of:ana", **claims},
        "pathParameters": {"id": "7"},
        "body": '{"requestContext": {"identity": {"userArn": "arn:of:ana"}}}',
        "requestContext": {"identity": {"userArn": "arn:of:ana"}, "authorizer": {"claims": claims}},
    }
    assert parse_request(event) == Request({"id": "7"}, event["body"], subject(123), "arn:of:ana")
    event["requestContext"] = {"identity": {"userArn": None}, "authorizer": None}
    assert parse_request(event) == Request({"id": "7"}, event["body"], None, "")


@pytest.mark.parametrize("claim", ["", "05", "\u0665", "5\n", "9" * 17])
def test_claim_that_is_no_employee_id_is_ignored(claim: str) -> None:
    event = {"requestContext": {"authorizer": {"claims": {EMPLOYEE_CLAIM: claim}}}}
    assert parse_request(event).employee_id is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        *((body, "must be a JSON object") for body in ("", "[]", "[" * 100_000)),
        ('{"shop": null}', "shop: required"),
        ('{"shop": true}', "shop: must be an integer from 1 to 9"),
        (json.dumps({"shop": 7, "x" * 999: 1}), f"unknown field '{'x' * 40}'"),
    ],
)
def test_body_that_breaks_a_rule_is_answered_400_with_the_rule(body: str, reason: str) -> None:
    status, headers, response = respond(lambda request: Result(request.parse_body(FIELDS)), EVENT | {"body": body})

    assert (status, headers) == (400, JSON)
    assert response["message"].startswith(f"there is an error in your request: {reason}")


def test_result_is_the_response_and_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    result = Result({"shop": "são"}, 201, retry_after_seconds=0)

    response = respond(lambda _: result, headers={"Vary": "Origin"})

    assert response == (201, {**JSON, "Vary": "Origin", "Retry-After": "0"}, {"shop": "são"})
    assert capsys.readouterr().out == ""


def test_error_is_answered_with_its_status_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    response = respond(fail(HttpError(404, "no such shop", retry_after_seconds=5, shop=7)))

    assert response == (404, {**JSON, "Retry-After": "5"}, {"message": "no such shop", "shop": 7})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (psycopg2.OperationalError("gone\nCANARY"), "OperationalError: gone"),
        (CannotConnectError("no time left to connect"), "CannotConnectError: no time left to connect"),
    ],
)
def test_database_that_does_not_answer_is_a_503_that_says_when_to_retry(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    response = respond(fail(error), unavailable="later")

    assert response == (503, {**JSON, "Retry-After": "15"}, {"message": "later"})
    logged = json.loads(capsys.readouterr().out)
    assert (logged["level"], logged["message"], logged["requestId"]) == ("WARNING", f"shops: {line}", "request")


@pytest.mark.parametrize(
    ("sqlstates", "status"),
    [
        ("08006 25006 40001 40P01 53300 55P03 57014 57P01 57P02 57P03", 503),
        ("22003 22007 22008 22P02 23502 23503 23514", 400),
        ("23505 23P01", 409),
        ("3F000 42501 42P01 42883 42601 P0001 XX000", 500),
    ],
)
def test_sqlstate_determines_the_status(sqlstates: str, status: int) -> None:
    for sqlstate in sqlstates.split():
        error: Any = psycopg2.errors.lookup(sqlstate)("no")
        error.__setstate__({"pgcode": sqlstate})
        assert respond(fail(error))[0] == status


@pytest.mark.parametrize("event", [EVENT, {}])
def test_unexpected_exception_is_a_500_that_quotes_nothing(
    event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    status, headers, body = respond(fail(LookupError("CANARY")), event)

    output = capsys.readouterr().out
    kind, file = ("LookupError", "test_http") if event else ("KeyError", "http")
    assert (status, headers, list(body)) == (500, JSON, ["message"])
    assert json.loads(output)["message"].startswith(f"shops: {kind} at {file}.py:")
    assert "CANARY" not in output + str(body)
