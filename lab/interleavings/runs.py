"""Runs of scenarios, and their comparison with serial orders."""

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
from lab.interleavings.mutants import NONE, StatementMutant
from lab.interleavings.programs import DrainProgram, Program
from lab.interleavings.scenario import Scenario
from lab.interleavings.scheduler import DEADLOCK, Scheduler
from lab.interleavings.sessions import ScheduledSession, intercept_connections
from lab.interleavings.world import RunOutcome, World


class ScenarioRun(NamedTuple):
    """Run of a scenario in one order of steps."""

    steps: list[tuple[str, str]]  # step, and position of its session
    outcome: RunOutcome
    broken_rules: list[str]

    @property
    def order(self) -> str:
        """The steps as an argument of --order."""
        return " ".join(step for step, _ in self.steps if step != DEADLOCK)


class ScenarioRunner:
    """Runner of scenarios on one database."""

    def __init__(self, url: str, folder: Path) -> None:
        """Prepare a database; see `World`."""
        self._world = World(url, folder)
        self._scheduler = Scheduler(self._world.admin)
        self.serial_outcomes = cache(self._serial_outcomes)

    def run(
        self, scenario: Scenario, choose: Choose, mutant: StatementMutant = NONE, *, is_serial: bool = False
    ) -> ScenarioRun:
        """Run a scenario once.

        Args:
            scenario: the scenario.
            choose: returns one of the possible steps.
            mutant: rewrites the statements.
            is_serial: whether a step is a whole transaction, so that the order is a serial one.
        """
        world, programs = self._world, dict[ScheduledSession, Program]()
        world.reset(
            migrates=scenario.migrates, changes_view=scenario.changes_view, setup_statement=scenario.setup_statement
        )

        def create_session(program: Program) -> ScheduledSession:
            slot = len(programs) + 1
            session = ScheduledSession(slot, ascii_uppercase[slot - 1], self._scheduler.changed)
            session.is_serial, session.mutant = is_serial, mutant
            session.work = lambda: program.run(world, session)
            programs[session] = program
            return session

        def create_follow_ups(ended: Sequence[ScheduledSession]) -> list[ScheduledSession]:
            follow_ups = [program for session in ended for program in programs[session].follow_ups(world, session)]
            follow_ups += [DrainProgram([message]) for message in world.redriven]
            world.redriven = []
            return [create_session(program) for program in follow_ups]

        sessions = [create_session(program) for program in scenario.programs()]
        steps = self._scheduler.run(
            sessions, choose, create_follow_ups, scenario.interruptions, scenario.max_interruptions
        )
        broken_rules = world.find_broken_rules(
            migrates=scenario.migrates, can_be_interrupted=bool(scenario.interruptions)
        )
        broken_rules += [position for step, position in steps if step == DEADLOCK]
        return ScenarioRun(steps, world.outcome(), broken_rules)

    def _serial_outcomes(self, scenario: Scenario, mutant: StatementMutant) -> set[RunOutcome]:
        """Return the outcomes of all serial orders."""
        return {
            run.outcome
            for run in explorer.run_every_order(lambda choose: self.run(scenario, choose, mutant, is_serial=True))
        }

    def close(self) -> None:
        """Close all connections."""
        self._world.close()


def check_serial(run: ScenarioRun, serial_outcomes: set[RunOutcome]) -> ScenarioRun:
    """Return the run, with one more broken rule if no serial order has its outcome."""
    if run.outcome in serial_outcomes:
        return run
    return run._replace(broken_rules=[*run.broken_rules, f"no serial order has this outcome: {run.outcome}"])


@contextmanager
def open_runner(url: str) -> Iterator[ScenarioRunner]:
    """Yield a runner on a migrated database that nothing else uses; the URL has a superuser."""
    folder = Path(tempfile.mkdtemp(prefix="ponto-"))
    try:
        with intercept_connections():
            runner = ScenarioRunner(url, folder)
            try:
                yield runner
            finally:
                runner.close()
    finally:
        shutil.rmtree(folder)
