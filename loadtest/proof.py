"""The proof: every accepted punch became one row, or a dead letter that says why."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import parse_dsn

from loadtest.system import System
from ponto import config
from tools.dlq import queue_reader
from tools.kit.errors import CommandError
from tools.kit.ledger import DeadLetter, Ledger, PunchKey, Row, Sent, judge
from tools.kit.rows import rows_of

RUN = 10**9
"""Employee numbers that a run has to itself."""

_LOOK = 0.5  # s between looks at the database
_EMPTY = 5  # s for which the queue has to be empty before that is believed: its depth is approximate

_COUNT = "select count(*) from batida where usuario_id >= %s and usuario_id < %s"


def parameters_of(url: str) -> dict[str, Any]:
    """Give the keyword arguments of `psycopg2.connect` for an address.

    Args:
        url: libpq's, of which the same TLS is required as of the functions' configuration.

    Raises:
        CommandError: it does not ensure TLS, or cannot be read.
    """
    try:
        parameters: dict[str, Any] = parse_dsn(url)
    except psycopg2.ProgrammingError:  # whose message quotes the password
        raise CommandError("DATABASE_URL cannot be read; expected postgresql://USER:PASSWORD@HOST/DATABASE") from None
    # libpq prefers an address to a host's name, and to a socket.
    host = parameters.get("hostaddr") or os.environ.get("PGHOSTADDR") or parameters.get("host", "")
    try:
        found = config.tls({**parameters, "host": host})
    except config.TlsError as error:
        raise CommandError(f"{error.keyword} in DATABASE_URL: {error}") from None
    return parameters | {keyword: value for keyword, value in found.items() if value}


class Database:
    """The deployed table, as far as one run is concerned."""

    def __init__(self, url: str, first_employee: int) -> None:
        """Connects.

        Args:
            url: libpq's. Without an sslmode a host is verified, as the functions do it.
            first_employee: of the run.

        Raises:
            CommandError: no connection; or its sslmode does not ensure TLS.
        """
        self._employees = range(first_employee, first_employee + RUN)
        try:
            self._connection = psycopg2.connect(**parameters_of(url), application_name="loadtest")
        except psycopg2.OperationalError as error:
            raise CommandError(f"no connection to the database: {error}") from None
        self._connection.autocommit = True

    def count(self) -> int:
        """Count the run's rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(_COUNT, (self._employees.start, self._employees.stop))
            found: int = (cursor.fetchone() or (0,))[0]
            return found

    def rows(self) -> list[Row]:
        """Read the run's rows, as `judge` compares them with what JMeter knows: id and employee."""
        return [
            Row(row.punch._replace(ponto=None), row.punch.id, row.stored_at)
            for row in rows_of(self._connection, self._employees)
        ]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def dead_letters(system: System) -> list[DeadLetter]:
    """Return the dead letters that have a punch's id, by it, and put them back."""
    if system.sqs is None or not system.depth(system.dlq_url):
        return []
    with queue_reader.opened(system.sqs, system.dlq_url) as reader:
        return [DeadLetter(punch, found.reason) for found in reader.messages if (punch := _id(found.body))]


def wait(
    database: Database, system: System, accepted: Mapping[str, int], patience: float, look: Callable[[], None]
) -> tuple[Ledger, list[Row]]:
    """Wait until every accepted punch has its end, or nothing moves any more; say which end, and give the rows.

    Every punch is of another employee.

    Args:
        database: where rows appear.
        system: whose queues are looked at, if they can be.
        accepted: employee by id.
        patience: seconds without a new row after which nobody waits any longer.
        look: called at each look, for progress.
    """
    sent = {punch: Sent(PunchKey(punch, employee, None)) for punch, employee in accepted.items()}
    moved = time.monotonic()
    empty_since = None
    before = -1
    while True:
        look()
        count, now = database.count(), time.monotonic()
        if count != before:
            before, moved = count, now
        is_empty = system.depth(system.queue_url) == 0
        empty_since = (empty_since or now) if is_empty else None
        gave_up = now > moved + patience or (empty_since is not None and now > empty_since + _EMPTY)
        if count >= len(accepted) or gave_up:
            rows = database.rows()
            ledger = judge(sent, rows, dead_letters(system) if gave_up else ())
            if gave_up or not ledger.lost:
                return ledger, rows
        time.sleep(_LOOK)


def _id(body: str) -> str | None:
    with contextlib.suppress(ValueError, RecursionError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            return str(fields.get("id", "")).lower() or None
    return None
