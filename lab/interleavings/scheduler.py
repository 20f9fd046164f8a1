"""Scheduler of sessions: one at a time takes a step, until it reaches a stop, a gate, a lock or its end."""

import threading
import time
from collections.abc import Callable, Sequence

import psycopg2.extensions

from lab.faults import FaultKind
from lab.interleavings.explorer import Choose
from lab.interleavings.sessions import ScheduledSession

SLOTS = 6
DEADLOCK = "-"
"""The step that resolves a deadlock; it is not chosen."""

INTERRUPTIONS = {"!": FaultKind.KILLED, "~": FaultKind.CUT, "?": FaultKind.GIVEN_UP}
"""Kind of interruption by the suffix of its step."""

_STEP_TIMEOUT_SECONDS = 120  # for one step on a busy machine
_MIN_POLL_SECONDS, _MAX_POLL_SECONDS = 0.0002, 0.003  # pause between two queries; it grows

# A prepared statement that avoids pg_stat_activity: planning that view takes longer than most steps.
_PREPARE = """
set plan_cache_mode = force_generic_plan;
prepare waiting (int[]) as
    select pid, pg_blocking_pids(pid), exists (select from pg_stat_get_activity(pid)) from unnest($1) as given (pid);
"""


class NoProgressError(Exception):
    """No session reached the end of its step in time."""


