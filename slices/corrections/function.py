"""The function that answers `POST /correcao`, and writes corrections.

IAM lets nobody send it unsigned: the author is whom AWS names, never whom the request does.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, NamedTuple, TypedDict

import psycopg2
import psycopg2.errors

from ponto import config, log
from ponto.connection import CannotConnectError, Parameters, Settings, Timeouts, connect, error_message, is_refused
from slices.corrections.write import MOST, Correction, RefusedError, as_json, read_all, write

TIMEOUTS = Timeouts(connect_seconds=8, attempt_seconds=4)
"""A database that resumes takes longer to connect to; whoever sends is told so, and sends it again."""

UNAVAILABLE_S = 15
"""s after which to send it again."""

_AGAIN = {"Retry-After": str(UNAVAILABLE_S)}

_NOT_MIGRATED = ("42P01", "42501", "42883")  # SQLSTATEs: no such table, no right, no such function
_SCHEMA = "nothing was written: run ponto schema"

_SETTINGS: Settings = {
    "statement_timeout": TIMEOUTS.statement_ms,
    "lock_timeout": TIMEOUTS.lock_ms,
    "synchronous_commit": "on",
}


class Response(TypedDict):
    """What API Gateway passes on to whoever asked."""

    statusCode: int
    headers: dict[str, str]
    body: str


class Done(NamedTuple):
    """What the log may say."""

    written: int = 0
    known: int = 0  # that a retry found
    refused: int = 0
    error: str = ""  # its kind; empty: none


def main(event: Any, context: Any) -> Response:
    """Write corrections; see `answer`.

    Args:
        event: a POST, as API Gateway's proxy integration gives it: with whom AWS found to have signed it.
        context: Lambda's, which knows the request's id.
    """
    started = time.monotonic()
    database = config.load_database()
    response, done = answer(event, database.connection_parameters, os.environ.get("AUTHOR", ""))
    log.answered("correction", context.aws_request_id, (time.monotonic() - started) * 1000, done._asdict())
    return response


def answer(event: Mapping[str, Any], parameters: Callable[[], Parameters], author: str) -> tuple[Response, Done]:
    """Write what is asked for, all or nothing.

    Args:
        event: a request, as API Gateway's proxy integration gives it.
        parameters: gives the keyword arguments of `psycopg2.connect`.
        author: who answers for it whoever sends it; empty, as on AWS: whom AWS names.

    Returns:
        The answer, and what may be logged of it: 200 with a row for each; 400 or 409 with the reasons, by position, of
        those whose form or whose content is refused; 403 where AWS names nobody; 503 while the database does not
        answer; 500 where sending it again does not help.
    """
    author = author or event["requestContext"]["identity"].get("userArn") or ""
    if not author:
        return _refusal(403, "corrections are for callers whom AWS names: sign the request (AWS_IAM)")
    try:
        asked = _read(event.get("body"))
    except RefusedError as error:
        return _refusal(400, "nothing was written", error.reasons)
    except ValueError as error:
        return _refusal(400, f"there is an error in your request: {error}")
    try:
        given = parameters()
    except Exception as error:  # noqa: BLE001  of Secrets Manager, or of what it holds
        kind = type(error).__name__
        return _failed(500, f"the function cannot read the database's password ({kind}); nothing was written", kind)
    try:
        with closing(connect(given, "ponto correction", TIMEOUTS, settings=_SETTINGS)) as database:
            written = write(database, asked, author)
    except RefusedError as error:
        return _refusal(409, "nothing was written", error.reasons)
    except psycopg2.errors.LockNotAvailable as error:
        text = f"{error_message(error)}; nothing was written: send it again"
        return _failed(503, text, f"{type(error).__name__} {error.pgcode}", _AGAIN)
    except (psycopg2.Error, CannotConnectError) as error:
        sqlstate = getattr(error, "pgcode", None)
        kind = f"{type(error).__name__} {sqlstate or ''}".strip()
        if is_refused(error):
            return _failed(
                500, f"the function has another password than the database, or IAM does not let it in; {_SCHEMA}", kind
            )
        if isinstance(error, psycopg2.Error) and sqlstate in _NOT_MIGRATED:
            return _failed(500, f"the database is not as the function expects: {error_message(error)}; {_SCHEMA}", kind)
        text = "the database does not answer, or is busy; nothing was written, or all of it: send it again"
        return _failed(503, text, kind, _AGAIN)
    new = sum(each.is_new for each in written)
    return _answer(200, {"correcoes": [as_json(each) for each in written]}), Done(new, len(written) - new)


def _read(body: object) -> list[Correction]:
    """Read the corrections of a body.

    Raises:
        RefusedError: the form of some is wrong.
        ValueError: it holds none, or too many.
    """
    try:
        given = json.loads(body if isinstance(body, str) else "")["correcoes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError('must be {"correcoes": [...]}') from None
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise ValueError(f"must hold 1 to {MOST} corrections")
    return read_all(given)


def _refusal(status: int, message: str, reasons: Mapping[int, str] | None = None) -> tuple[Response, Done]:
    refused = [{"posicao": position, "razao": why} for position, why in (reasons or {}).items()]
    return _answer(status, {"message": message, "recusadas": refused}), Done(refused=len(refused) or 1)


def _failed(status: int, message: str, kind: str, more: Mapping[str, str] | None = None) -> tuple[Response, Done]:
    return _answer(status, {"message": message}, more), Done(error=kind)


def _answer(status: int, body: Mapping[str, object], more: Mapping[str, str] | None = None) -> Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **(more or {})}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
