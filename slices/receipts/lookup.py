"""Look-up of receipts: stored punches that the caller may see.

An id that is not random (derived from the punch, a name or a network card) can be guessed, and its receipt would show
when there was a punch of an employee. So a caller with only an API key gets receipts of random ids. A signed-in user
gets receipts of their own punches, with any id, and of no others.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from ponto.punch import EVENT
from ponto.shared.connection import DRIVER, QUERY_ERRORS, CannotConnectError, Driver, Parameters, Session, Timeouts
from ponto.shared.event import Subject
from ponto.shared.fields import parse_any_uuid
from ponto.shared.sql_names import read_sql

_SQL_FOLDER = Path(__file__).parent / "sql"
_RECEIPT_SQL = read_sql(_SQL_FOLDER / "receipt.sql")
_RECEIPT_LIST_SQL = read_sql(_SQL_FOLDER / "receipts.sql")

TIMEOUTS = Timeouts(connect_seconds=6, attempt_seconds=3, statement_ms=3_000, lock_ms=2_000, network_ms=3_000)
"""A look-up takes 13 s at most (`max_execute_seconds`): 4 s for the password, 6 s to connect, 3 s for the statement.

The gateway waits for 29 s. A paused Aurora starts to resume with the first attempt, and the client has to try again.
"""

LIST_PERIOD = timedelta(hours=48)
"""Age up to which received punches are listed."""

MAX_LIST_RECEIPTS = 500
"""Maximum number of receipts in a list."""

_RETRY_PAUSE_SECONDS = 5  # after a failure; requests during the pause fail at once
_RANDOM_UUID_VERSIONS = "47"  # 4 and 7
_FIELD_NAMES = (  # in the order of the columns of receipt.sql
    *(EVENT.fields[column].name for column in ("id", EVENT.subject, EVENT.instant)),
    *("recebidaEm", "gravadaEm"),
)


def open_session(
    parameters: Callable[[], Parameters], timeouts: Timeouts = TIMEOUTS, driver: Driver = DRIVER
) -> Session:
    """Return a read-only session. It connects when it executes its first statement."""
    settings = {"default_transaction_read_only": "on", "timezone": "UTC"}
    return Session(parameters, timeouts, "ponto receipts", settings, driver)


class Receipts:
    """Receipts of one database. Not thread-safe."""

    def __init__(
        self, session: Session, *, is_sign_in_required: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create the look-up. It connects when it executes its first statement.

        Args:
            session: executes the statements, and keeps its connection.
            is_sign_in_required: whether a caller with only an API key gets no receipts.
            clock: monotonic time in seconds.
        """
        self.is_sign_in_required = is_sign_in_required
        self._session = session
        self._clock = clock
        self._paused_until = 0.0  # time of the clock

    def find(self, punch_id: str, employee_id: Subject | None) -> dict[str, object] | None:
        """Return the receipt of a punch as a JSON object, or None if the caller may see no stored punch with this id.

        Args:
            punch_id: as the caller sent it.
            employee_id: of the signed-in user; None: the caller has only an API key.

        Raises:
            psycopg2.Error, CannotConnectError: the database does not answer.
        """
        try:
            punch_id = parse_any_uuid(punch_id)
        except ValueError:
            return None
        if employee_id is None and (self.is_sign_in_required or punch_id[14] not in _RANDOM_UUID_VERSIONS):
            return None
        rows = self._execute(_RECEIPT_SQL, {"id": punch_id, "employee_id": employee_id})
        return to_json(rows[0]) if rows else None

    def find_recent(self, employee_id: Subject | None) -> list[dict[str, object]]:
        """Return the receipts of an employee's punches that were received within `LIST_PERIOD`, newest first.

        Args:
            employee_id: of the signed-in user; None: the account has no number, and the list is empty.
        """
        if employee_id is None:
            return []
        values = {"employee_id": employee_id, "max_age": LIST_PERIOD, "limit": MAX_LIST_RECEIPTS}
        return [to_json(row) for row in self._execute(_RECEIPT_LIST_SQL, values)]

    def close(self) -> None:
        """Close the connection, if it is open. A later look-up opens a new one."""
        self._session.close()

    def _execute(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        if self._clock() < self._paused_until:
            raise CannotConnectError(f"the database did not answer less than {_RETRY_PAUSE_SECONDS} s ago")
        try:
            return self._session.execute(statement, values, deadline=math.inf)
        except psycopg2.ProgrammingError:
            raise  # migrations are missing: the database works, so the next request is tried
        except QUERY_ERRORS:
            self.close()
            self._paused_until = self._clock() + _RETRY_PAUSE_SECONDS
            raise


def to_json(row: Sequence[Any]) -> dict[str, object]:
    """Return the receipt of a row of `receipt.sql`, whose instants are in UTC, as a JSON object."""
    values = (value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value for value in row)
    return {"situacao": "gravada"} | dict(zip(_FIELD_NAMES, values, strict=True))
