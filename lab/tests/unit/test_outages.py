"""States and delays of punches after short and long outages, and after failures of the function's code."""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from functools import partial
from typing import Any

import psycopg2
import pytest

from lab.faults import FaultKind
from lab.simulate import settings
from lab.simulate.clock import DAY, EPOCH_SECONDS, HOUR, ProcessKilledError, format_time
from lab.simulate.employees import Submission
from lab.simulate.plan import Plan, SimulationResult
from lab.simulate.schedule import ScheduledFault
from lab.simulate.simulation import Simulation
from lab.tests.submissions import submission
from loadtest.rows import read_rows
from ponto.drain import drain
from ponto.drain.parser import parse
from ponto.drain.store import Store
from ponto.punch import Punch
from tests.template.compiled import CompileStage

BEGIN = 300  # seconds of the clock; the database has resumed by then
FIRST = 1_000_000  # employee whose punch makes the database resume
POISONER = FIRST + 1  # employee whose message makes the function's code fail
REDELIVERY = "redelivery: "  # start of the warnings that SQS did not accept a visibility timeout


def punches(times: Iterable[float]) -> list[Submission]:
    """Return one punch for each time after `BEGIN`, each of a different employee."""
    return [submission(BEGIN + time, employee_id) for employee_id, time in enumerate(times, 1)]


def fault(begin: float, length: float, kind: FaultKind) -> ScheduledFault:
    return ScheduledFault(BEGIN + begin, BEGIN + begin + length, kind)


class OutageSimulation:
    """Simulation without operators, in which a broken rule fails the test."""

    def __init__(self, url: str, compile_stage: CompileStage) -> None:
        self.simulation: Simulation
        self.lines: list[str] = []
        self._connect = partial(psycopg2.connect, url, options="-c synchronous_commit=off")
        self._compile_stage = compile_stage

    def run(
        self, submissions: list[Submission], *faults: ScheduledFault, days: int = 1, stage: tuple[str, ...] = ("prod",)
    ) -> SimulationResult:
        submissions = [submission(50, FIRST), *submissions]
        plan = Plan(
            1,
            days,
            [],
            [*faults, ScheduledFault(0, days * DAY, FaultKind.AWAY)],
            has_sqs_anomalies=False,
            submissions=submissions,
        )
        deployed = settings.from_template(self._compile_stage(*stage))
        if not deployed.environment["DB_HOST"]:  # the template declares no database
            database = {"DB_HOST": "simulated", "DB_PASSWORD": "simulated"}
            deployed = deployed._replace(environment=deployed.environment | database)
        self.simulation = Simulation(plan, deployed, self._connect, self.lines.append)
        outcome = self.simulation.run()
        assert outcome.broken_rule is None
        return outcome

    def counts_by_state(self, outcome: SimulationResult) -> dict[str, int]:
        """Return the number of messages by state, except the message that makes the database resume."""
        counts = outcome.counts | {"stored": outcome.counts["stored"] - 1}
        return {state: number for state, number in counts.items() if number}

    def seconds_until_stored(self, time: float) -> float:
        """Return the seconds from a time after `BEGIN` until the last punch was stored."""
        return self.simulation.stored_at - BEGIN - time

    def has_redelivery_warning(self) -> bool:
        return any(REDELIVERY in line for line in self.lines if line > format_time(BEGIN))


@pytest.fixture
def simulated(migrated_url: str, compile_stage: CompileStage) -> OutageSimulation:
    return OutageSimulation(migrated_url, compile_stage)


def fail_all_inserts(patch: pytest.MonkeyPatch, begin: float, length: float) -> ScheduledFault:
    """Make the code fail on every message for a period, as a bad release does."""
    release, insert = fault(begin, length, FaultKind.FUNCTION_CODE), Store._insert

    def fail(*arguments: Any) -> Any:
        if release.begin <= vars(drain)["time"].time() - EPOCH_SECONDS < release.end:
            raise ZeroDivisionError
        return insert(*arguments)

    patch.setattr(Store, "_insert", fail)
    return release


def fail_on_message(
    patch: pytest.MonkeyPatch, poison: Submission, fail: Callable[[], None], days: int
) -> list[ScheduledFault]:
    """Make the code call `fail` for one message. The simulator does not expect that message to be stored."""

    def parse_or_fail(body: str, zone: tzinfo) -> Punch:
        if body == poison.body:
            fail()
        return parse(body, zone)

    patch.setattr(drain, "create_drain", partial(drain.create_drain, parse=parse_or_fail))
    return [ScheduledFault(0, days * DAY, FaultKind.FUNCTION_CODE)]


def raise_error() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("kind", [FaultKind.REFUSING, FaultKind.LOCKED])
def test_outage_of_five_seconds_at_500_punches_a_second_delays_at_most_thirty_seconds(
    simulated: OutageSimulation, kind: FaultKind
) -> None:
    outcome = simulated.run(punches(number / 500 for number in range(20 * 500)), fault(5, 5, kind))

    assert simulated.counts_by_state(outcome) == {"stored": 10_000}
    assert simulated.seconds_until_stored(10) < 30
    assert not simulated.has_redelivery_warning()


