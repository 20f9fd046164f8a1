"""Receipts of punches: whether a punch is a row, for callers who may know.

An id that follows from something else (employee and instant, a name, a network card) can be guessed, and its receipt
would tell anybody when somebody punched. So to an API key alone only random ids are answered; an employee who signed in
sees all of their own punches, and nobody else's.
"""

import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from ponto.connection import DRIVER, QUERY_ERRORS, CannotConnectError, Driver, Parameters, Session, Timeouts
from ponto.fields import parse_any_uuid
from ponto.parser import FIELDS
from ponto.sql_names import read_sql

_SQL_FOLDER = Path(__file__).parent / "sql"
_RECEIPT_SQL = read_sql(_SQL_FOLDER / "receipt.sql")
_RECEIPT_LIST_SQL = read_sql(_SQL_FOLDER / "receipts.sql")

TIMEOUTS = Timeouts(connect_seconds=6, attempt_seconds=3, statement_ms=3_000, lock_ms=2_000, network_ms=3_000)
"""13 s at most (`max_execute_seconds`), well within the gateway's 29: the password (4 s), a connection (6 s), a
statement (3 s).

A paused Aurora begins to resume with the first try; the client comes again.
"""

LIST_PERIOD = timedelta(hours=48)
"""Of what was received since then an employee who signed in has the list."""

MAX_LIST_RECEIPTS = 500
"""Punches in a list."""

_RETRY_PAUSE_SECONDS = 5  # for which nothing is tried after a failure: other requests are answered at once
_RANDOM_UUID_VERSIONS = "47"  # of UUIDs
_FIELD_NAMES = [  # in the order of receipt.sql
    *(field.name for column, field in FIELDS.items() if field.required or column == "id"),
    "recebidaEm",
    "gravadaEm",
]


def open_session(
    parameters: Callable[[], Parameters], timeouts: Timeouts = TIMEOUTS, driver: Driver = DRIVER
) -> Session:
    """Return a session that only reads."""
    settings = {"default_transaction_read_only": "on", "timezone": "UTC"}
    return Session(parameters, timeouts, "batidaPonto receipts", settings, driver)


class Receipts:
    """Receipts of one database. For one thread."""

    def __init__(
        self, session: Session, *, requires_sign_in: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Set the session, which is kept; with a user pool an API key alone sees nothing."""
        self.requires_sign_in = requires_sign_in
        self._session = session
        self._clock = clock
        self._paused_until = 0.0  # on the clock

    def find(self, punch_id: str, employee_id: int | None) -> dict[str, object] | None:
        """Return the receipt of a punch, as the wire has it, if it is a row that the caller may see.

        Args:
            punch_id: as the caller wrote it.
            employee_id: of the employee who signed in; None: the caller has an API key alone.

        Raises:
            psycopg2.Error, CannotConnectError: the database does not answer.
        """
        try:
            punch_id = parse_any_uuid(punch_id)
        except ValueError:
            return None
        if employee_id is None and (self.requires_sign_in or punch_id[14] not in _RANDOM_UUID_VERSIONS):
            return None
        rows = self._execute(_RECEIPT_SQL, {"id": punch_id, "employee_id": employee_id})
        return _to_json(rows[0]) if rows else None

    def find_recent(self, employee_id: int | None) -> list[dict[str, object]]:
        """Return the receipts of an employee who signed in, the newest first; None: without a number, none."""
        if employee_id is None:
            return []
        values = {"employee_id": employee_id, "since": LIST_PERIOD, "limit": MAX_LIST_RECEIPTS}
        return [_to_json(row) for row in self._execute(_RECEIPT_LIST_SQL, values)]

    def close(self) -> None:
        """Close the connection if there is one. A later look-up opens another."""
        self._session.close()

    def _execute(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        if self._clock() < self._paused_until:
            raise CannotConnectError(f"the database did not answer less than {_RETRY_PAUSE_SECONDS} s ago")
        try:
            return self._session.execute(statement, values, deadline=math.inf)
        except psycopg2.ProgrammingError:
            raise  # the migrations of this release have not run yet: other statements may be answered
        except QUERY_ERRORS:
            self.close()
            self._paused_until = self._clock() + _RETRY_PAUSE_SECONDS
            raise


def _to_json(row: tuple[Any, ...]) -> dict[str, object]:
    # Instants are in UTC; of a row of the first version it is not known when it was received.
    values = (value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value for value in row)
    return {"situacao": "gravada"} | dict(zip(_FIELD_NAMES, values, strict=True))
