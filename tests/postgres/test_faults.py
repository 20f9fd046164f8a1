"""Faults of the database and the network: a batch waits and is then stored once, without dead letters."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812  a class
from psycopg2.extensions import parse_dsn

from ponto.drain.dead_letters import DeadLetters
from ponto.drain.drain import Drain
from ponto.drain.message import read_messages
from ponto.drain.retry_backoff import RetryBackoff
from ponto.drain.store import Store
from ponto.schema.migrations import migrate
from ponto.shared.connection import DRIVER, Driver, Session, Timeouts
from tests.database import Database, execute
from tests.events import DeadLetterQueue, Record, aws, new_punch, sqs_event
from tests.waiting import wait_for
from tools.local import temporary
from tools.local.faults import DatabaseFaults
from tools.local.postgres import Postgres

ZONE = "America/Sao_Paulo"
QUICK = Timeouts(connect_seconds=2, statement_ms=500, lock_ms=200)
MANY_RECEIVES = 200  # receives in an outage of a day
OTHER_SESSIONS = "select count(*) from pg_stat_activity where backend_type ~ '^client' and pid <> pg_backend_pid()"
WAITING = "select count(*) from pg_locks where not granted and locktype = 'relation'"


class System:
    """A drain with its database and a dead-letter queue."""

    def __init__(self, parameters: dict[str, str], timeouts: Timeouts, driver: Driver) -> None:
        self.queue = DeadLetterQueue()
        self.store = Store(lambda: parameters, timeouts, partial(Session, driver=driver))
        self._parameters = parameters
        self._drain = Drain(ZoneInfo(ZONE), self.store, DeadLetters(self.queue.url), RetryBackoff("", ()))

    def deliver(self, *records: Record) -> list[str]:
        """Process messages; return the ids of the failed ones."""
        return list(self._drain.process(read_messages(sqs_event(*records)), time.monotonic() + 60).failures)

    def stored(self, *records: Record) -> list[str]:
        """Return the message id of each row that these records created."""
        message_ids = {record["messageId"] for record in records}
        rows = execute(self._parameters, "select mensagem_id from ponto.batida")
        return sorted(message_id for (message_id,) in rows if message_id in message_ids)


CreateSystem = Callable[..., System]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Start a PostgreSQL with few connections, which tests may stop or kill."""
    settings = {"max_connections": "10", "superuser_reserved_connections": "0", "reserved_connections": "0"}
    with temporary.unsafe_server(settings) as server:
        migrate(parse_dsn(server.url), ZONE)
        yield server


@pytest.fixture
def create_system() -> Iterator[CreateSystem]:
    """Yield a function that creates a system; close the connections at the end."""
    systems: list[System] = []

    def create_system(parameters: dict[str, str], timeouts: Timeouts = QUICK, driver: Driver = DRIVER) -> System:
        systems.append(System(parameters, timeouts, driver))
        return systems[-1]

    with aws():
        yield create_system
        for system in systems:
            system.store.close()


def punches(count: int = 3, receives: int = 1) -> list[Record]:
    return [new_punch(receives) for _ in range(count)]


def ids(records: list[Record]) -> list[str]:
    return sorted(record["messageId"] for record in records)


# The database is unavailable


@pytest.mark.parametrize("kind", ["stopped", "refusing", "read-only", "locked", "exhausted"])
def test_batch_waits_while_the_database_is_unavailable_and_is_stored_once(
    server: Postgres, create_system: CreateSystem, kind: str
) -> None:
    parameters = parse_dsn(server.url)
    wait_for(lambda: execute(parameters, OTHER_SESSIONS) == [(0,)], "the sessions of the previous test to end")
    system, batch = create_system(parameters), punches(receives=MANY_RECEIVES)
    assert system.deliver(*punches(1)) == []

    with DatabaseFaults(server).kinds[kind]():
        assert sorted(system.deliver(*batch)) == ids(batch)  # on the open connection
        assert sorted(system.deliver(*batch)) == ids(batch)  # on a new one

    for _ in range(2):  # and again a day later
        assert system.deliver(*batch) == []
    assert system.stored(*batch) == ids(batch)
    assert system.queue.dead_letters() == []


# The connection breaks


class RecordingDriver(Driver):
    """Driver that keeps the newest connection."""

    def connect(self, **arguments: Any) -> Connection:
        self.connection = super().connect(**arguments)
        return self.connection


@pytest.mark.parametrize("keeps_connection", [True, False], ids=["connection kept", "connection new"])
def test_connection_cut_between_insert_and_response_stores_one_row(
    database: Database, create_system: CreateSystem, keeps_connection: bool
) -> None:
    driver, patient = RecordingDriver(), Timeouts(statement_ms=120_000, lock_ms=60_000)
    system, batch = create_system(database.owner, patient, driver), punches()
    if keeps_connection:
        assert system.deliver(*punches(1)) == []

    with closing(database.connect()) as other, ThreadPoolExecutor() as threads:
        other.cursor().execute("lock table batida")
        delivered = threads.submit(system.deliver, *batch)
        wait_for(lambda: database.execute(WAITING) == [(1,)], "the insert to wait")
        with socket.socket(fileno=os.dup(driver.connection.fileno())) as client:
            client.shutdown(socket.SHUT_RDWR)  # the server notices it when it responds, after its commit
        other.rollback()
        failed = delivered.result()

    wait_for(lambda: system.stored(*batch) == ids(batch), "the commit, although the store gets no response")
    assert sorted(failed) == ([] if keeps_connection else ids(batch))  # repeated after an open connection breaks
    assert system.deliver(*batch) == []
    assert system.stored(*batch) == ids(batch)
    assert system.queue.dead_letters() == []


def test_database_crash_between_two_batches_causes_no_failure(server: Postgres, create_system: CreateSystem) -> None:
    system, batch = create_system(parse_dsn(server.url)), punches()
    system.deliver(*punches(1))

    with DatabaseFaults(server).stopped():  # a killed server does not close its connections, so libpq does not notice
        pass

    assert system.deliver(*batch) == []
    assert system.stored(*batch) == ids(batch)
