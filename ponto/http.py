"""HTTP behind API Gateway's proxy integration: requests, their JSON bodies, and responses."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple, TypedDict

import psycopg2

from ponto import log
from ponto.connection import QUERY_ERRORS, error_message
from ponto.fields import Field, read_object

EMPLOYEE_CLAIM = "custom:usuarioId"
"""The claim of an employee who signed in that is their number."""

UNAVAILABLE_RETRY_SECONDS = 15
"""After which to send a request again if the database does not answer: a paused Aurora takes 15 to 40 s to resume."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_is_employee_id = re.compile("[1-9][0-9]{0,15}").fullmatch


class Response(TypedDict):
    """Response that API Gateway passes on to the caller."""

    statusCode: int
    headers: dict[str, str]
    body: str


class Request(NamedTuple):
    """A request. The caller's identity is what AWS verified, never what the request says."""

    path_parameters: Mapping[str, str] = _NOTHING
    body: str = ""
    employee_id: int | None = None  # of the employee who signed in
    user_arn: str = ""  # of the IAM identity that signed the request

    def json_object(self, rule: str = "must be a JSON object") -> dict[str, Any]:
        """Return the JSON object that the body is, or raise ValueError with the rule."""
        with suppress(ValueError, RecursionError):
            if isinstance(value := json.loads(self.body), dict):
                return value
        raise ValueError(rule)

    def read(self, fields: Mapping[str, Field]) -> dict[str, Any]:
        """Return the values of the body's fields, as `read_object` does, or raise HttpError 400."""
        try:
            return read_object(self.json_object(), fields)
        except ValueError as error:
            raise HttpError(400, f"there is an error in your request: {error}") from None


class Result(NamedTuple):
    """Outcome of an operation."""

    body: Mapping[str, object]
    status: int = 200
    retry_after_seconds: int | None = None
    counts: Mapping[str, int] = _NOTHING  # for the log


class HttpError(Exception):
    """A request is answered with an error. Raise it `from` the exception that the log shall name, or `from None`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after_seconds: int | None = None,
        counts: Mapping[str, int] = _NOTHING,
        **more: object,
    ) -> None:
        """Set the result; `more` are fields of its body."""
        super().__init__(message)
        self.result = Result({"message": message, **more}, status, retry_after_seconds, counts)


def handle(
    event: Mapping[str, Any],
    context: Any,
    operation: Callable[[Request], Result],
    *,
    name: str,
    unavailable: str = "the database does not answer; send the request again",
    headers: Mapping[str, str] = _NOTHING,
    counters: Sequence[str] = (),
) -> Response:
    """Respond to an event of the proxy integration with the result of an operation, or the `HttpError` that it raises.

    Errors of the database are answered 503, other exceptions 500, which quotes nothing of them.

    Args:
        name: of the operation, in the log.
        unavailable: message of a 503.
        headers: of every response, beside those of JSON that no cache may keep.
        counters: names of `Result.counts`, which are logged for each request; none: only failures are logged.
    """
    started = time.monotonic()
    error = ""
    try:
        result = operation(_parse(event))
    except HttpError as refusal:
        result = refusal.result
        error = _kind(refusal.__cause__) if refusal.__cause__ else ""
    except QUERY_ERRORS as failure:
        result = Result({"message": unavailable}, 503, UNAVAILABLE_RETRY_SECONDS)
        error = _kind(failure) if counters else _kind_and_message(failure)
    except Exception as failure:  # noqa: BLE001  Lambda would log its text, which may quote a value
        result = Result({"message": "the function failed; its log has the line"}, 500)
        error = log.type_and_location(failure)
    if counters:
        outcome = {**dict.fromkeys(counters, 0), **result.counts, "error": error}
        log.request(name, context.aws_request_id, (time.monotonic() - started) * 1000, outcome)
    elif error:
        log.write(f"{name}: {error}", context.aws_request_id, level="WARNING")
    complete = {"Content-Type": "application/json", "Cache-Control": "no-store", **headers}
    if result.retry_after_seconds is not None:
        complete["Retry-After"] = str(result.retry_after_seconds)
    return {"statusCode": result.status, "headers": complete, "body": json.dumps(result.body)}


def _parse(event: Mapping[str, Any]) -> Request:
    caller = event["requestContext"]
    claim = ((caller.get("authorizer") or {}).get("claims") or {}).get(EMPLOYEE_CLAIM) or ""
    return Request(
        path_parameters=event.get("pathParameters") or {},
        body=event.get("body") or "",
        employee_id=int(claim) if _is_employee_id(claim) else None,
        user_arn=(caller.get("identity") or {}).get("userArn") or "",
    )


def _kind(error: BaseException) -> str:
    return f"{type(error).__name__} {getattr(error, 'pgcode', None) or ''}".strip()


def _kind_and_message(error: Exception) -> str:
    message = error_message(error) if isinstance(error, psycopg2.Error) else error
    return f"{type(error).__name__}: {message}".partition("\n")[0][:200]
