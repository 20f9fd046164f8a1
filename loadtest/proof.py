"""The proof: every accepted punch became one row, or a dead letter that says why."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from loadtest.ledger import DeadLetteredMessage, Ledger, PunchKey, SentMessage, StoredPunch, build_ledger
from loadtest.system import System
from tools.kit import queue_reader
from tools.kit.functions import FunctionBusyError
from tools.kit.reader import Reader
from tools.kit.rows import RUN_COUNT, RUN_ROWS

EMPLOYEES_PER_RUN = 10**9
"""Employee numbers that a run has to itself."""

_POLL_SECONDS = 0.5  # s between looks at the database
_EMPTY_QUEUE_SECONDS = 5  # s for which the queue has to be empty before that is believed: its depth is approximate
_MAX_EMPLOYEES_PER_READ = 100_000  # employees, of one punch each, that are read in one go: what a function may answer


class RunTable:
    """The deployed table, as far as one run is concerned."""

    def __init__(self, reader: Callable[[], AbstractContextManager[Reader]], first_employee: int) -> None:
        """Reads nothing.

        Args:
            reader: gives what reads the database.
            first_employee: of the run, which begins now.
        """
        self._reader = reader
        self._employees = range(first_employee, first_employee + EMPLOYEES_PER_RUN)
        self._since = datetime.now(UTC)
        self._counted: int | None = None

    def count(self) -> int:
        """Count the run's rows; give the count before while the function that reads is busy.

        Raises:
            CommandError: the database cannot be read; so of `rows`.
        """
        try:
            self._counted = self._count()[0]
        except FunctionBusyError:
            if self._counted is None:
                raise
        return self._counted

    def rows(self) -> list[StoredPunch]:
        """Read the run's rows, as `judge` compares them with what JMeter knows: id and employee."""
        _, highest = self._count()
        found: list[StoredPunch] = []
        with self._reader() as source:
            for first in range(self._employees.start, highest + 1, _MAX_EMPLOYEES_PER_READ):
                (rows,) = source.read(RUN_ROWS.bind(**self._values(first, first + _MAX_EMPLOYEES_PER_READ - 1)))
                found += (StoredPunch(PunchKey(row.id, row.employee_id, None), row.id, row.written) for row in rows)
        return found

    def _count(self) -> tuple[int, int]:
        """Return the number of rows, and the highest number of an employee; 0: there are none."""
        with self._reader() as source:
            ((run,),) = source.read(RUN_COUNT.bind(**self._values(self._employees.start, self._employees.stop - 1)))
            return run.row_count, run.highest_employee_id or 0

    def _values(self, first: int, last: int) -> dict[str, object]:
        return {"desde": self._since, "primeiro": first, "ultimo": last}


def read_dead_letters(system: System) -> list[DeadLetteredMessage]:
    """Return the dead letters that have a punch's id, by it, and put them back."""
    if not system.depth(system.dlq_url):
        return []
    with queue_reader.open_reader(system.sqs, system.dlq_url) as reader:
        return [DeadLetteredMessage(punch, found.reason) for found in reader.messages if (punch := _id(found.body))]


def wait(
    table: RunTable, system: System, accepted: Mapping[str, int], patience: float, look: Callable[[], None]
) -> tuple[Ledger, list[StoredPunch]]:
    """Wait until every accepted punch has its end, or nothing moves any more; say which end, and give the rows.

    Every punch is of another employee.

    Args:
        table: where rows appear.
        system: whose queues are looked at, if they can be.
        accepted: employee by id.
        patience: seconds without a new row after which nobody waits any longer.
        look: called at each look, for progress.
    """
    sent = {punch: SentMessage(PunchKey(punch, employee, None)) for punch, employee in accepted.items()}
    last_change = time.monotonic()
    empty_since = None
    last_count = -1
    while True:
        look()
        count, now = table.count(), time.monotonic()
        if count != last_count:
            last_count, last_change = count, now
        is_empty = system.depth(system.queue_url) == 0
        empty_since = (empty_since or now) if is_empty else None
        gave_up = now > last_change + patience or (empty_since is not None and now > empty_since + _EMPTY_QUEUE_SECONDS)
        if count >= len(accepted) or gave_up:
            rows = _rows(table, patience)
            ledger = build_ledger(sent, rows, read_dead_letters(system) if gave_up else ())
            if gave_up or not ledger.lost:
                return ledger, rows
        time.sleep(_POLL_SECONDS)


def _rows(table: RunTable, patience: float) -> list[StoredPunch]:
    end = time.monotonic() + patience
    while True:
        try:
            return table.rows()
        except FunctionBusyError:  # the load is not sent a second time for that
            if time.monotonic() > end:
                raise
            time.sleep(_POLL_SECONDS)


def _id(body: str) -> str | None:
    with contextlib.suppress(ValueError, RecursionError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            return str(fields.get("id", "")).lower() or None
    return None
