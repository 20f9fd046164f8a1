"""The receipt of a punch: the answer to whoever asks whether it is a row.

An id that follows from something else (employee and instant, a name, a network card) can be guessed, and its receipt
would tell anybody when somebody punched. So to an API key alone only random ids are answered; an employee who signed in
sees all of their own punches, and nobody else's.
"""

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import psycopg2

from ponto.connection import (
    DRIVER,
    QUERY_ERRORS,
    CannotConnectError,
    Driver,
    Parameters,
    Session,
    Timeouts,
    error_message,
)
from ponto.database_names import read_sql
from ponto.punch import FIELDS

_SQL = Path(__file__).parent / "sql"
_RECEIPT = read_sql(_SQL / "receipt.sql")
_RECEIPTS = read_sql(_SQL / "receipts.sql")

TIMEOUTS = Timeouts(connect_seconds=6, attempt_seconds=3, statement_ms=3_000, lock_ms=2_000, network_ms=3_000)
"""13 s at most (`max_execute_seconds`), well within the gateway's 29: the password (4 s), a connection (6 s), a
statement (3 s).

A paused Aurora begins to resume with the first try; whoever asks comes again.
"""

LISTED = timedelta(hours=48)
"""Of what was received since then an employee who signed in has the list."""

MOST = 500
"""Punches in a list."""

NOT_FOUND_S = 5
"""s after which to ask again for a punch that is no row: a punch is one a second or two after its 202."""

UNAVAILABLE_S = 15
"""s after which to ask again when the database does not answer: a paused Aurora takes 15 to 40 to resume."""

EXPOSED = "Date,Retry-After"
"""Headers of an answer that a page of another origin may read."""

NOT_FOUND = (
    "no row has this id: the punch still waits, or was never sent, or needs somebody (a dead letter), which cannot be "
    "told apart here; or it is not to be told with this key or sign-in"
)
NO_LIST = "employees do not sign in here, so there is no list of their punches"
UNAVAILABLE = "the database does not answer yet; the punch is as safe as its 202 says"

_FIELDS = [field for column, field in FIELDS.items() if field.required or column == "id"]  # in the order of receipt.sql
_REST_S = 5  # for which nothing is tried after a failure: others who ask get their answer at once
_IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_RANDOM = "47"  # versions of UUIDs
_EMPLOYEE = re.compile("[1-9][0-9]{0,15}").fullmatch  # as `usuarioId` is written


class Response(TypedDict):
    """What API Gateway passes on to whoever asked."""

    statusCode: int
    headers: dict[str, str]
    body: str


class Receipts:
    """Answers requests. Keeps one connection, opened when first needed. For one thread."""

    def __init__(
        self,
        parameters: Callable[[], Parameters],
        origin: str,
        *,
        identity: bool = False,
        timeouts: Timeouts = TIMEOUTS,
        driver: Driver = DRIVER,
    ) -> None:
        """Does not connect.

        Args:
            parameters: gives the keyword arguments of `psycopg2.connect`, as for `Store`.
            origin: the one web origin that may read the answers, or `*`.
            identity: whether the stage has a user pool: then a key alone is answered nothing.
            timeouts: how long a session may wait.
            driver: opens connections and has the clock.
        """
        settings = {"default_transaction_read_only": "on", "timezone": "UTC"}
        self._session = Session(parameters, timeouts, "batidaPonto receipts", settings, driver)
        self._origin = origin
        self._identity = identity
        self._not_before = 0.0  # `time.monotonic()`

    def answer(self, event: Mapping[str, Any], warn: Callable[[str], None]) -> Response:
        """Answer `GET /ponto/{id}`, and `GET /ponto`, which is a list where employees sign in.

        Args:
            event: a request, as API Gateway's proxy integration gives it.
            warn: told why the database could not be asked; nothing of a punch.
        """
        claims = (event["requestContext"].get("authorizer") or {}).get("claims") or {}
        number = claims.get("custom:usuarioId") or ""
        employee = int(number) if _EMPLOYEE(number) else None
        parameters = event.get("pathParameters")
        try:
            if parameters is None:
                return self._list(employee) if self._identity else self._answer(404, {"message": NO_LIST})
            return self._receipt(parameters["id"].lower(), employee)
        except QUERY_ERRORS as error:
            warn(f"receipt: {_reason(error)}")
            return self._answer(503, {"message": UNAVAILABLE}, UNAVAILABLE_S)

    def close(self) -> None:
        """Close the connection if there is one. A later `answer` opens another."""
        self._session.close()

    def _receipt(self, identifier: str, employee: int | None) -> Response:
        form = _IDENTIFIER(identifier)
        may_see = employee is not None or (not self._identity and form and form[1] in _RANDOM)
        if form and may_see:
            for row in self._ask(_RECEIPT, {"id": identifier, "employee": employee}):
                return self._answer(200, _told(row))
        return self._answer(404, {"message": NOT_FOUND}, NOT_FOUND_S)

    def _list(self, employee: int | None) -> Response:
        values = {"employee": employee, "since": LISTED, "most": MOST}
        rows = [] if employee is None else self._ask(_RECEIPTS, values)
        return self._answer(200, {"batidas": [_told(row) for row in rows]})

    def _ask(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        if time.monotonic() < self._not_before:
            raise CannotConnectError(f"the database did not answer less than {_REST_S} s ago")
        try:
            return self._session.execute(statement, values, deadline=math.inf)
        except psycopg2.ProgrammingError:
            raise  # the migrations of this release have not run yet: other statements may be answered
        except QUERY_ERRORS:
            self.close()
            self._not_before = time.monotonic() + _REST_S
            raise

    def _answer(self, status: int, body: Mapping[str, object], retry_after_s: int | None = None) -> Response:
        headers = {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": self._origin,
            "Access-Control-Expose-Headers": EXPOSED,
        }
        if retry_after_s is not None:
            headers["Retry-After"] = str(retry_after_s)
        return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def _told(row: tuple[Any, ...]) -> dict[str, object]:
    """A row as the wire has it: what is required of a punch, and its times, of which the receipt's may be null."""
    names = [*(field.name for field in _FIELDS), "recebidaEm", "gravadaEm"]
    return {"situacao": "gravada"} | dict(zip(names, map(_on_the_wire, row), strict=True))


def _on_the_wire(value: object) -> object:
    # All instants here are of UTC.
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _reason(error: Exception) -> str:
    message = error_message(error) if isinstance(error, psycopg2.Error) else error
    return f"{type(error).__name__}: {message}".partition("\n")[0][:200]
