"""Replacement for `psycopg2.connect`: a real PostgreSQL behind a simulated network and clock.

Statements run on the real server. Timeouts (connect, statement, lock, idle) and failures (a restart, a failover, a full
server) are simulated: they take time on the simulated clock, and raise the errors that libpq and PostgreSQL raise.
lab/tests/postgres/test_simulated_database.py compares these with real ones.

Aurora Serverless v2 with a minimum of 0 ACU pauses where no connection has been open for `secondsUntilAutoPause`, and
takes about 15 s to resume, sometimes more:
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html
"""

import json
import math
from collections.abc import Callable, Mapping
from random import Random
from types import TracebackType
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from lab.faults import FaultKind
from lab.simulate.clock import SimulatedClock, to_datetime
from lab.simulate.schedule import RESTARTS, Schedule
from lab.simulate.settings import SimulationSettings
from ponto.shared.connection import SET_SETTINGS

_AUTO_PAUSE_SECONDS = 300
_RESUME_SECONDS = (15, 40)  # minimum and maximum
_CONNECT_SECONDS = 0.012  # for TCP, TLS and the password
_SERVER = 'connection to server at "simulated" (10.0.0.7), port 5432 failed: '
_BROKEN = (
    "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request.\n"
)

REFUSED = f"{_SERVER}Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n"
TIMEOUT = f"{_SERVER}timeout expired\n"
FULL = f"{_SERVER}FATAL:  sorry, too many clients already\n"
NOT_IN_HBA = f"{_SERVER}FATAL:  no pg_hba.conf entry for host\n"
CUT = f"{_SERVER}{_BROKEN}"
SILENT = "could not receive data from server: Connection timed out\n"


def server_error(sqlstate: str, message: str) -> psycopg2.Error:
    """Return the exception that psycopg2 raises for an error of PostgreSQL."""
    error: Any = psycopg2.errors.lookup(sqlstate)(f"{message}\n")
    # The attributes are read-only: only unpickling can set them.
    error.__setstate__({"pgcode": sqlstate, "pgerror": f"ERROR:  {message}\n"})
    typed_error: psycopg2.Error = error
    return typed_error


def connection_lost_error() -> psycopg2.OperationalError:
    """Return the error for a connection that broke."""
    return psycopg2.OperationalError(_BROKEN)


def server_crashed_error() -> psycopg2.DatabaseError:
    """Return the error for a server that crashed; psycopg2 still reports the connection as open."""
    return psycopg2.DatabaseError(_BROKEN)


