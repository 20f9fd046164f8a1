"""Errors and durations of the simulated database, compared with those of libpq and PostgreSQL."""

import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from random import Random
from typing import Any, NamedTuple

import psutil
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812  a class
from psycopg2.extensions import parse_dsn

from lab.faults import FaultKind
from lab.simulate import database
from lab.simulate.clock import SimulatedClock
from lab.simulate.database import SimulatedDatabase
from lab.simulate.schedule import Schedule, ScheduledFault
from lab.simulate.settings import SimulationSettings
from ponto.schema.migrations import migrate
from ponto.shared.connection import SET_SETTINGS
from tests.postgres.storing import entry
from tests.waiting import DEADLINE_SECONDS, wait_for
from tools.local import temporary
from tools.local.faults import DatabaseFaults
from tools.local.postgres import Postgres

SETTINGS = {"statement_timeout": 500, "lock_timeout": 200, "idle_session_timeout": 20_000}
OPTIONS = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
_ROW = entry(id="0192f0c1-0000-7000-8000-000000000001").punch._asdict()
INSERT = f"""
insert into ponto.batida ({", ".join(_ROW)}) select {", ".join(_ROW)}
from json_populate_record(null::ponto.batida, '{json.dumps(_ROW, default=str)}')
on conflict do nothing
"""


class CaughtError(NamedTuple):
    """Properties of an error that psycopg2 raises."""

    type_name: str
    sqlstate: str | None
    is_closed: bool
    text: str  # without the server's address


def catch_error(work: Callable[[], object], connection: Any = None) -> CaughtError:
    with pytest.raises(psycopg2.Error) as caught:
        work()
    first = str(caught.value.diag.message_primary or caught.value).partition("\n")[0]
    text = re.sub("^connection to server .* failed: ", "", first)
    return CaughtError(type(caught.value).__name__, caught.value.pgcode, bool(connection and connection.closed), text)


def fail_insert(connection: Any, statement: str = INSERT) -> CaughtError:
    return catch_error(lambda: connection.cursor().execute(statement), connection)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Start a PostgreSQL with few connections, which the tests may stop."""
    with temporary.unsafe_server({"max_connections": "10"}) as server:
        migrate(parse_dsn(server.url), "America/Sao_Paulo")
        yield server


@pytest.fixture
def real(server: Postgres) -> Iterator[Connection]:
    """Connect as the function does."""
    with closing(psycopg2.connect(server.url, options=OPTIONS)) as connection:
        connection.autocommit = True
        yield connection


class _MinimumRandom(Random):
    def random(self) -> float:
        return 0.0


class SimulatedSession:
    """Simulated connection to the real server; a fault of `kind` begins after one second."""

    def __init__(self, url: str, kind: FaultKind | None = None) -> None:
        self.clock = SimulatedClock()
        schedule = Schedule([ScheduledFault(1, 10_000, kind)] if kind else [])
        settings = SimulationSettings(451, 1, 1, 1, 100, 1, 5, 75, {})
        self.database = SimulatedDatabase(
            partial(psycopg2.connect, url), self.clock, schedule, _MinimumRandom(), settings
        )
        self.database.record_use(10_000)  # so that it is not paused
        self.connection = self.connect()
        self.clock.now = 1.0 if kind else 0.0

    def connect(self) -> database.SimulatedConnection:
        connection = self.database.connect(connect_timeout=2, tcp_user_timeout=5_000)
        connection.execute(SET_SETTINGS, {"settings": json.dumps(SETTINGS)})
        return connection


@pytest.fixture
def simulated(server: Postgres) -> Iterator[Callable[..., SimulatedSession]]:
    with ExitStack() as stack:

        def create(kind: FaultKind | None = None) -> SimulatedSession:
            session = SimulatedSession(server.url, kind)
            stack.callback(session.database.close)
            return session

        yield create


Create = Callable[..., SimulatedSession]


def test_a_session_that_was_idle_for_too_long(real: Connection, simulated: Create) -> None:
    real.cursor().execute("set idle_session_timeout = 200")
    time.sleep(0.5)  # longer than the timeout

    session = simulated()
    session.clock.advance(20.1)
    assert fail_insert(session.connection) == fail_insert(real)


def test_a_statement_that_takes_too_long(real: Connection, simulated: Create) -> None:
    session = simulated(FaultKind.SLOW)
    assert fail_insert(session.connection) == fail_insert(real, "select pg_sleep(5)")
    assert session.clock.now == pytest.approx(1.5)


def test_a_locked_table(server: Postgres, real: Connection, simulated: Create) -> None:
    with closing(psycopg2.connect(server.url)) as blocker:
        blocker.cursor().execute("lock table ponto.batida")
        expected = fail_insert(real)

    session = simulated(FaultKind.LOCKED)
    assert fail_insert(session.connection) == expected
    assert session.clock.now == pytest.approx(1.2)


def test_a_database_that_only_reads(real: Connection, simulated: Create) -> None:
    real.cursor().execute("set default_transaction_read_only = on")

    session = simulated(FaultKind.READ_ONLY)
    assert fail_insert(session.connection) == fail_insert(real)
    session.connection.execute("select 1")


def test_a_server_that_crashes(server: Postgres, real: Connection, simulated: Create) -> None:
    session = simulated(FaultKind.REFUSING)
    # If a server process ends without a last message, libpq raises a different error. A process that is still sending
    # sends no such message, and PostgreSQL kills a process that needs more than 5 s for it.
    process = psutil.Process(real.info.backend_pid)
    with closing(psycopg2.connect(server.url)) as other:
        wait_for(lambda: _is_idle(other, process.pid), "the session to have sent everything")
    process.send_signal(signal.SIGQUIT)
    process.wait(DEADLINE_SECONDS)
    with DatabaseFaults(server).stopped(), socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # by TCP: a stopped server has no Unix socket
        port = unused.getsockname()[1]
        refused = catch_error(lambda: psycopg2.connect(host="127.0.0.1", port=port, user="unknown"))
        assert fail_insert(session.connection) == fail_insert(real)
    assert catch_error(session.connect) == refused


def _is_idle(other: Connection, pid: int) -> bool:
    other.autocommit = True  # within a transaction the view would not change
    with other.cursor() as cursor:
        cursor.execute("select from pg_stat_activity where pid = %s and wait_event = 'ClientRead'", (pid,))
        return cursor.rowcount == 1


def test_a_server_that_does_not_answer(simulated: Create) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address: dict[str, Any] = {"host": "127.0.0.1", "port": silent.getsockname()[1], "sslmode": "disable"}
        expected = catch_error(lambda: psycopg2.connect(**address, user="unknown", connect_timeout=2))

    session = simulated(FaultKind.FROZEN)
    assert catch_error(session.connect) == expected
    assert session.clock.now == 1 + 2
    lost = fail_insert(session.connection)
    assert (lost.type_name, lost.sqlstate, lost.is_closed) == ("OperationalError", None, True)
    assert session.clock.now == 1 + 2 + 5
