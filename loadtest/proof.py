"""The proof: every accepted punch became one row, or a dead letter that says why."""

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import parse_dsn

from loadtest.system import System
from ponto import config
from tools.dlq import queue_reader
from tools.kit.errors import CommandError

RUN = 10**9
"""Employee numbers that a run has to itself."""

_LOOK = 0.5  # s between looks at the database
_EMPTY = 5  # s for which the queue has to be empty before that is believed: its depth is approximate

_COUNT = "select count(*) from batida where usuario_id >= %s and usuario_id < %s"
_ROWS = """
select id, usuario_id, extract(epoch from gravada_em)::float8 * 1000
from batida where usuario_id >= %s and usuario_id < %s
"""


class Row(NamedTuple):
    """What was stored."""

    id: str  # canonical lower-case UUID
    employee: int
    stored_ms: float  # when, ms since the epoch, by the database's clock


class Verdict(NamedTuple):
    """The ends of all accepted punches: none may be in one of the two lists."""

    stored: int  # accepted punches that are a row
    dead_letters: int  # accepted punches that are a dead letter
    missing: list[str]  # ids that are neither
    stored_twice: list[str]  # ids with more than one row, and rows of one punch under more than one id

    @property
    def is_clean(self) -> bool:
        """Whether the promise was kept."""
        return not (self.missing or self.stored_twice)


def judge(accepted: Mapping[str, int], rows: Iterable[Row], dead: Iterable[str]) -> Verdict:
    """Find the end of each accepted punch.

    Args:
        accepted: employee by id. Every punch is of another employee, so an employee with two rows was stored twice.
        rows: all of the run's employees: also of punches whose answer was lost, which may stand or not.
        dead: ids of punches in the dead-letter queue.
    """
    rows = list(rows)
    standing = {(row.id, row.employee) for row in rows}
    dead = set(dead)
    without_row = [punch for punch, employee in accepted.items() if (punch, employee) not in standing]
    employees = Counter(row.employee for row in rows)
    ids = Counter(row.id for row in rows)
    twice = [f"employee {employee}" for employee, count in employees.items() if count > 1]
    twice += [row_id for row_id, count in ids.items() if count > 1]
    return Verdict(
        stored=len(accepted) - len(without_row),
        dead_letters=sum(punch in dead for punch in without_row),
        missing=[punch for punch in without_row if punch not in dead],
        stored_twice=twice,
    )


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
        self._range = (first_employee, first_employee + RUN)
        try:
            self._connection = psycopg2.connect(**parameters_of(url), application_name="loadtest")
        except psycopg2.OperationalError as error:
            raise CommandError(f"no connection to the database: {error}") from None
        self._connection.autocommit = True

    def count(self) -> int:
        """Count the run's rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(_COUNT, self._range)
            found: int = (cursor.fetchone() or (0,))[0]
            return found

    def rows(self) -> list[Row]:
        """Read the run's rows: one query, by the index on the employee."""
        with self._connection.cursor() as cursor:
            cursor.execute(_ROWS, self._range)
            return [Row(*row) for row in cursor]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def dead_letters(system: System) -> set[str]:
    """Return the ids of the punches in the dead-letter queue, and put them back."""
    if system.sqs is None or not system.depth(system.dlq_url):
        return set()
    with queue_reader.opened(system.sqs, system.dlq_url) as reader:
        return {punch for message in reader.messages if (punch := _id(message.body))}


def wait(
    database: Database, system: System, accepted: Mapping[str, int], patience: float, look: Callable[[], None]
) -> tuple[Verdict, list[Row]]:
    """Wait until every accepted punch has its end, or nothing moves any more; say which end, and give the rows.

    Args:
        database: where rows appear.
        system: whose queues are looked at, if they can be.
        accepted: employee by id.
        patience: seconds without a new row after which nobody waits any longer.
        look: called at each look, for progress.
    """
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
            verdict = judge(accepted, rows, ())
            if gave_up:
                return judge(accepted, rows, dead_letters(system)), rows
            if not verdict.missing:
                return verdict, rows
        time.sleep(_LOOK)


def _id(body: str) -> str | None:
    with contextlib.suppress(ValueError, RecursionError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            return str(fields.get("id", "")).lower() or None
    return None
