"""Runs of a scenario, and whether each leaves what some serial order leaves."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import NamedTuple

from lab.interleavings import explorer
from lab.interleavings.explorer import Choose
from lab.interleavings.planted import NONE, Planted
from lab.interleavings.programs import Draining, Program
from lab.interleavings.scenario import Scenario
from lab.interleavings.scheduler import DEADLOCK, Scheduler
from lab.interleavings.sessions import Session, stopping
from lab.interleavings.world import Outcome, World


class Run(NamedTuple):
    """What came of one order of steps."""

    steps: list[tuple[str, str]]  # which, and where its session stood
    outcome: Outcome
    broken: list[str]  # rules

    @property
    def order(self) -> str:
        """The steps, to be run again."""
        return " ".join(step for step, _ in self.steps if step != DEADLOCK)


class Stage:
    """A database on which scenarios run."""

    def __init__(self, url: str, folder: Path) -> None:
        """Takes a database; see `World`."""
        self._world = World(url, folder)
        self._scheduler = Scheduler(self._world.admin)
        self.serial = cache(self._serial)

    def run(self, scenario: Scenario, choose: Choose, fault: Planted = NONE, *, whole: bool = False) -> Run:
        """Run a scenario once.

        Args:
            scenario: whose programs run.
            choose: takes one of the possible steps.
            fault: of ours, that is planted.
            whole: each transaction is one step: the serial orders.
        """
        world, programs = self._world, dict[Session, Program]()
        world.begin(migrates=scenario.migrates, view=scenario.view, before=scenario.before)

        def session_of(program: Program) -> Session:
            slot = len(programs) + 1
            session = Session(slot, ascii_uppercase[slot - 1], self._scheduler.changed)
            session.is_whole, session.fault = whole, fault
            session.work = lambda: program.run(world, session)
            programs[session] = program
            return session

        def follow(ended: Sequence[Session]) -> list[Session]:
            found = [after for session in ended for after in programs[session].after(world, session)]
            found += [Draining([message]) for message in world.sent]
            world.sent = []
            return [session_of(program) for program in found]

        sessions = [session_of(program) for program in scenario.programs()]
        steps = self._scheduler.run(sessions, choose, follow, scenario.harms, scenario.harm_limit)
        broken = world.broken(migrates=scenario.migrates, deaths=bool(scenario.harms))
        broken += [where for step, where in steps if step == DEADLOCK]
        return Run(steps, world.outcome(), broken)

    def _serial(self, scenario: Scenario, fault: Planted) -> set[Outcome]:
        """Return the outcomes of all orders of whole transactions."""
        return {run.outcome for run in explorer.every(lambda choose: self.run(scenario, choose, fault, whole=True))}

    def close(self) -> None:
        """Close all connections."""
        self._world.close()


def judged(run: Run, serial: set[Outcome]) -> Run:
    """Add that an outcome is of no serial order, if it is."""
    if run.outcome in serial:
        return run
    return run._replace(broken=[*run.broken, f"no serial order ends so: {run.outcome}"])


@contextmanager
def stage(url: str) -> Iterator[Stage]:
    """Yield a stage on a migrated database that nobody else uses; the URL is its superuser's."""
    folder = Path(tempfile.mkdtemp(prefix="ponto-"))
    try:
        with stopping():
            made = Stage(url, folder)
            try:
                yield made
            finally:
                made.close()
    finally:
        shutil.rmtree(folder)
