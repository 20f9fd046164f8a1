"""Function behind `POST /correcao`, which writes corrections.

API Gateway passes on only requests that are signed with AWS credentials. The author is the identity that AWS verified,
never a value of the request.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import psycopg2
import psycopg2.errors
from psycopg2 import extensions

from ponto.shared import config
from ponto.shared.connection import (
    CannotConnectError,
    Parameters,
    Settings,
    Timeouts,
    connect,
    is_login_refused,
)
from slices import http
from slices.corrections.write import (
    MAX_CORRECTIONS,
    Correction,
    CorrectionsRefusedError,
    parse_corrections,
    to_json,
    write_corrections,
)
from slices.http import HttpError, Request, Result

TIMEOUTS = Timeouts(connect_seconds=8, attempt_seconds=4)
"""A paused Aurora takes longer to resume: the client gets a 503 with Retry-After, and sends the request again."""

_COUNTERS = ("written", "known", "refused")  # known: existed already
_UNAVAILABLE_MESSAGE = (
    "the database does not answer, or is busy; either all or none of the corrections were written: "
    "send the request again"
)


def main(event: Any, context: Any, *, timeouts: Timeouts = TIMEOUTS) -> http.Response:
    """Handle an event of API Gateway's proxy integration; see `handle_request`."""
    parameters = config.load_database().connection_parameters
    operation = partial(handle_request, partial(open_connection, parameters, timeouts), os.environ.get("AUTHOR", ""))
    return http.handle(
        event, context, operation, name="correction", unavailable=_UNAVAILABLE_MESSAGE, counters=_COUNTERS
    )


def open_connection(parameters: Callable[[], Parameters], timeouts: Timeouts = TIMEOUTS) -> extensions.connection:
    """Open a connection to the database.

    Raises:
        HttpError: 500: the connection's parameters cannot be read, for example from Secrets Manager.
        psycopg2.Error, CannotConnectError: the database does not answer, or refuses the connection.
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
        open_connection: opens a connection to the database.
        author: author of all corrections; empty, as on AWS: the IAM identity that signed the request.
        request: its body is `{"correcoes": [...]}`.

    Raises:
        HttpError: 400 if the form of a correction is invalid, 409 if the table refuses one, both with the reason for
            each refused position; 403 without an author; 500 if the login is refused.
        psycopg2.Error, CannotConnectError: the database does not answer, is busy, or refuses the statement.
    """
    author = author or request.user_arn
    if not author:
        raise _refusal_error(403, "the request has no identity from AWS: sign it with AWS credentials (AWS_IAM)")
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
    except (psycopg2.Error, CannotConnectError) as error:
        if not is_login_refused(error):
            raise
        message = "the database refused the function: wrong password, or IAM denies access"
        raise HttpError(500, f"{message}; nothing was written: run ponto schema") from error
    new = sum(correction.is_new for correction in stored)
    counts = {"written": new, "known": len(stored) - new}
    return Result({"correcoes": [to_json(correction) for correction in stored]}, counts=counts)


def _parse_body(request: Request) -> list[Correction]:
    """Return the corrections in the body of a request.

    Raises:
        CorrectionsRefusedError: the form of some is invalid.
        ValueError: the body has no list of corrections, or their number is out of range.
    """
    rule = 'must be {"correcoes": [...]}'
    body = request.parse_json_object(rule)
    if "correcoes" not in body:
        raise ValueError(rule)
    corrections = body["correcoes"]
    if not isinstance(corrections, list) or not 1 <= len(corrections) <= MAX_CORRECTIONS:
        raise ValueError(f"must have 1 to {MAX_CORRECTIONS} corrections")
    return parse_corrections(corrections)


def _refusal_error(status: int, message: str, reasons: Mapping[int, str] | None = None) -> HttpError:
    refused = [{"posicao": position, "razao": reason} for position, reason in (reasons or {}).items()]
    return HttpError(status, message, recusadas=refused, counts={"refused": len(refused) or 1})
