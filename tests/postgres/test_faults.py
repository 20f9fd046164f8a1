"""Faults of the database and the network: a batch waits and is then stored once, without dead letters."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import pytest
from psycopg2.extensions import parse_dsn

from ponto.admin.migrations import migrate
from ponto.connection import Timeouts
from ponto.dead_letters import DeadLetters
from ponto.drain import Drain
from ponto.message import read_messages
from ponto.retry_backoff import RetryBackoff
from ponto.store import Store
from tests.database import Database, execute
from tests.events import DeadLetterQueue, Record, aws, new_punch, sqs_event
from tests.postgres.proxy import Proxy
from tests.waiting import wait_for
from tools.local import temporary
from tools.local.faults import DatabaseFaults
from tools.local.postgres import Postgres

ZONE = "America/Sao_Paulo"
QUICK = Timeouts(connect_seconds=2, statement_ms=500, lock_ms=200)
MANY_RECEIVES = 200  # receives in an outage of a day


class System:
    """A drain with its database and a dead-letter queue."""

    def __init__(self, parameters: dict[str, str], timeouts: Timeouts, through: Proxy | None) -> None:
        self.queue = DeadLetterQueue()
        drain_parameters = parameters | ({"host": through.host} if through else {})
        self.store = Store(lambda: drain_parameters, timeouts)
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

    def create_system(parameters: dict[str, str], timeouts: Timeouts = QUICK, through: Proxy | None = None) -> System:
        systems.append(System(parameters, timeouts, through))
        return systems[-1]

    with aws():
        yield create_system
        for system in systems:
            system.store.close()


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    with (
        tempfile.TemporaryDirectory(prefix="ponto-") as folder,  # not pytest's: the path of a socket has to be short
        Proxy(Path(folder), database.owner["host"]).running() as proxy,
    ):
        yield proxy


def punches(count: int = 3, receives: int = 1) -> list[Record]:
    """Return valid messages with new punches."""
    return [new_punch(receives) for _ in range(count)]


def ids(records: list[Record]) -> list[str]:
    return sorted(record["messageId"] for record in records)


def sessions(server: Postgres) -> list[psutil.Process]:
    """Return the processes of a server's sessions."""
    message_id = []
    for process in psutil.Process(server.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # the process has just ended
            if "[local]" in "".join(process.cmdline()):
                message_id.append(process)
    return message_id


# The database is unavailable


@pytest.mark.parametrize("keeps_connection", [True, False], ids=["connection kept", "connection new"])
@pytest.mark.parametrize("kind", ["stopped", "refusing", "read-only", "locked", "exhausted"])
def test_batch_waits_while_the_database_is_unavailable_and_is_stored_once(
    server: Postgres, create_system: CreateSystem, kind: str, keeps_connection: bool
) -> None:
    wait_for(lambda: not sessions(server), "the sessions of the previous test to end")
    system, batch = create_system(parse_dsn(server.url)), punches(receives=MANY_RECEIVES)
    if keeps_connection:
        assert system.deliver(*punches(1)) == []

    with DatabaseFaults(server).kinds[kind]():
        assert sorted(system.deliver(*batch)) == ids(batch)
        assert sorted(system.deliver(*batch)) == ids(batch)

    for _ in range(2):  # and again a day later
        assert system.deliver(*batch) == []
    assert system.stored(*batch) == ids(batch)
    assert system.queue.dead_letters() == []


# The connection breaks


@pytest.mark.parametrize("keeps_connection", [True, False], ids=["connection kept", "connection new"])
def test_connection_cut_between_insert_and_response_stores_one_row(
    database: Database, create_system: CreateSystem, proxy: Proxy, keeps_connection: bool
) -> None:
    system, batch = create_system(database.owner, through=proxy), punches()
    if keeps_connection:
        assert system.deliver(*punches(1)) == []

    proxy.cut_after = b"insert into ponto.batida"
    failed = system.deliver(*batch)

    assert proxy.cuts == 1
    assert system.stored(*batch) == ids(batch)  # although the store got no response
    assert sorted(failed) == (
        [] if keeps_connection else ids(batch)
    )  # the store repeats after a kept connection breaks
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
