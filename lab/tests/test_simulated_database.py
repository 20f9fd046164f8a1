"""What the simulator raises of libpq and PostgreSQL is what they raise, and takes as long."""

import contextlib
import json
import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psutil
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812  a class
from psycopg2.extensions import parse_dsn

from lab.faults import Kind
from lab.simulate import database
from lab.simulate.clock import Clock
from lab.simulate.database import Database
from lab.simulate.schedule import Fault, Schedule
from lab.simulate.settings import Settings
from ponto.admin.migrations import migrate
from ponto.connection import SET_SETTINGS
from tests.postgres.proxy import Proxy
from tests.postgres.storing import entry
from tests.waiting import DEADLINE, wait_for
from tools.local import temporary
from tools.local.faults import Faults
from tools.local.postgres import Postgres

SETTINGS = {"statement_timeout": 500, "lock_timeout": 200, "idle_session_timeout": 20_000}
OPTIONS = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
_ROW = entry(punch_id="0192f0c1-0000-7000-8000-000000000001").punch._asdict()
INSERT = f"""
insert into ponto.batida ({", ".join(_ROW)}) select {", ".join(_ROW)}
from json_populate_record(null::ponto.batida, '{json.dumps(_ROW, default=str)}')
on conflict do nothing
"""
SLOW = "select pg_sleep(5)"
NOWHERE = Settings(451, 1, 1, 1, 100, 1, 5, 75, {})


class Raised(NamedTuple):
    """What whoever runs a statement sees of an error."""

    kind: str
    state: str | None
    closed: bool
    text: str  # without the server's address

    @staticmethod
    def by(work: Callable[[], object], connection: Any = None) -> "Raised":
        with pytest.raises(psycopg2.Error) as caught:
            work()
        return Raised.of(caught.value, connection)

    @staticmethod
    def of(error: psycopg2.Error, connection: Any = None) -> "Raised":
        first = str(error.diag.message_primary or error).partition("\n")[0]
        text = re.sub("^connection to server .* failed: ", "", first)
        return Raised(type(error).__name__, error.pgcode, bool(connection and connection.closed), text)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Start a PostgreSQL that may be broken, of few connections."""
    with temporary.throwaway({"max_connections": "10"}) as server:
        migrate(parse_dsn(server.url), "America/Sao_Paulo")
        yield server


@pytest.fixture
def real(server: Postgres) -> Iterator[Connection]:
    """A connection as the function's."""
    with contextlib.closing(psycopg2.connect(server.url, options=OPTIONS)) as connection:
        connection.autocommit = True
        yield connection


class Simulated:
    """A connection to the same server, through the simulator, on which a kind of fault begins after a second."""

    def __init__(self, url: str, kind: Kind | None = None) -> None:
        self.clock = Clock()
        schedule = Schedule([Fault(1, 10_000, kind)] if kind else [])
        connect = partial(psycopg2.connect, url)
        self.database = Database(connect, self.clock, schedule, Random(5), NOWHERE)  # noqa: S311
        self.database.used(10_000)  # it is awake
        self.connection = self.connect()
        self.connection.autocommit = True
        self.clock.now = 0.0 if kind is None else 1.0

    def connect(self) -> database.Connection:
        connection = self.database.connect(connect_timeout=2, tcp_user_timeout=5_000)
        connection.execute(SET_SETTINGS, {"settings": json.dumps(SETTINGS)})
        return connection


@pytest.fixture
def simulated(server: Postgres) -> Iterator[Callable[..., Simulated]]:
    made: list[Simulated] = []

    def make(kind: Kind | None = None) -> Simulated:
        made.append(Simulated(server.url, kind))
        return made[-1]

    yield make
    for each in made:
        each.database.close()


