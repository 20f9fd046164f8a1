"""`make simulate`: weeks in which every rule holds, and mutants that break one."""

import re
from functools import partial
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from lab.faults import FaultKind
from lab.simulate import schedule, settings
from lab.simulate.__main__ import find_relevant_lines, run
from lab.simulate.checks import BrokenRuleError, Tally
from lab.simulate.clock import DAY, HOUR
from lab.simulate.mutants import MUTANTS
from lab.simulate.plan import Plan, SimulationResult
from lab.simulate.schedule import ScheduledFault
from lab.simulate.settings import SimulationSettings
from lab.simulate.simulation import Simulation
from lab.tests.submissions import submission
from loadtest.ledger import DeadLetteredMessage
from tools.kit.packaging import Template
from tools.kit.project import ROOT

WEEKS = 6  # nightly, `make simulate` runs years
# Name of each mutant, rule that it breaks, and seed and days with which it does.
DOCUMENTED_MUTANTS = re.findall(
    r"^\|[^|]+\| `([a-z-]+)` \| `([a-z ]+)` \| (\d+) \| (\d+) \|$",
    (ROOT / "lab" / "evidence.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.fixture
def stage(prod: Template) -> SimulationSettings:
    return settings.from_template(prod)


class Simulator:
    """Runner of plans, with the trace of the last one."""

    def __init__(self, stage: SimulationSettings, url: str) -> None:
        self._stage, self.url = stage, url
        self.lines: list[str] = []

    def __call__(self, plan: Plan) -> SimulationResult:
        """Run a plan that must break no rule."""
        self.lines.clear()
        outcome = run(plan, self._stage, self.url, self.lines.append)
        assert outcome.broken_rule is None, f"seed {plan.seed}: {outcome.broken_rule}"
        return outcome

    def find_broken_rule(self, plan: Plan, stage: SimulationSettings) -> BrokenRuleError | None:
        """Run a plan with other settings; return the error of the rule that breaks."""
        self.lines.clear()
        return run(plan, stage, self.url, self.lines.append).broken_rule


@pytest.fixture
def simulator(migrated_url: str, stage: SimulationSettings) -> Simulator:
    return Simulator(stage, migrated_url)


def plan_of_seed(seed: int, days: int = 7, employees: int = 20) -> Plan:
    return Plan(seed, days, range(1, employees + 1), schedule.draw_faults(seed, days))


def calm_plan(*faults: ScheduledFault, days: int = 7, employees: int = 5) -> Plan:
    return Plan(1, days, range(1, employees + 1), faults, has_sqs_anomalies=False)


def test_in_six_weeks_every_rule_holds(simulator: Simulator) -> None:
    for seed in range(WEEKS):
        outcome = simulator(plan_of_seed(seed, employees=12))

        assert outcome.accepted == sum(outcome.counts.values())
        assert outcome.counts["stored"] > 100


@pytest.mark.parametrize(
    ("name", "rule", "seed", "days"), DOCUMENTED_MUTANTS, ids=[name for name, *_ in DOCUMENTED_MUTANTS]
)
def test_mutant_breaks_its_documented_rule(
    simulator: Simulator, stage: SimulationSettings, name: str, rule: str, seed: str, days: str
) -> None:
    mutant, plan = MUTANTS[name].apply(stage), plan_of_seed(int(seed), int(days), employees=56)

    broken = simulator.find_broken_rule(plan, mutant)

    assert broken
    assert broken.rule == rule
    assert find_relevant_lines(simulator.lines, broken)[-1].endswith(f"broken: {broken}")


def test_every_mutant_is_documented() -> None:
    assert {name for name, *_ in DOCUMENTED_MUTANTS} == MUTANTS.keys()


def test_a_pause_of_a_week_and_an_outage_of_thirty_hours_lose_nothing(simulator: Simulator) -> None:
    pause = ScheduledFault(DAY, 8 * DAY, FaultKind.PAUSED)
    outcome = simulator(calm_plan(pause, ScheduledFault(pause.end, pause.end + 30 * HOUR, FaultKind.REFUSING), days=14))

    assert outcome.counts["stored"] == outcome.accepted - outcome.counts["duplicates"]


def test_punches_that_a_long_outage_dead_letters_are_redriven_and_stored(simulator: Simulator) -> None:
    outcome = simulator(calm_plan(ScheduledFault(DAY, 3 * DAY, FaultKind.REFUSING), days=9))

    assert any("SQS moves it to the dead-letter queue" in line for line in simulator.lines)
    assert any("an operator sends message" in line for line in simulator.lines)
    assert outcome.counts["stored"] == outcome.accepted - outcome.counts["duplicates"]


@pytest.mark.parametrize("throttled", [[], [ScheduledFault(100, 113, FaultKind.THROTTLED)]])
def test_a_short_throttle_does_not_excuse_a_visibility_that_is_too_short(
    simulator: Simulator, stage: SimulationSettings, throttled: list[ScheduledFault]
) -> None:
    faults = [*throttled, ScheduledFault(100, HOUR, FaultKind.SLOW)]
    submissions = [submission(110, employee) for employee in range(1, 41)]

    broken = simulator.find_broken_rule(
        Plan(1, 1, [], faults, has_sqs_anomalies=False, submissions=submissions),
        stage._replace(visibility_timeout_seconds=40),
    )

    assert broken
    assert broken.rule == "held"


def test_messages_of_a_forgotten_pause_expire_at_the_promised_time(
    simulator: Simulator, stage: SimulationSettings
) -> None:
    forgotten = calm_plan(ScheduledFault(DAY, 15 * DAY, FaultKind.PAUSED), days=16)

    outcome = simulator(forgotten)
    assert outcome.counts["expired"]

    broken = simulator.find_broken_rule(forgotten, stage._replace(retention_seconds=8 * DAY))
    assert broken
    assert broken.rule == "expired"


def test_backlog_drains_at_the_rate_that_concurrency_and_batch_size_allow(migrated_url: str, prod: Template) -> None:
    stage = settings.from_template(prod)._replace(batch_milliseconds=1_000)  # slow enough to let a backlog grow
    punches = 12_000
    batch_seconds = (stage.batch_milliseconds + stage.row_milliseconds * stage.batch_size) / 1000
    expected = punches / (stage.concurrency * stage.batch_size / batch_seconds)
    assert expected > 16
    submissions = [submission(50, punches**2)]  # the database resumes
    submissions += [submission(100 + 8 * number / punches, 1 + number) for number in range(punches)]
    simulation = Simulation(
        Plan(1, 1, [], [], has_sqs_anomalies=False, submissions=submissions),
        stage,
        partial(psycopg2.connect, migrated_url),
    )

    outcome = simulation.run()

    assert outcome.broken_rule is None
    assert outcome.counts["stored"] == 1 + punches
    assert simulation.stored_at - 100 == pytest.approx(expected, rel=0.1)


def test_a_dead_letter_that_is_not_in_its_queue_is_lost() -> None:
    tally = Tally()
    submission: Any = SimpleNamespace(id=None, punch=None)  # malformed: without a punch
    accepted = tally.accept("m1", submission)
    accepted.queued_count, accepted.dead_letter_count = 0, 1

    tally.check_end([], [DeadLetteredMessage("m1", "malformed")], 1.0)

    with pytest.raises(BrokenRuleError, match="m1 is neither a row nor a dead letter"):
        tally.check_end([], [], 1.0)
