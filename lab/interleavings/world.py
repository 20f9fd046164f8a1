"""Database and queues that the programs of a run share, and the checks of their final state."""

import json
import math
import shutil
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import psycopg2.extensions
from psycopg2.extensions import parse_dsn

from lab.interleavings.sessions import ScheduledSession
from ponto.admin.migrations import REFERENCE_FOLDERS
from ponto.connection import Parameters, Timeouts
from ponto.punch import EVENT
from ponto.store import Store
from slices import enabled
from tools.kit import event

# The scheduler decides how long a session waits.
_NO_TIMEOUTS = Timeouts(statement_ms=0, lock_ms=0, idle_ms=0)

_GATES = (Path(__file__).parent / "gates.sql").read_text(encoding="utf-8")
REFUSED = "refused"
"""API key whose punches a newer schema refuses; they are delivered again until the code is as new."""

_NEXT_MIGRATION = "ponto/9999_next.sql"
_CHANGED_VIEW = "ponto/views/01_weeks.sql"
_MIGRATION_NAMES = {"next": _NEXT_MIGRATION, "changed": _CHANGED_VIEW}
_ADD_NEWER_CONSTRAINT = "alter table ponto.batida add constraint newer check (chave <> %(refused)s)"
_TABLES = ["falha", *enabled.statements().tables_with_write_time]
_RESET = "; ".join(["set session_replication_role = replica", *map("delete from ponto.{}".format, _TABLES)])
_UNDO_MIGRATION = """
alter table ponto.batida drop constraint if exists proxima;
delete from ponto.migracao where nome = %(next)s;
"""
_UNDO_VIEW = "update ponto.migracao_repetivel set checksum = 'outdated' where nome = %(changed)s"
_ROWS = f"""
select id, {EVENT.subject}, (extract(epoch from {EVENT.instant}) * 1000000)::bigint, mensagem_id
from ponto.batida
order by id
"""  # noqa: S608  columns
_COUNT_APPLIED = """
select
    (select count(*) from pg_constraint where conname = 'proxima'),
    (select count(*) from ponto.migracao where nome = %(next)s),
    (select count(*) from ponto.migracao_repetivel where nome = %(changed)s and checksum <> 'outdated')
"""


class ScenarioMessage(NamedTuple):
    """A message of the queue of punches."""

    id: str
    punch: int  # its id is a UUID of this number
    employee_id: int = 1
    hour: int = 12
    key: str | None = None  # id of the API key
    redrives: str | None = None  # id of the original message

    def body(self) -> str:
        """Return the punch as the device sends it."""
        return json.dumps(
            event.body(self.employee_id, f"2026-10-01T{self.hour:02}:00:00Z", id=str(uuid.UUID(int=self.punch)))
        )

    def record(self) -> dict[str, Any]:
        """Return the message as a record of an event of Lambda."""
        sent = str(1_790_852_401_234)
        attributes: dict[str, Any] = {}
        if self.redrives:
            attributes = {
                "messageId": {"dataType": "String", "stringValue": self.redrives},
                "receivedAt": {"dataType": "Number", "stringValue": sent},
            }
        if self.key:
            attributes["apiKeyId"] = {"dataType": "String", "stringValue": self.key}
        return {
            "messageId": self.id,
            "receiptHandle": self.id,
            "body": self.body(),
            "attributes": {
                "SentTimestamp": sent,
                "ApproximateReceiveCount": "1",
                "ApproximateFirstReceiveTimestamp": sent,
            },
            "messageAttributes": attributes,
            "eventSource": "aws:sqs",
        }

    @property
    def row(self) -> tuple[str, int, int]:
        """Id, employee and instant in microseconds, as in its row."""
        instant = datetime(2026, 10, 1, self.hour, tzinfo=UTC)
        return str(uuid.UUID(int=self.punch)), self.employee_id, int(instant.timestamp()) * 1_000_000


class RunOutcome(NamedTuple):
    """Final state of a run, and the results that its programs reported."""

    rows: tuple[tuple[Any, ...], ...]  # id, employee, instant in microseconds, message
    statuses: tuple[tuple[str, str], ...]  # of each message and correction
    dead_letters: tuple[tuple[str, str], ...]  # message and reason
    report_results: tuple[str, ...]


