"""What the programs of a run share: a database and a queue; and what became of every message."""

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
from ponto.admin.migrations import REFERENCE
from ponto.connection import Parameters, Timeouts
from ponto.punch import INSTANT_COLUMN, SUBJECT_COLUMN
from ponto.store import Store
from slices import enabled
from tools.kit import event

# Nothing ends by a clock: who waits does until the scheduler says otherwise.
_NO_TIMEOUTS = Timeouts(statement_ms=0, lock_ms=0, idle_ms=0)

_GATES = (Path(__file__).parent / "gates.sql").read_text(encoding="utf-8")
REFUSED = "refused"
"""The API key whose punches a newer schema refuses, so that they come back until the code is newer, too."""

_NEXT = "ponto/9999_next.sql"
_CHANGED = "ponto/views/01_weeks.sql"
_NAMES = {"next": _NEXT, "changed": _CHANGED}
_NEWER = "alter table ponto.batida add constraint newer check (chave <> %(refused)s)"
_EMPTIED = ["falha", *enabled.statements().tables_with_write_time]
_RESET = "; ".join(["set session_replication_role = replica", *map("delete from ponto.{}".format, _EMPTIED)])
_UNDO = """
alter table ponto.batida drop constraint if exists proxima;
delete from ponto.migracao where nome = %(next)s;
"""
_UNDO_VIEW = "update ponto.migracao_repetivel set checksum = 'of before' where nome = %(changed)s"
_ROWS = f"""
select id, {SUBJECT_COLUMN}, (extract(epoch from {INSTANT_COLUMN}) * 1000000)::bigint, mensagem_id
from ponto.batida
order by id
"""  # noqa: S608  columns
_MIGRATED = """
select
    (select count(*) from pg_constraint where conname = 'proxima'),
    (select count(*) from ponto.migracao where nome = %(next)s),
    (select count(*) from ponto.migracao_repetivel where nome = %(changed)s and checksum <> 'of before')
"""


class ScenarioMessage(NamedTuple):
    """A message of the queue of punches."""

    id: str
    punch: int  # its id is a UUID of this number
    employee_id: int = 1
    hour: int = 12
    key: str | None = None  # API key's id
    redrives: str | None = None  # the message that it was in its first life

    def body(self) -> str:
        """The punch as the device sent it."""
        return json.dumps(
            event.body(self.employee_id, f"2026-10-01T{self.hour:02}:00:00Z", id=str(uuid.UUID(int=self.punch)))
        )

    def record(self) -> dict[str, Any]:
        """The message as Lambda hands it over."""
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
        """Id, employee and instant, as its row has them."""
        instant = datetime(2026, 10, 1, self.hour, tzinfo=UTC)
        return str(uuid.UUID(int=self.punch)), self.employee_id, int(instant.timestamp()) * 1_000_000


class RunOutcome(NamedTuple):
    """What is left of a run, and what somebody was told."""

    rows: tuple[tuple[Any, ...], ...]  # id, employee, instant in microseconds, message
    statuses: tuple[tuple[str, str], ...]  # of each message, and of the correction
    dead_letters: tuple[tuple[str, str], ...]  # message and reason
    report_results: tuple[str, ...]  # by reports


class World:
    """A migrated database, emptied before each run."""

    def __init__(self, url: str, folder: Path) -> None:
        """Puts the gates into the database.

        Args:
            url: of a migrated database, as its superuser.
            folder: an empty one, for a schema that is one migration and one view further.
        """
        self.connection_parameters: Parameters = parse_dsn(url)
        self.admin = psycopg2.connect(url)
        self.admin.autocommit = True
        self._query(_GATES)
        self._query(_NEWER, {"refused": REFUSED})
        schema = REFERENCE | enabled.schema_folders()
        self.schema = {name: Path(shutil.copytree(source, folder / name)) for name, source in schema.items()}
        (folder / _NEXT).write_text("alter table ponto.batida add constraint proxima check (chave <> '');\n")
        self._stores: dict[tuple[int, bool], Store] = {}  # with a connection each, as execution environments keep it
        self.reset(migrates=False, changes_view=False, setup_statement="")

    def reset(self, *, migrates: bool, changes_view: bool, setup_statement: str) -> None:
        """Forget the run before.

        Args:
            migrates: a migration is to be left.
            view: a view is to have changed, too.
            setup_statement: a statement that makes what has to be there.
        """
        self._query(_RESET)
        if setup_statement:
            self._query(setup_statement)
        if migrates:
            self._query(_UNDO, _NAMES)
        if changes_view:
            self._query(_UNDO_VIEW, _NAMES)
        self.accepted: dict[str, ScenarioMessage] = {}
        self.statuses: dict[str, str] = {}  # of messages, the last one; and of the correction
        self.dead_letters: set[tuple[str, str]] = set()  # messages, with their reasons
        self.report_results: list[str] = []
        self.initial_dead_letters: list[ScenarioMessage] = []  # dead letters of the beginning
        self.redriven: list[ScenarioMessage] = []  # by a redrive; nobody has received them yet
        self.failures: list[str] = []  # what failed though nothing from outside explains it

    def outcome(self) -> RunOutcome:
        """Give what is there."""
        statuses, letters = sorted(self.statuses.items()), sorted(self.dead_letters)
        return RunOutcome(tuple(self._query(_ROWS)), tuple(statuses), tuple(letters), tuple(self.report_results))

    def find_broken_rules(self, *, migrates: bool, can_be_interrupted: bool) -> list[str]:
        """Tell which rules do not hold in the end.

        Args:
            migrates: everything was to be migrated.
            deaths: somebody may have been killed who stored something, and did not say so.
        """
        found = list(self.failures)
        rows = {row[0]: row for row in self._query(_ROWS)}
        for name, message in self.accepted.items():
            status, row = self.statuses.get(name), rows.get(message.row[0])
            is_same = row is not None and row[:3] == message.row
            if status in ("stored", "duplicate"):
                if not is_same:
                    found.append(f"{name} is said to be {status}, but the row is {row}")
            elif status == "conflict":
                if row is None or is_same:
                    found.append(f"{name} is said to be in conflict, but the row is {row}")
            elif status != "failed" or message.key != REFUSED:
                found.append(f"{name} is {status}")
        found += [
            f"{each.id} was not redriven"
            for each in self.initial_dead_letters
            if not any(message.redrives == each.id for message in self.accepted.values())
        ]
        strangers = rows.keys() - {message.row[0] for message in self.accepted.values()}
        found += [f"a row is of nobody: {each}" for each in strangers]
        stored = sum(status == "stored" for status in self.statuses.values())
        if not can_be_interrupted and stored != len(rows):
            found.append(f"{stored} are said to be stored, but there are {len(rows)} rows")
        if migrates and self._query(_MIGRATED, _NAMES) != [(1, 1, 1)]:
            found.append("the migration is not there, or a part of it")
        return found

    def get_store(self, session: ScheduledSession) -> Store:
        """Give the store of an execution environment, connected. A process that was killed leaves none behind."""
        key = (session.slot, session.is_serial)
        if key not in self._stores:
            way = {**self.connection_parameters, "user": "ponto_function"}
            self._stores[key] = Store(lambda: way, _NO_TIMEOUTS)
        self._stores[key].record_failing(["nothing"], math.inf)
        return self._stores[key]

    def drop_store(self, session: ScheduledSession) -> None:
        """Let an execution environment be gone."""
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