class Scheduler:
    """Scheduler of the sessions on one database."""

    def __init__(self, admin: psycopg2.extensions.connection) -> None:
        """Close the gates of all slots.

        Args:
            admin: connection of a superuser, in autocommit mode, to a database with gates.sql.
        """
        self._cursor = admin.cursor()
        self._pid = admin.info.backend_pid
        self._cursor.execute(_PREPARE)
        self._gates = dict.fromkeys(range(1, SLOTS + 1), 1)  # number of the next gate, by slot
        for slot in self._gates:
            self._cursor.execute(f"create sequence gates.gate_{slot}")
            self._cursor.execute(f"grant usage on sequence gates.gate_{slot} to public")
            self._cursor.execute("select pg_advisory_lock(%s, 1)", (slot,))
        self.changed = threading.Condition()
        self.sessions: list[ScheduledSession] = []
        self._at_gate: set[ScheduledSession] = set()  # wait at a gate in the database
        self._blocked: set[ScheduledSession] = set()  # wait for a lock of another session
        self._ended: set[ScheduledSession] = set()  # have ended, and so have their server processes

    def run(
        self,
        sessions: Sequence[ScheduledSession],
        choose: Choose,
        create_follow_ups: Callable[[Sequence[ScheduledSession]], Sequence[ScheduledSession]],
        interruptions: frozenset[str] = frozenset(),
        max_interruptions: int = 1,
    ) -> list[tuple[str, str]]:
        """Run sessions to their ends, in the order that `choose` determines.

        Args:
            sessions: sessions that run from the start.
            choose: returns one of the possible steps. The step `A` resumes session A, `A!` kills its process, `A~` cuts
                its connection, and `A?` cancels its wait for a lock.
            create_follow_ups: returns the sessions that start after the given sessions have ended.
            interruptions: steps with a suffix that may be chosen, at most one for each session.
            max_interruptions: maximum number of interruptions in a run.

        Returns:
            The steps, each with the position of its session before it.

        Raises:
            NoProgressError: a step does not end in time. Exceptions of sessions and of `choose` are raised, too.
        """
        self.sessions.clear()
        self._at_gate.clear()
        self._blocked.clear()
        self._ended.clear()
        steps: list[tuple[str, str]] = []
        try:
            self._run(steps, sessions, choose, create_follow_ups, interruptions, max_interruptions)
        except BaseException:
            self._abandon()
            raise
        return steps

    def _run(
        self,
        steps: list[tuple[str, str]],
        sessions: Sequence[ScheduledSession],
        choose: Choose,
        create_follow_ups: Callable[[Sequence[ScheduledSession]], Sequence[ScheduledSession]],
        interruptions: frozenset[str],
        max_interruptions: int,
    ) -> None:
        for session in sessions:
            self._start(session)
        while True:
            self._start_follow_ups(create_follow_ups)
            options = self._options(interruptions if max_interruptions else frozenset())
            if not options:
                if len(self._ended) == len(self.sessions):
                    return
                self._end_deadlock(steps)
                continue
            step = choose(options)
            session = next(session for session in self.sessions if session.name == step.rstrip("".join(INTERRUPTIONS)))
            steps.append((step, self._describe_position(session)))
            if step != session.name:
                session.is_interrupted = True
                max_interruptions -= 1
            self._take_step(session, step[len(session.name) :])
            self._settle()

    def _start_follow_ups(
        self, create_follow_ups: Callable[[Sequence[ScheduledSession]], Sequence[ScheduledSession]]
    ) -> None:
        ended = [session for session in self.sessions if session.has_ended and not session.has_follow_ups]
        for session in ended:
            if session.error:
                raise session.error
            session.has_follow_ups = True
        for session in create_follow_ups(ended):
            self._start(session)

    def _abandon(self) -> None:
        """End the threads of all sessions."""
        for session in self.sessions:
            session.is_killed = True
            if session.stopped_before:
                session.resume()
            elif not session.has_ended and session.connection:
                session.disconnect()

    def _start(self, session: ScheduledSession) -> None:
        self.sessions.append(session)
        session.start()
        self._settle()

    def _options(self, interruptions: frozenset[str]) -> list[str]:
        options: list[str] = []
        for session in self.sessions:
            suffixes = ""
            if session.stopped_before or session in self._at_gate:
                options.append(session.name)
                # In a serial order, a cut would fall between two transactions, and only cause a new connection.
                suffixes = "!" if session.is_serial else "!~"
            elif session in self._blocked:
                suffixes = "?"
            if not session.is_interrupted:
                options += [
                    f"{session.name}{suffix}" for suffix in suffixes if f"{session.name}{suffix}" in interruptions
                ]
        return options

    def _describe_position(self, session: ScheduledSession) -> str:
        if session.stopped_before:
            return f"before: {session.stopped_before}"
        return "within its statement" if session in self._at_gate else "waits for another session"

    def _take_step(self, session: ScheduledSession, suffix: str) -> None:
        is_gated = session in self._at_gate
        pid = session.pid  # it changes when the session reconnects
        match INTERRUPTIONS.get(suffix):
            case None:
                if is_gated:
                    self._open_gate(session)
                else:
                    session.resume()
            case FaultKind.KILLED:
                session.is_killed = True
                if is_gated:
                    session.disconnect()
                else:
                    session.resume()
                with self.changed:
                    if not self.changed.wait_for(lambda: session.has_ended, _STEP_TIMEOUT_SECONDS):
                        raise NoProgressError(
                            f"{session.name} was killed and did not end for {_STEP_TIMEOUT_SECONDS} s"
                        )
                if not is_gated:
                    self.wait_until(lambda: not self._is_alive(pid))
            case FaultKind.CUT:
                # The timeout parameter of pg_terminate_backend would also wait, but polls only every 100 ms.
                self._cursor.execute("select pg_terminate_backend(%s)", (pid,))
                self.wait_until(lambda: not self._is_alive(pid))
                if is_gated:
                    self._open_gate(session)
            case FaultKind.GIVEN_UP:
                self._cancel(session)

    def _open_gate(self, session: ScheduledSession) -> None:
        """Open the gate at which a session waits, after closing the next one."""
        gate = self._gates[session.slot]
        self._cursor.execute(
            "select pg_advisory_lock(%s, %s), pg_advisory_unlock(%s, %s)",
            (session.slot, gate + 1, session.slot, gate),
        )
        self._gates[session.slot] = gate + 1
        self._at_gate.discard(session)

    def _settle(self) -> None:
        """Wait until every session is at a stop or gate, waits for another session, or has ended.

        Raises:
            NoProgressError: a session does none of these in time.
        """
        end = time.monotonic() + _STEP_TIMEOUT_SECONDS
        self._blocked.clear()
        pause = _MIN_POLL_SECONDS
        while True:
            with self.changed:
                moving = self._moving()
                if moving and not any(session.has_ended for session in moving):
                    self.changed.wait(pause)
                    pause = min(2 * pause, _MAX_POLL_SECONDS)
                    moving = self._moving()
            if not moving:
                return
            ended = {session for session in moving if session.has_ended}
            pids = {session: session.pid for session in moving}  # they change when sessions reconnect
            states = self.read_states(list(pids.values()))
            self._ended |= {session for session in ended if not (session.is_killed and states[pids[session]][1])}
            # Only sessions count as blockers. An autovacuum, or a process that has just ended, releases its lock soon.
            session_pids = {session.pid for session in self.sessions if session not in self._ended}
            blocked: set[ScheduledSession] = set()
            for session, pid in pids.items():
                blockers, _ = states[pid]
                if session in self._ended:
                    continue
                if self._pid in blockers:
                    self._at_gate.add(session)
                elif session_pids.intersection(blockers):
                    blocked.add(session)
            # All states come from one query: between two queries, one session could release another.
            if all(session in self._ended | self._at_gate | blocked for session in moving):
                self._blocked = blocked
                return
            if time.monotonic() > end:
                raise NoProgressError(
                    f"{', '.join(session.name for session in moving)} did not stop for {_STEP_TIMEOUT_SECONDS} s"
                )

    def _moving(self) -> list[ScheduledSession]:
        return [
            session
            for session in self.sessions
            if not session.stopped_before and session not in self._at_gate and session not in self._ended
        ]

    def _end_deadlock(self, steps: list[tuple[str, str]]) -> None:
        """Cancel the statement of the last blocked session. PostgreSQL would choose one depending on time."""
        victim = max(self._blocked, key=lambda session: session.slot)
        steps.append((DEADLOCK, f"a deadlock: {victim.name}'s statement is cancelled"))
        self._cancel(victim)
        self._settle()

    def _cancel(self, session: ScheduledSession) -> None:
        pid = session.pid  # it changes when the session reconnects
        self._cursor.execute("select pg_cancel_backend(%s)", (pid,))
        self._blocked.discard(session)
        self.wait_until(lambda: not self.read_states([pid])[pid][0])

    def _is_alive(self, pid: int) -> bool:
        return self.read_states([pid])[pid][1]

    def read_states(self, pids: Sequence[int]) -> dict[int, tuple[list[int], bool]]:
        """Return, for each server process, the processes that block it and whether it exists."""
        self._cursor.execute("execute waiting (%s)", (list(pids),))
        return {pid: (blockers, is_there) for pid, blockers, is_there in self._cursor.fetchall()}

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds.

        Raises:
            NoProgressError: it does not hold in time.
        """
        end = time.monotonic() + _STEP_TIMEOUT_SECONDS
        while not holds():
            if time.monotonic() > end:
                raise NoProgressError(f"a condition did not hold for {_STEP_TIMEOUT_SECONDS} s")
            time.sleep(_MIN_POLL_SECONDS)