class SimulatedDatabase:
    """Simulated database server and network."""

    def __init__(
        self,
        connect: Callable[[], psycopg2.extensions.connection],
        clock: SimulatedClock,
        schedule: Schedule,
        rng: Random,
        settings: SimulationSettings,
    ) -> None:
        """Create a server without connections.

        Args:
            connect: opens a real connection.
            clock: is advanced by connecting and by statements.
            schedule: faults of the run.
            rng: draws what the schedule does not determine.
            settings: duration of statements, and mutants.
        """
        self.clock, self.schedule, self.rng, self.settings = clock, schedule, rng, settings
        self.reach_kill_point: Callable[[], None] = lambda: None  # is called wherever the process may be killed
        self.write_trace: Callable[[str], None] | None = None  # is called with lines for the trace
        self.owner: object = None  # the current execution environment
        self.has_lost_answer = False  # the current invocation stored rows, and the answer was lost
        self._sessions: list[SimulatedConnection] = []
        self._connect = connect
        self._free_cursors: list[psycopg2.extensions.cursor] = []
        self._real_connections: list[psycopg2.extensions.connection] = []
        self._awake_until = -math.inf
        self._resumes_at = -math.inf

    def connect(self, **arguments: Any) -> "SimulatedConnection":
        """Connect, with the parameters of `psycopg2.connect`.

        Raises:
            psycopg2.OperationalError: a fault prevents it, or the database is paused.
        """
        self.reach_kill_point()
        clock, now = self.clock, self.clock.now
        kinds = self.schedule.kinds_at(now)
        if FaultKind.FROZEN in kinds:
            clock.advance(arguments["connect_timeout"])
            raise psycopg2.OperationalError(TIMEOUT)
        if FaultKind.REFUSING in kinds or (FaultKind.FAILOVER in kinds and not self._is_old_writer_readable(now)):
            clock.advance(0.005)
            raise psycopg2.OperationalError(REFUSED)
        self._resume(arguments["connect_timeout"])
        clock.advance(_CONNECT_SECONDS)
        if FaultKind.EXHAUSTED in kinds:
            raise psycopg2.OperationalError(FULL)
        self.record_use()
        session = SimulatedConnection(self, arguments["tcp_user_timeout"])
        self._sessions.append(session)
        return session

    def close_sessions(self, owner: object) -> None:
        """Close the sessions of an execution environment that has ended."""
        for session in [session for session in self._sessions if session.owner is owner]:
            session.close()

    def take_cursor(self) -> psycopg2.extensions.cursor:
        """Return the cursor of an unused real connection; open one if there is none."""
        if not self._free_cursors:
            connection = self._connect()
            connection.autocommit = True
            self._real_connections.append(connection)
            self._free_cursors.append(connection.cursor())
        return self._free_cursors.pop()

    def return_cursor(self, session: "SimulatedConnection", real: psycopg2.extensions.cursor) -> None:
        self._sessions.remove(session)
        self._free_cursors.append(real)

    def close(self) -> None:
        """Close all real connections."""
        for real in self._real_connections:
            real.close()

    def record_use(self, idle_seconds: float = 60) -> None:
        """Record that a connection is open now and for the next `idle_seconds`, so that the database does not pause."""
        self._awake_until = max(self._awake_until, self.clock.now + idle_seconds + _AUTO_PAUSE_SECONDS)

    def _is_old_writer_readable(self, now: float) -> bool:
        """Return whether the current failover has reached the phase in which the old writer answers, read-only."""
        fault = self.schedule.current_fault(FaultKind.FAILOVER, now)
        return now > fault.begin + 0.7 * (fault.end - fault.begin)

    def is_read_only(self, kinds: frozenset[FaultKind]) -> bool:
        return FaultKind.READ_ONLY in kinds or (
            FaultKind.FAILOVER in kinds and self._is_old_writer_readable(self.clock.now)
        )

    def _resume(self, timeout: float) -> None:
        clock = self.clock
        if clock.now > max(self._awake_until, self._resumes_at):
            self._resumes_at = clock.now + self.rng.uniform(*_RESUME_SECONDS)
            self._awake_until = self._resumes_at + _AUTO_PAUSE_SECONDS
            if self.write_trace:
                self.write_trace(f"the database was paused, and resumes in {self._resumes_at - clock.now:.1f} s")
        remaining = self._resumes_at - clock.now
        if remaining <= 0:
            return
        # While a cluster resumes, some of the first connections do not wait: they are dropped or refused.
        draw = self.rng.random()
        if draw < 0.3:
            clock.advance(0.05)
            raise psycopg2.OperationalError(CUT if draw < 0.2 else NOT_IN_HBA)
        if remaining >= timeout:
            clock.advance(timeout)
            raise psycopg2.OperationalError(TIMEOUT)
        clock.advance(remaining)