class World:
    """Migrated database that is emptied before each run, and the queues."""

    def __init__(self, url: str, folder: Path) -> None:
        """Create the gates in the database.

        Args:
            url: migrated database, with a superuser.
            folder: empty folder for a copy of the schema with one more migration and a changed view.
        """
        self.connection_parameters: Parameters = parse_dsn(url)
        self.admin = psycopg2.connect(url)
        self.admin.autocommit = True
        self._query(_GATES)
        self._query(_ADD_NEWER_CONSTRAINT, {"refused": REFUSED})
        schema = REFERENCE_FOLDERS | enabled.schema_folders()
        self.schema = {name: Path(shutil.copytree(source, folder / name)) for name, source in schema.items()}
        (folder / _NEXT_MIGRATION).write_text("alter table ponto.batida add constraint proxima check (chave <> '');\n")
        self._stores: dict[tuple[int, bool], Store] = {}  # each keeps its connection, as in an execution environment
        self.reset(migrates=False, changes_view=False, setup_statement="")

    def reset(self, *, migrates: bool, changes_view: bool, setup_statement: str) -> None:
        """Prepare the database for a run, and forget the results of the last one.

        Args:
            migrates: whether a migration is missing.
            changes_view: whether a view is out of date.
            setup_statement: statement that creates the rows that the scenario needs; empty: none.
        """
        self._query(_RESET)
        if setup_statement:
            self._query(setup_statement)
        if migrates:
            self._query(_UNDO_MIGRATION, _MIGRATION_NAMES)
        if changes_view:
            self._query(_UNDO_VIEW, _MIGRATION_NAMES)
        self.accepted: dict[str, ScenarioMessage] = {}
        self.statuses: dict[str, str] = {}  # last status of each message and correction
        self.dead_letters: set[tuple[str, str]] = set()  # message and reason
        self.report_results: list[str] = []
        self.initial_dead_letters: list[ScenarioMessage] = []
        self.redriven: list[ScenarioMessage] = []  # sent by a redrive, and not drained yet
        self.failures: list[str] = []  # of programs that were not interrupted

    def outcome(self) -> RunOutcome:
        """Return the final state."""
        statuses, letters = sorted(self.statuses.items()), sorted(self.dead_letters)
        return RunOutcome(tuple(self._query(_ROWS)), tuple(statuses), tuple(letters), tuple(self.report_results))

    def find_broken_rules(self, *, migrates: bool, can_be_interrupted: bool) -> list[str]:
        """Return the rules that do not hold at the end.

        Args:
            migrates: whether the migrations had to be applied.
            can_be_interrupted: whether a program may have stored a row without reporting it.
        """
        broken_rules = list(self.failures)
        rows = {row[0]: row for row in self._query(_ROWS)}
        for name, message in self.accepted.items():
            status, row = self.statuses.get(name), rows.get(message.row[0])
            is_same = row is not None and row[:3] == message.row
            if status in ("stored", "duplicate"):
                if not is_same:
                    broken_rules.append(f"{name} is reported as {status}, but the row is {row}")
            elif status == "conflict":
                if row is None or is_same:
                    broken_rules.append(f"{name} is reported as a conflict, but the row is {row}")
            elif status != "failed" or message.key != REFUSED:
                broken_rules.append(f"{name} has the status {status}")
        broken_rules += [
            f"{letter.id} was not redriven"
            for letter in self.initial_dead_letters
            if not any(message.redrives == letter.id for message in self.accepted.values())
        ]
        unknown_ids = rows.keys() - {message.row[0] for message in self.accepted.values()}
        broken_rules += [f"the row {row_id} belongs to no message" for row_id in unknown_ids]
        stored = sum(status == "stored" for status in self.statuses.values())
        if not can_be_interrupted and stored != len(rows):
            broken_rules.append(f"{stored} messages are reported as stored, but there are {len(rows)} rows")
        if migrates and self._query(_COUNT_APPLIED, _MIGRATION_NAMES) != [(1, 1, 1)]:
            broken_rules.append("the migration is not applied, or only in part")
        return broken_rules

    def get_store(self, session: ScheduledSession) -> Store:
        """Return the connected store of an execution environment, with the state of a new one."""
        key = (session.slot, session.is_serial)
        if key not in self._stores:
            parameters = {**self.connection_parameters, "user": "ponto_function"}
            self._stores[key] = Store(lambda: parameters, _NO_TIMEOUTS)
        self._stores[key].record_failures(["nothing"], math.inf)
        return self._stores[key]

    def drop_store(self, session: ScheduledSession) -> None:
        """Remove the store of an execution environment that was killed."""
        self._stores.pop((session.slot, session.is_serial), None)

    def close(self) -> None:
        """Close all connections."""
        for store in self._stores.values():
            store.close()
        self.admin.close()

    def _query(self, statement: str, values: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
        with self.admin.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