@pytest.mark.parametrize("minutes", [1, 5, 30])
def test_failed_messages_are_redelivered_within_the_duration_of_the_outage(
    simulated: OutageSimulation, minutes: int
) -> None:
    outcome = simulated.run(
        punches(number * 0.5 for number in range(minutes * 120)), fault(0, minutes * 60, FaultKind.REFUSING)
    )

    assert simulated.counts_by_state(outcome) == {"stored": minutes * 120}
    max_delay = simulated.simulation.settings.visibility_timeout_seconds
    assert simulated.seconds_until_stored(minutes * 60) <= min(minutes * 60, max_delay) + 10
    assert not simulated.has_redelivery_warning()


@pytest.mark.parametrize("kind", [FaultKind.REFUSING, FaultKind.LOCKED, FaultKind.FROZEN])
@pytest.mark.parametrize(("hours", "end"), [(30, "stored"), (90 * 24, "dead-lettered")])
def test_outage_of_thirty_hours_dead_letters_nothing_and_of_ninety_days_everything(
    simulated: OutageSimulation, kind: FaultKind, hours: int, end: str
) -> None:
    outcome = simulated.run(punches(range(25)), fault(0, hours * HOUR, kind), days=4)

    assert simulated.counts_by_state(outcome) == {end: 25}
    assert not simulated.has_redelivery_warning()


def test_long_pause_and_outage_lose_nothing_of_a_backlog_beyond_one_round_of_batches(
    simulated: OutageSimulation,
) -> None:
    paused = 6.5 * DAY
    faults = [fault(0, paused, FaultKind.PAUSED), fault(paused, 8 * HOUR, FaultKind.REFUSING)]

    outcome = simulated.run(punches(number * paused / 600 for number in range(600)), *faults, days=9)

    workers = simulated.simulation.settings
    assert workers.concurrency * workers.batch_size < 600
    assert simulated.counts_by_state(outcome) == {"stored": 600}


def test_a_release_that_fails_on_everything_for_hours_dead_letters_nothing(
    simulated: OutageSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = fail_all_inserts(monkeypatch, HOUR, 3 * HOUR)

    outcome = simulated.run(punches(number * 30 for number in range(600)), release)

    assert simulated.counts_by_state(outcome) == {"stored": 600}


@pytest.mark.parametrize("stage", [("prod",), ("local",), ("dev", "drainTimeout=30")])
def test_function_ends_in_time_while_sqs_does_not_answer(simulated: OutageSimulation, stage: tuple[str, ...]) -> None:
    faults = [fault(0, 60, FaultKind.REFUSING), fault(0, 60, FaultKind.SQS_SILENT)]

    # The rule `ended` checks that no invocation times out.
    outcome = simulated.run(punches(number / 10 for number in range(300)), *faults, stage=stage)

    assert simulated.counts_by_state(outcome) == {"stored": 300}
    assert simulated.has_redelivery_warning()


@pytest.mark.parametrize("night", [2, 8, 14])
def test_failing_message_at_night_is_dead_lettered_in_the_morning(
    simulated: OutageSimulation, monkeypatch: pytest.MonkeyPatch, night: int
) -> None:
    poison = submission(BEGIN, POISONER)._replace(punch=None)
    faults = fail_on_message(monkeypatch, poison, raise_error, days=1)

    outcome = simulated.run([poison, *punches(night * HOUR + number * 60 for number in range(60))], *faults)

    assert simulated.counts_by_state(outcome) == {"stored": 60, "dead-lettered": 1}
    (line,) = (line for line in simulated.lines if "message 2 becomes a dead letter" in line)
    assert format_time(night * HOUR) < line < format_time((night + 1) * HOUR)


@pytest.mark.parametrize("hours", [1, 8, pytest.param(20, marks=pytest.mark.nightly)])
def test_message_that_kills_the_process_during_an_outage_loses_no_punch(
    simulated: OutageSimulation, monkeypatch: pytest.MonkeyPatch, migrated_url: str, hours: int
) -> None:
    killer = submission(BEGIN + 1_000.5, POISONER)._replace(punch=None)

    def kill() -> None:
        simulated.simulation._function.was_interrupted = True
        raise ProcessKilledError("killed")

    faults = fail_on_message(monkeypatch, killer, kill, days=3)

    simulated.run(
        [*punches(number * 10 for number in range(1_000)), killer],
        fault(900, hours * HOUR, FaultKind.REFUSING),
        *faults,
        days=3,
    )

    receives = simulated.simulation.settings.max_receive_count
    assert any(f"message 103 was received {receives} times: SQS moves it" in line for line in simulated.lines)
    with psycopg2.connect(migrated_url) as connection:
        stored = {row.punch.employee_id for row in read_rows(connection)} - {FIRST, POISONER}
    assert stored == set(range(1, 1_001))