class SimulatedConnection:
    """Connection and cursor, with the methods that the function uses."""

    def __init__(self, database: SimulatedDatabase, network_ms: float) -> None:
        self.closed = 0
        self.autocommit = False
        self.owner = database.owner
        self._database = database
        # `_apply_settings` sets these.
        self._statement_timeout_seconds = self._lock_timeout_seconds = self._idle_timeout_seconds = 0.0
        self._network_timeout_seconds = network_ms / 1000
        self._last_used_at = database.clock.now
        self._real: psycopg2.extensions.cursor | None = database.take_cursor()
        self._rows: list[tuple[Any, ...]] = []
        self.rowcount = -1

    def cursor(self) -> "SimulatedConnection":
        """Return the connection itself, which also serves as its only cursor."""
        return self

    def __enter__(self) -> "SimulatedConnection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing, as at the end of a cursor."""

    def close(self) -> None:
        if self._real is not None:
            self._database.return_cursor(self, self._real)
            self._real = None
        self.closed = self.closed or 1

    def execute(self, statement: str, values: Any = None) -> None:
        """Run a statement.

        Raises:
            psycopg2.Error: raised by PostgreSQL, or simulated.
        """
        if statement == SET_SETTINGS:  # its time is part of `_CONNECT_SECONDS`
            self._apply_settings(json.loads(values["settings"]))
            return
        database, clock = self._database, self._database.clock
        database.reach_kill_point()
        if self.closed:
            raise psycopg2.InterfaceError("connection already closed")
        if self._real is None:
            raise server_crashed_error()
        kinds = database.schedule.kinds_at(clock.now)
        writes = "insert into ponto.batida" in statement
        self._raise_scheduled_fault(kinds, writes=writes)
        is_cut = FaultKind.CUT in kinds and database.rng.random() < 0.5
        if is_cut and database.rng.random() < 0.5:
            raise self._close_with(connection_lost_error())
        self._run(statement, values)
        settings = database.settings
        if writes or not self._rows:
            clock.advance((settings.batch_milliseconds + settings.row_milliseconds * len(self._rows)) / 1000)
        else:
            clock.advance(0.002)
        self._last_used_at = clock.now
        database.record_use(self._idle_timeout_seconds)
        database.reach_kill_point()
        if is_cut:  # after the commit, so that the function does not know its result
            database.has_lost_answer = database.has_lost_answer or writes
            raise self._close_with(connection_lost_error())

    def _apply_settings(self, settings: Mapping[str, Any]) -> None:
        self._statement_timeout_seconds = int(settings["statement_timeout"]) / 1000
        self._lock_timeout_seconds = int(settings["lock_timeout"]) / 1000
        self._idle_timeout_seconds = int(settings["idle_session_timeout"]) / 1000

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def _run(self, statement: str, values: Any) -> None:
        """Run a statement on the real server."""
        real = self._real
        assert real is not None  # noqa: S101  `execute` has checked it
        if "falha" in statement:  # uses PostgreSQL's clock, which is replaced by the simulated clock
            now = f"timestamptz '{to_datetime(self._database.clock.now).isoformat()}'"
            insert_ids = "(mensagem_id) select unnest(%(ids)s)"
            insert_dated_ids = f"(mensagem_id, desde) select unnest(%(ids)s), {now}"
            statement = statement.replace("clock_timestamp()", now).replace(insert_ids, insert_dated_ids)
        real.execute(statement, values)
        self._rows = real.fetchall() if real.description else []
        self.rowcount = real.rowcount

    def _raise_scheduled_fault(self, kinds: frozenset[FaultKind], *, writes: bool) -> None:
        database, clock = self._database, self._database.clock
        if database.schedule.has_restart(self._last_used_at, clock.now):
            clock.advance(0.001)
            raise self._close_with(server_crashed_error(), closed=0)
        if clock.now - self._last_used_at > self._idle_timeout_seconds:
            raise self._close_with(connection_lost_error())
        if not kinds:
            return
        if FaultKind.FROZEN in kinds:
            clock.advance(self._network_timeout_seconds)
            raise self._close_with(psycopg2.OperationalError(SILENT))
        if kinds & RESTARTS and not database.is_read_only(kinds):
            clock.advance(0.001)
            raise self._close_with(server_crashed_error(), closed=0)
        if FaultKind.LOCKED in kinds and writes:
            clock.advance(self._lock_timeout_seconds)
            raise server_error("55P03", "canceling statement due to lock timeout")
        if database.is_read_only(kinds) and writes:
            clock.advance(0.001)
            raise server_error("25006", "cannot execute INSERT in a read-only transaction")
        if FaultKind.SLOW in kinds:
            if database.rng.random() < 0.5:
                clock.advance(self._statement_timeout_seconds)
                raise server_error("57014", "canceling statement due to statement timeout")
            clock.advance(database.rng.uniform(0.5, self._statement_timeout_seconds - 0.1))

    def _close_with(self, error: psycopg2.Error, closed: int = 2) -> psycopg2.Error:
        self.close()
        self.closed = closed
        return error
