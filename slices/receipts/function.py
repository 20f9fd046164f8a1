"""The function that answers `GET /ponto/{id}`, and `GET /ponto`, which is a list where employees sign in."""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from ponto import config, http
from ponto.http import HttpError, Request, Result
from slices.receipts.lookup import Receipts, open_session

NOT_FOUND_RETRY_SECONDS = 5
"""After which to ask again for a punch that is no row: a punch is one a second or two after its 202."""

EXPOSED_HEADERS = "Date,Retry-After"
"""Headers of a response that a page of another origin may read."""

NOT_FOUND_MESSAGE = (
    "no row has this id: the punch still waits, or was never sent, or needs somebody (a dead letter), which cannot be "
    "told apart here; or it is not to be told with this key or sign-in"
)
NO_LIST_MESSAGE = "employees do not sign in here, so there is no list of their punches"
UNAVAILABLE_MESSAGE = "the database does not answer yet; the punch is as safe as its 202 says"


@cache  # once per execution environment, with the connection that it keeps
def create_receipts() -> Receipts:
    """Return the receipts of the database that the environment names; connects to nothing.

    Raises:
        ConfigurationError: the environment lacks a value, or has a wrong one.
    """
    session = open_session(config.load_database().connection_parameters)
    return Receipts(session, requires_sign_in=config.is_sign_in_required())


def main(event: Any, context: Any, *, create: Callable[[], Receipts] = create_receipts) -> http.Response:
    """Answer whether a punch is a row; an employee who signed in also which of their last two days are."""
    headers = {
        "Access-Control-Allow-Origin": os.environ.get("CORS_ORIGIN", ""),
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
    }
    operation = partial(handle_request, create())
    return http.handle(event, context, operation, name="receipt", unavailable=UNAVAILABLE_MESSAGE, headers=headers)


def handle_request(receipts: Receipts, request: Request) -> Result:
    """Return the receipt of the punch that the path names, or without one the list of the employee's punches.

    Raises:
        HttpError: 404: the caller may see no such punch, or there are no lists.
        psycopg2.Error, CannotConnectError: the database does not answer.
    """
    punch_id = request.path_parameters.get("id")
    if punch_id is None and receipts.requires_sign_in:
        return Result({"batidas": receipts.find_recent(request.employee_id)})
    if punch_id is None:
        raise HttpError(404, NO_LIST_MESSAGE)
    receipt = receipts.find(punch_id, request.employee_id)
    if receipt is None:
        raise HttpError(404, NOT_FOUND_MESSAGE, retry_after_seconds=NOT_FOUND_RETRY_SECONDS)
    return Result(receipt)
