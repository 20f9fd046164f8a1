"""Requests and responses of functions behind API Gateway's proxy integration."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple, TypedDict

import psycopg2

from ponto.punch import EVENT
from ponto.shared import log
from ponto.shared.connection import QUERY_ERRORS, message_for_log
from ponto.shared.event import Subject
from ponto.shared.fields import Field, parse_object

EMPLOYEE_CLAIM = "custom:usuarioId"
"""The token's claim with the employee id."""

UNAVAILABLE_RETRY_SECONDS = 15
"""Delay before a retry if the database is unavailable: a paused Aurora takes 15 to 40 s to resume."""

_UNAVAILABLE = (503, "the database does not answer; send the request again")
_INVALID_VALUE = (400, "the database refuses a value of your request")
_CONFLICT = (409, "a stored row contradicts your request")
_OUTDATED_SCHEMA = (500, "the database lacks a migration or a privilege: run ponto schema")
_FAILED = (500, "the database failed; the function's log has its SQLSTATE")
_RESPONSES = {
    **dict.fromkeys(("", "08", "25006", "28", "40", "53", "55", "57"), _UNAVAILABLE),  # "": an error of libpq
    **dict.fromkeys(("22", "23502", "23503", "23514"), _INVALID_VALUE),
    **dict.fromkeys(("23505", "23P01"), _CONFLICT),
    **dict.fromkeys(("3F000", "42501", "42703", "42704", "42883", "42P01"), _OUTDATED_SCHEMA),
}
"""Status and message for errors of the database, by SQLSTATE or its class, which is the first two characters. Others
are `_FAILED`. Only after a 503 does it help to send the request again."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Response(TypedDict):
    """Response in the format of the proxy integration."""

    statusCode: int
    headers: dict[str, str]
    body: str


class Request(NamedTuple):
    """A request, with the caller's identity as verified by AWS."""

    path_parameters: Mapping[str, str] = _EMPTY
    body: str = ""
    employee_id: Subject | None = None  # of the signed-in user, if any
    user_arn: str = ""  # ARN of the IAM identity that signed the request

    def parse_json_object(self, error: str = "must be a JSON object") -> dict[str, Any]:
        """Return the body's JSON object, or raise ValueError with the error message."""
        with suppress(ValueError, RecursionError):
            if isinstance(value := json.loads(self.body), dict):
                return value
        raise ValueError(error)

    def parse_body(self, fields: Mapping[str, Field], **error_fields: Any) -> dict[str, Any]:
        """Return the parsed values of the body, keyed as in `fields`, or raise HttpError 400 with `error_fields`."""
        try:
            return parse_object(self.parse_json_object(), fields)
        except ValueError as error:
            raise HttpError(400, f"there is an error in your request: {error}", **error_fields) from None


class Result(NamedTuple):
    """Result of an operation, from which the response is built."""

    body: Mapping[str, object]
    status: int = 200
    retry_after_seconds: int | None = None
    counts: Mapping[str, int] = _EMPTY  # for the log


class HttpError(Exception):
    """Error response. Raise it `from` the exception that the log should name, or `from None`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after_seconds: int | None = None,
        counts: Mapping[str, int] = _EMPTY,
        **body_fields: object,
    ) -> None:
        """Create the error; its body consists of the message and `body_fields`."""
        super().__init__(message)
        self.result = Result({"message": message, **body_fields}, status, retry_after_seconds, counts)


def handle(
    event: Mapping[str, Any],
    context: Any,
    operation: Callable[[Request], Result],
    *,
    name: str,
    unavailable: str = _UNAVAILABLE[1],
    headers: Mapping[str, str] = _EMPTY,
    counters: Sequence[str] = (),
) -> Response:
    """Run an operation for an event of the proxy integration, and return its response.

    An `HttpError` becomes the response that it describes, a database error the one for its SQLSTATE (`_RESPONSES`), and
    any other exception a 500 that does not quote it.

    Args:
        event: event of the proxy integration.
        context: Lambda context.
        operation: returns the result of a request, or raises HttpError.
        name: name of the operation in the log.
        unavailable: message of the 503 response.
        headers: headers to add to every response.
        counters: keys of `Result.counts`. If given, every request is logged with these counts, otherwise only failures.
    """
    started = time.monotonic()
    error = ""
    try:
        result = operation(_parse(event))
    except HttpError as response_error:
        result = response_error.result
        error = _describe_type(response_error.__cause__) if response_error.__cause__ else ""
    except QUERY_ERRORS as failure:
        result = _database_error_result(failure, unavailable)
        error = _describe_type(failure) if counters else _describe_error(failure)
    except Exception as failure:  # noqa: BLE001  Lambda would log its text, which may quote a value
        result = Result({"message": "internal error; the function's log has its location"}, 500)
        error = log.type_and_location(failure)
    if counters:
        outcome = {**dict.fromkeys(counters, 0), **result.counts, "error": error}
        log.write_request(name, context.aws_request_id, (time.monotonic() - started) * 1000, outcome)
    elif error:
        log.write(f"{name}: {error}", context.aws_request_id, level="WARNING")
    response_headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **headers}
    if result.retry_after_seconds is not None:
        response_headers["Retry-After"] = str(result.retry_after_seconds)
    return {"statusCode": result.status, "headers": response_headers, "body": json.dumps(result.body)}


def _parse(event: Mapping[str, Any]) -> Request:
    request_context = event["requestContext"]
    claim = ((request_context.get("authorizer") or {}).get("claims") or {}).get(EMPLOYEE_CLAIM) or ""
    return Request(
        path_parameters=event.get("pathParameters") or {},
        body=event.get("body") or "",
        employee_id=_parse_employee(claim),
        user_arn=(request_context.get("identity") or {}).get("userArn") or "",
    )


def _parse_employee(claim: str) -> Subject | None:
    """Return the employee of a claim, which the gateway also compares with punches as a text; None: there is none."""
    with suppress(ValueError):
        employee = EVENT.parse_subject(claim)
        return employee if str(employee) == claim else None
    return None


def _database_error_result(error: Exception, unavailable: str) -> Result:
    response = status, message = _response(error)
    if response == _UNAVAILABLE:
        return Result({"message": unavailable}, status, UNAVAILABLE_RETRY_SECONDS)
    detail = _detail(error)
    return Result({"message": f"{message} ({detail})" if detail else message}, status)


def _response(error: Exception) -> tuple[int, str]:
    sqlstate: str = getattr(error, "pgcode", None) or ""
    if not sqlstate and isinstance(error, psycopg2.ProgrammingError):  # a faulty call, which may have written
        return _FAILED
    return _RESPONSES.get(sqlstate) or _RESPONSES.get(sqlstate[:2], _FAILED)


def _detail(error: Exception) -> str:
    """Return the reason of an error without values: its message for the log, or the violated constraint or column."""
    if not isinstance(error, psycopg2.Error):
        return str(error)
    if not error.pgcode or _response(error) in (_UNAVAILABLE, _OUTDATED_SCHEMA):
        return message_for_log(error).partition("\n")[0]
    return error.diag.constraint_name or error.diag.column_name or ""


def _describe_type(error: BaseException) -> str:
    return f"{type(error).__name__} {getattr(error, 'pgcode', None) or ''}".strip()


def _describe_error(error: Exception) -> str:
    return f"{_describe_type(error)}: {_detail(error)}".removesuffix(": ")[:200]
