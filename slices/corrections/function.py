"""The function that answers `POST /correcao`, and writes corrections.

IAM admits signed requests only: the author is whom AWS names, never whom the request names.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import psycopg2
import psycopg2.errors
from psycopg2 import extensions

from ponto import config, http
from ponto.connection import CannotConnectError, Parameters, Settings, Timeouts, connect, error_message, is_refused
from ponto.http import HttpError, Request, Result
from slices.corrections.write import (
    MAX_CORRECTIONS,
    Correction,
    CorrectionsRefusedError,
    parse_corrections,
    to_json,
    write_corrections,
)

TIMEOUTS = Timeouts(connect_seconds=8, attempt_seconds=4)
"""A database that resumes takes longer to connect to; the client is told so, and sends the request again."""

_COUNTERS = ("written", "known", "refused")  # known: a retry found it
_UNAVAILABLE_MESSAGE = "the database does not answer, or is busy; nothing was written, or all of it: send it again"
_MISSING_MIGRATION_SQLSTATES = ("42P01", "42501", "42883")  # SQLSTATEs: no such table, no right, no such function


def main(event: Any, context: Any, *, timeouts: Timeouts = TIMEOUTS) -> http.Response:
    """Write corrections; see `handle_request`."""
    parameters = config.load_database().connection_parameters
    operation = partial(handle_request, partial(open_connection, parameters, timeouts), os.environ.get("AUTHOR", ""))
    return http.handle(
        event, context, operation, name="correction", unavailable=_UNAVAILABLE_MESSAGE, counters=_COUNTERS
    )


def open_connection(parameters: Callable[[], Parameters], timeouts: Timeouts = TIMEOUTS) -> extensions.connection:
    """Connect to the database.

    Raises:
        HttpError: 500: the parameters cannot be read, from Secrets Manager for example.
        psycopg2.Error, CannotConnectError: the database does not answer, or refuses.
    """
    try:
        arguments = parameters()
    except Exception as error:
        reason = f"the function cannot read the database's password ({type(error).__name__})"
        raise HttpError(500, f"{reason}; nothing was written") from error
    settings: Settings = {
        "statement_timeout": timeouts.statement_ms,
        "lock_timeout": timeouts.lock_ms,
        "synchronous_commit": "on",
    }
    return connect(arguments, "ponto correction", timeouts, settings=settings)


def handle_request(open_connection: Callable[[], extensions.connection], author: str, request: Request) -> Result:
    """Write the corrections of a request, all or nothing, and return them.

    Args:
        open_connection: connects to the database.
        author: of all corrections; empty, as on AWS: the IAM identity that signed the request.
        request: its body is `{"correcoes": [...]}`.

    Raises:
        HttpError: 400 or 409 with the reasons, by position, of those whose form or whose content is refused; 403
            without an author; 503 while another transaction holds the lock of corrections; 500 where sending the
            request again does not help.
        psycopg2.Error, CannotConnectError: the database does not answer, or is busy.
    """
    author = author or request.user_arn
    if not author:
        raise _refusal_error(403, "corrections are for callers whom AWS names: sign the request (AWS_IAM)")
    try:
        corrections = _parse_body(request)
    except CorrectionsRefusedError as error:
        raise _refusal_error(400, "nothing was written", error.reasons) from None
    except ValueError as error:
        raise _refusal_error(400, f"there is an error in your request: {error}") from None
    try:
        with closing(open_connection()) as connection:
            stored = write_corrections(connection, corrections, author)
    except CorrectionsRefusedError as error:
        raise _refusal_error(409, "nothing was written", error.reasons) from None
    except psycopg2.errors.LockNotAvailable as error:
        message = f"{error_message(error)}; nothing was written: send it again"
        raise HttpError(503, message, retry_after_seconds=http.UNAVAILABLE_RETRY_SECONDS) from error
    except (psycopg2.Error, CannotConnectError) as error:
        if is_refused(error):
            message = "the function has another password than the database, or IAM does not let it in"
        elif isinstance(error, psycopg2.Error) and error.pgcode in _MISSING_MIGRATION_SQLSTATES:
            message = f"the database is not as the function expects: {error_message(error)}"
        else:
            raise
        raise HttpError(500, f"{message}; nothing was written: run ponto schema") from error
    new = sum(each.is_new for each in stored)
    counts = {"written": new, "known": len(stored) - new}
    return Result({"correcoes": [to_json(each) for each in stored]}, counts=counts)


def _parse_body(request: Request) -> list[Correction]:
    """Return the corrections of a body.

    Raises:
        CorrectionsRefusedError: the form of some is wrong.
        ValueError: the body holds none, or too many.
    """
    rule = 'must be {"correcoes": [...]}'
    body = request.parse_json_object(rule)
    if "correcoes" not in body:
        raise ValueError(rule)
    corrections = body["correcoes"]
    if not isinstance(corrections, list) or not 1 <= len(corrections) <= MAX_CORRECTIONS:
        raise ValueError(f"must hold 1 to {MAX_CORRECTIONS} corrections")
    return parse_corrections(corrections)


def _refusal_error(status: int, message: str, reasons: Mapping[int, str] | None = None) -> HttpError:
    refused = [{"posicao": position, "razao": reason} for position, reason in (reasons or {}).items()]
    return HttpError(status, message, recusadas=refused, counts={"refused": len(refused) or 1})