def run(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


Make = Callable[..., Simulated]


def test_a_session_that_was_idle_for_too_long(real: Connection, simulated: Make) -> None:
    run(real, "set idle_session_timeout = 200")
    time.sleep(0.5)  # longer than the timeout that is tried
    seen = Raised.by(lambda: run(real, INSERT), real)

    made = simulated()
    made.clock.advance(20.1)
    assert Raised.by(lambda: run(made.connection, INSERT), made.connection) == seen


def test_a_statement_that_takes_too_long(real: Connection, simulated: Make) -> None:
    seen = Raised.by(lambda: run(real, SLOW), real)

    made = simulated(Kind.SLOW)
    made.database.chance = Random(2)  # noqa: S311
    while True:
        begin = made.clock.now
        try:
            run(made.connection, INSERT)
        except psycopg2.Error:
            assert made.clock.now - begin == pytest.approx(0.5)
            break
    made.database.chance = _Always()
    assert Raised.by(lambda: run(made.connection, INSERT), made.connection) == seen


class _Always(Random):
    def random(self) -> float:
        return 0.0


def test_a_table_that_somebody_locks(server: Postgres, real: Connection, simulated: Make) -> None:
    with contextlib.closing(psycopg2.connect(server.url)) as other:
        run(other, "lock table ponto.batida")
        seen = Raised.by(lambda: run(real, INSERT), real)

    made = simulated(Kind.LOCKED)
    begin = made.clock.now
    assert Raised.by(lambda: run(made.connection, INSERT), made.connection) == seen
    assert made.clock.now - begin == pytest.approx(0.2)


def test_a_database_that_only_reads(real: Connection, simulated: Make) -> None:
    run(real, "set default_transaction_read_only = on")
    seen = Raised.by(lambda: run(real, INSERT), real)

    made = simulated(Kind.READ_ONLY)
    assert Raised.by(lambda: run(made.connection, INSERT), made.connection) == seen
    run(made.connection, "select 1")


def test_a_server_that_crashes(server: Postgres, real: Connection, simulated: Make) -> None:
    made = simulated(Kind.REFUSING)
    # Without a session's last words libpq has another error. PostgreSQL kills one that takes 5 s for them, and one
    # that is still busy with sending has none.
    session = psutil.Process(real.info.backend_pid)
    with contextlib.closing(psycopg2.connect(server.url)) as other:
        wait_for(lambda: _is_idle(other, session.pid), "the session to have sent everything")
    session.send_signal(signal.SIGQUIT)
    session.wait(DEADLINE)
    with Faults(server).stopped():
        kept = Raised.by(lambda: run(real, INSERT), real)
        new = Raised.by(lambda: psycopg2.connect(server.url))
        assert Raised.by(lambda: run(made.connection, INSERT), made.connection) == kept
        # By TCP; the socket of a server that is gone is no longer there.
        with pytest.raises(psycopg2.OperationalError, match="Connection refused") as by_tcp:
            psycopg2.connect(host="127.0.0.1", port=_free_port(), user="nobody")
    again = Raised.by(made.connect)
    assert again.text == Raised.of(by_tcp.value).text
    assert (again.kind, again.state) == (new.kind, new.state)


def _is_idle(other: Connection, session: int) -> bool:
    other.autocommit = True  # within a transaction it would see the same again
    with other.cursor() as cursor:
        cursor.execute("select from pg_stat_activity where pid = %s and wait_event = 'ClientRead'", (session,))
        return cursor.rowcount == 1


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_server_without_a_connection_left(server: Postgres, simulated: Make) -> None:
    made = simulated(Kind.EXHAUSTED)
    with contextlib.ExitStack() as all_of_them:
        seen = None
        while seen is None:
            try:
                all_of_them.enter_context(contextlib.closing(psycopg2.connect(server.url)))
            except psycopg2.OperationalError as error:
                seen = Raised.of(error)

    assert Raised.by(made.connect) == seen
    run(made.connection, INSERT)


def test_a_server_that_does_not_answer(simulated: Make) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begin = time.monotonic()
        given: dict[str, Any] = {"host": "127.0.0.1", "port": silent.getsockname()[1], "user": "nobody"}
        seen = Raised.by(lambda: psycopg2.connect(**given, connect_timeout=2, sslmode="disable"))
        took = time.monotonic() - begin

    made = simulated(Kind.FROZEN)
    start = made.clock.now
    assert Raised.by(made.connect) == seen
    assert made.clock.now - start == 2 <= took
    start = made.clock.now
    lost = Raised.by(lambda: run(made.connection, INSERT), made.connection)
    assert (lost.kind, lost.state, lost.closed) == ("OperationalError", None, True)
    assert made.clock.now - start == 5


def test_a_connection_that_is_cut(server: Postgres, simulated: Make) -> None:
    with tempfile.TemporaryDirectory(prefix="ponto-") as folder, Proxy(Path(folder), server.host).running() as proxy:
        through: dict[str, Any] = parse_dsn(server.url) | {"host": proxy.host}
        with contextlib.closing(psycopg2.connect(**through)) as cut:
            proxy.cut_after = b"insert into ponto.batida"
            seen = Raised.by(lambda: run(cut, INSERT), cut)

    made = simulated(Kind.CUT)
    made.database.chance = _Always()
    assert Raised.by(lambda: run(made.connection, INSERT), made.connection) == seen
    assert database.CUT.endswith(str(database.broken()))
