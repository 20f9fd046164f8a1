"""Function behind `GET /ponto/{id}` and `GET /ponto`. The latter lists punches only on stages with sign-in."""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from ponto.shared import config
from slices import http
from slices.http import HttpError, Request, Result
from slices.receipts.lookup import Receipts, open_session

NOT_FOUND_RETRY_SECONDS = 5
"""Retry-After of a 404. A punch is usually stored 1 or 2 s after its 202; with very little traffic, up to 20 s."""

EXPOSED_HEADERS = "Date,Retry-After"
"""Response headers that a page of another origin may read."""

LIST_FIELD = "batidas"
"""The only field of a list of receipts."""

NOT_FOUND_MESSAGE = (
    "no stored punch has this id, or this key or sign-in may not see it; a punch that is not stored may still wait, "
    "be a dead letter, or never have been sent"
)
NO_LIST_MESSAGE = "this stage has no sign-in, and so no list of punches"
UNAVAILABLE_MESSAGE = "the database does not answer yet: try again later; a punch that was answered 202 is safe"


@cache  # one per execution environment, so that requests share its connection
def create_receipts() -> Receipts:
    """Return the receipts of the database that the environment names. Does not connect yet.

    Raises:
        ConfigurationError: a value of the environment is missing or invalid.
    """
    session = open_session(config.load_database().connection_parameters)
    return Receipts(session, is_sign_in_required=config.is_sign_in_required())


def main(event: Any, context: Any, *, create: Callable[[], Receipts] = create_receipts) -> http.Response:
    """Handle an event of API Gateway's proxy integration; see `handle_request`."""
    headers = {
        "Access-Control-Allow-Origin": os.environ.get("CORS_ORIGIN", ""),
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
    }
    operation = partial(handle_request, create())
    return http.handle(event, context, operation, name="receipt", unavailable=UNAVAILABLE_MESSAGE, headers=headers)


def handle_request(receipts: Receipts, request: Request) -> Result:
    """Return the receipt of the punch in the path, or for a path without an id the employee's recent receipts.

    Raises:
        HttpError: 404: there is no such punch, the caller may not see it, or the stage has no sign-in and so no list.
        psycopg2.Error, CannotConnectError: the database does not answer.
    """
    punch_id = request.path_parameters.get("id")
    if punch_id is None and receipts.is_sign_in_required:
        return Result({LIST_FIELD: receipts.find_recent(request.employee_id)})
    if punch_id is None:
        raise HttpError(404, NO_LIST_MESSAGE)
    receipt = receipts.find(punch_id, request.employee_id)
    if receipt is None:
        raise HttpError(404, NOT_FOUND_MESSAGE, retry_after_seconds=NOT_FOUND_RETRY_SECONDS)
    return Result(receipt)
