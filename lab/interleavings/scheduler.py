"""Lets one session go on at a time, by one step, and sees where each stands: at a boundary, blocked, at its end."""

import threading
import time
from collections.abc import Callable, Sequence

import psycopg2.extensions

from lab.faults import FaultKind
from lab.interleavings.explorer import Choose
from lab.interleavings.sessions import Session

SLOTS = 6
DEADLOCK = "-"
"""The step that nobody chose."""

HARMS = {"!": FaultKind.KILLED, "~": FaultKind.CUT, "?": FaultKind.GIVEN_UP}
"""What happens to a session, by how its step ends."""

_PATIENCE = 120  # s, for one step on a busy machine
_SOON, _LATEST = 0.0002, 0.003  # s, between two looks: the later the longer

# Prepared, and of the function below pg_stat_activity: to plan that view takes longer than most steps.
_LOOKS = """
set plan_cache_mode = force_generic_plan;
prepare waiting (int[]) as
    select pid, pg_blocking_pids(pid), exists (select from pg_stat_get_activity(pid)) from unnest($1) as given (pid);
"""


class StuckError(Exception):
    """Nobody can go on."""


class Scheduler:
    """Of the sessions on one database."""

    def __init__(self, admin: psycopg2.extensions.connection) -> None:
        """Holds the gates of all slots.

        Args:
            admin: of a superuser, in autocommit, on a database with gates.sql.
        """
        self._cursor = admin.cursor()
        self._pid = admin.info.backend_pid
        self._cursor.execute(_LOOKS)
        self._gates = dict.fromkeys(range(1, SLOTS + 1), 1)  # the number of the next gate
        for slot in self._gates:
            self._cursor.execute(f"create sequence gates.gate_{slot}")
            self._cursor.execute(f"grant usage on sequence gates.gate_{slot} to public")
            self._cursor.execute("select pg_advisory_lock(%s, 1)", (slot,))
        self.changed = threading.Condition()
        self.sessions: list[Session] = []
        self._gated: set[Session] = set()  # at a gate in the database
        self._blocked: set[Session] = set()  # by another session
        self._gone: set[Session] = set()  # ended, and the server has nothing left of it

    def run(
        self,
        sessions: Sequence[Session],
        choose: Choose,
        follow: Callable[[Sequence[Session]], Sequence[Session]],
        harms: frozenset[str] = frozenset(),
        harm_limit: int = 1,
    ) -> list[tuple[str, str]]:
        """Run sessions to their ends, each step as chosen.

        Args:
            sessions: those that are there from the beginning.
            choose: takes the possible steps. A name lets that session go on; `A!` kills its process, `A~` cuts its
                connection, `A?` lets it wait no longer.
            follow: gives the sessions that come now, when some have just ended.
            harms: these steps may be chosen, of each session one.
            harm_limit: how many of them may be chosen in a run.

        Returns:
            The steps: which was chosen, and where its session stood.

        Raises:
            StuckError: all wait for each other for too long. What a session or `choose` raised is raised, too.
        """
        self.sessions.clear()
        self._gated.clear()
        self._blocked.clear()
        self._gone.clear()
        steps: list[tuple[str, str]] = []
        try:
            self._run(steps, sessions, choose, follow, harms, harm_limit)
        except BaseException:
            self._abandon()
            raise
        return steps

    def _run(
        self,
        steps: list[tuple[str, str]],
        sessions: Sequence[Session],
        choose: Choose,
        follow: Callable[[Sequence[Session]], Sequence[Session]],
        harms: frozenset[str],
        harm_limit: int,
    ) -> None:
        for session in sessions:
            self._begin(session)
        while True:
            self._follow(follow)
            options = self._options(harms if harm_limit else frozenset())
            if not options:
                if len(self._gone) == len(self.sessions):
                    return
                self._end_deadlock(steps)
                continue
            step = choose(options)
            session = next(each for each in self.sessions if each.name == step.rstrip("".join(HARMS)))
            steps.append((step, self._where(session)))
            if step != session.name:
                session.is_harmed = True
                harm_limit -= 1
            self._do(session, step[len(session.name) :])
            self._settle()

    def _follow(self, follow: Callable[[Sequence[Session]], Sequence[Session]]) -> None:
        ended = [each for each in self.sessions if each.has_ended and not each.is_followed]
        for session in ended:
            if session.error:
                raise session.error
            session.is_followed = True
        for session in follow(ended):
            self._begin(session)

    def _abandon(self) -> None:
        """Let all threads end."""
        for session in self.sessions:
            session.is_killed = True
            if session.at:
                session.go_on()
            elif not session.has_ended and session.connection:
                session.hang_up()

    def _begin(self, session: Session) -> None:
        self.sessions.append(session)
        session.start()
        self._settle()

    def _options(self, harms: frozenset[str]) -> list[str]:
        found: list[str] = []
        for session in self.sessions:
            possible = ""
            if session.at or session in self._gated:
                found.append(session.name)
                # Between transactions, a cut connection is one that is made anew.
                possible = "!" if session.is_whole else "!~"
            elif session in self._blocked:
                possible = "?"
            if not session.is_harmed:
                found += [f"{session.name}{how}" for how in possible if f"{session.name}{how}" in harms]
        return found

    def _where(self, session: Session) -> str:
        if session.at:
            return f"before: {session.at}"
        return "within its statement" if session in self._gated else "waits for another session"

    def _do(self, session: Session, how: str) -> None:
        is_gated = session in self._gated
        pid = session.pid  # it may soon connect anew
        match HARMS.get(how):
            case None:
                if is_gated:
                    self._open(session)
                else:
                    session.go_on()
            case FaultKind.KILLED:
                session.is_killed = True
                if is_gated:
                    session.hang_up()
                else:
                    session.go_on()
                with self.changed:
                    if not self.changed.wait_for(lambda: session.has_ended, _PATIENCE):
                        raise StuckError(f"{session.name} was killed and did not end for {_PATIENCE} s")
                if not is_gated:
                    self.wait_until(lambda: not self._is_there(pid))
            case FaultKind.CUT:
                # It could wait by itself, and would look every 100 ms.
                self._cursor.execute("select pg_terminate_backend(%s)", (pid,))
                self.wait_until(lambda: not self._is_there(pid))
                if is_gated:
                    self._open(session)
            case FaultKind.GIVEN_UP:
                self._cancel(session)

    def _open(self, session: Session) -> None:
        """Let a session pass the gate that it waits at. The next one is closed before."""
        gate = self._gates[session.slot]
        self._cursor.execute(
            "select pg_advisory_lock(%s, %s), pg_advisory_unlock(%s, %s)",
            (session.slot, gate + 1, session.slot, gate),
        )
        self._gates[session.slot] = gate + 1
        self._gated.discard(session)

    def _settle(self) -> None:
        """Wait until every session stands at a boundary, waits for another, or is gone.

        Raises:
            StuckError: one does not.
        """
        end = time.monotonic() + _PATIENCE
        self._blocked.clear()
        pause = _SOON
        while True:
            with self.changed:
                moving = self._moving()
                if moving and not any(each.has_ended for each in moving):
                    self.changed.wait(pause)
                    pause = min(2 * pause, _LATEST)
                    moving = self._moving()
            if not moving:
                return
            ended = {session for session in moving if session.has_ended}
            pids = {session: session.pid for session in moving}  # it may be connecting anew
            seen = self.look(list(pids.values()))
            self._gone |= {each for each in ended if not (each.is_killed and seen[pids[each]][1])}
            # Only sessions that are still there block: an autovacuum releases its lock soon, and so has a process that
            # ended after PostgreSQL named it as a blocker.
            ours = {session.pid for session in self.sessions if session not in self._gone}
            blocked: set[Session] = set()
            for session, pid in pids.items():
                blockers, _ = seen[pid]
                if session in self._gone:
                    continue
                if self._pid in blockers:
                    self._gated.add(session)
                elif ours.intersection(blockers):
                    blocked.add(session)
            # All at the time of the query, or one that went on meanwhile may have let another go on.
            if all(session in self._gone | self._gated | blocked for session in moving):
                self._blocked = blocked
                return
            if time.monotonic() > end:
                raise StuckError(f"{', '.join(session.name for session in moving)} went on for {_PATIENCE} s")

    def _moving(self) -> list[Session]:
        return [
            session
            for session in self.sessions
            if not session.at and session not in self._gated and session not in self._gone
        ]

    def _end_deadlock(self, steps: list[tuple[str, str]]) -> None:
        """Cancel the last one's statement. PostgreSQL would cancel one too, but which depends on its clock."""
        victim = max(self._blocked, key=lambda session: session.slot)
        steps.append((DEADLOCK, f"a deadlock: {victim.name}'s statement is cancelled"))
        self._cancel(victim)
        self._settle()

    def _cancel(self, session: Session) -> None:
        pid = session.pid  # as above
        self._cursor.execute("select pg_cancel_backend(%s)", (pid,))
        self._blocked.discard(session)
        self.wait_until(lambda: not self.look([pid])[pid][0])

    def _is_there(self, pid: int) -> bool:
        return self.look([pid])[pid][1]

    def look(self, pids: Sequence[int]) -> dict[int, tuple[list[int], bool]]:
        """See by whom each server process is blocked, and whether it is there."""
        self._cursor.execute("execute waiting (%s)", (list(pids),))
        return {pid: (blockers, is_there) for pid, blockers, is_there in self._cursor.fetchall()}

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Look until a condition holds.

        Raises:
            StuckError: it does not.
        """
        end = time.monotonic() + _PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise StuckError(f"in vain for {_PATIENCE} s")
            time.sleep(_SOON)
