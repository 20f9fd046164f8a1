"""Proof that every accepted punch became one row, or a dead letter with a reason."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from loadtest.ledger import DeadLetteredMessage, Ledger, PunchKey, SentMessage, StoredPunch, build_ledger
from loadtest.system import TargetSystem
from ponto.read.punch_statements import RUN_COUNT, RUN_ROWS
from ponto.shared.event import Subject
from tools.kit import queue_reader
from tools.kit.functions import FunctionBusyError
from tools.kit.reader import Reader

_POLL_SECONDS = 0.5
_EMPTY_QUEUE_SECONDS = 5  # time for which the queue must be empty, because its depth is approximate
_MAX_ROWS_PER_READ = 100_000  # limited by the maximum size of a function's response


class RunTable:
    """Rows of one run in the deployed table."""

    def __init__(self, reader: Reader, began_ms: int) -> None:
        """Create the reader of a run; nothing is read yet.

        Args:
            reader: reads the database.
            began_ms: when the run began, as Unix time in milliseconds: that of all its ids, which are UUIDv7.
        """
        self.id_prefix = f"{began_ms >> 16:08x}-{began_ms & 0xFFFF:04x}"
        self._reader = reader
        self._since = datetime.fromtimestamp(began_ms / 1000, UTC)
        self._ids = {
            "primeiro": f"{self.id_prefix}-0000-0000-000000000000",
            "ultimo": f"{self.id_prefix}-ffff-ffff-ffffffffffff",
        }
        self._last_count: int | None = None

    def count(self) -> int:
        """Return the number of rows; while the function `read` is busy, the number from the last call.

        Raises:
            CommandError: the database cannot be read.
        """
        try:
            ((run,),) = self._reader.read(RUN_COUNT.bind(**self._ids))
            self._last_count = run.row_count
        except FunctionBusyError:
            if self._last_count is None:
                raise
        return self._last_count

    def rows(self) -> list[StoredPunch]:
        """Return the rows, with the id of the punch as key and without instants, which JMeter does not record.

        A punch that was stored again with another id is repeated.

        Raises:
            CommandError: the database cannot be read.
        """
        stored: list[StoredPunch] = []
        values = {**self._ids, "desde": self._since, "limite": _MAX_ROWS_PER_READ}
        after = self._ids["primeiro"]
        while after:
            rows = list(self._reader.read(RUN_ROWS.bind(**values, depois=after))[0])
            for row in rows:
                punch = StoredPunch(PunchKey(row.id, row.employee_id, None), row.id, row.written)
                stored += (1 + row.copies) * [punch]
            after = rows[-1].id if len(rows) == _MAX_ROWS_PER_READ else ""
        return stored


def read_dead_letters(system: TargetSystem) -> list[DeadLetteredMessage]:
    """Return the dead letters whose body has the id of a punch, with that id as key; they stay in the queue."""
    if not system.depth(system.dlq_url):
        return []
    with queue_reader.open_reader(system.sqs, system.dlq_url) as reader:
        return [
            DeadLetteredMessage(punch_id, message.reason)
            for message in reader.messages
            if (punch_id := _parse_punch_id(message.body))
        ]


def wait_for_rows(
    table: RunTable,
    system: TargetSystem,
    accepted: Mapping[str, Subject],
    patience: float,
    report_progress: Callable[[], None],
) -> tuple[Ledger, list[StoredPunch]]:
    """Wait until every accepted punch is stored or progress stops; return the ledger and the rows.

    Args:
        table: rows of the run.
        system: the system, for its queues.
        accepted: employee id by the punch's id.
        patience: seconds without a new row after which to stop waiting.
        report_progress: is called at each poll.
    """
    sent = {punch_id: SentMessage(PunchKey(punch_id, employee_id, None)) for punch_id, employee_id in accepted.items()}
    last_change = time.monotonic()
    empty_since = None
    last_count = -1
    while True:
        report_progress()
        count, now = table.count(), time.monotonic()
        if count != last_count:
            last_count, last_change = count, now
        is_empty = system.depth(system.queue_url) == 0
        empty_since = (empty_since or now) if is_empty else None
        gave_up = now > last_change + patience or (empty_since is not None and now > empty_since + _EMPTY_QUEUE_SECONDS)
        if count >= len(accepted) or gave_up:
            rows = _read_rows(table, patience)
            ledger = build_ledger(sent, rows, read_dead_letters(system) if gave_up else ())
            if gave_up or not ledger.lost:
                return ledger, rows
        time.sleep(_POLL_SECONDS)


def _read_rows(table: RunTable, patience: float) -> list[StoredPunch]:
    deadline = time.monotonic() + patience
    while True:
        try:
            return table.rows()
        except FunctionBusyError:  # the load has been sent, so a busy function must not fail the run
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)


def _parse_punch_id(body: str) -> str | None:
    with contextlib.suppress(ValueError, RecursionError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            return str(fields.get("id", "")).lower() or None
    return None
