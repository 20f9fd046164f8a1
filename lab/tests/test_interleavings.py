"""Interleavings of programs in PostgreSQL, and mutants that break a rule."""

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from subprocess import PIPE, STDOUT

import psutil
import pytest

from lab.interleavings import command, mutants
from lab.interleavings.command import InterleavingsCollaborators, explore_orders
from lab.interleavings.runs import ScenarioRun, ScenarioRunner, open_runner
from lab.interleavings.scenarios import MUTANTS, SCENARIOS
from tests.clock import TickingClock
from tests.waiting import background_process
from tools.kit.clock import CLOCK, Clock
from tools.kit.project import ROOT

STOP_SECONDS = 30  # to stop two servers on a busy machine
SAMPLE = 5  # interleavings of a scenario
COMPLETE = ("same", "other")  # scenarios with all their interleavings; nightly, `make interleavings` runs those of all
# Description and name of each mutant, scenario that detects it, and message of the broken rule.
DOCUMENTED_MUTANTS = re.findall(
    r"^\| (.+) \| `([a-z-]+)` \| `([a-z ]+)` \| ([^|`]+) \|$",
    (ROOT / "lab" / "reliability.md").read_text(encoding="utf-8").partition("\n## Every interleaving\n")[2],
    re.MULTILINE,
)


@pytest.fixture
def runner(migrated_url: str) -> Iterator[ScenarioRunner]:
    """Yield a runner on a separate database."""
    with open_runner(migrated_url) as runner:
        yield runner


def first_broken(runs: Iterator[ScenarioRun]) -> ScenarioRun:
    return next(run for run in runs if run.broken_rules)


def test_every_order_has_the_outcome_of_a_serial_order(runner: ScenarioRunner) -> None:
    for name in SCENARIOS:
        runs = list(explore_orders(runner, name, sample=None if name in COMPLETE else SAMPLE, seed=1))

        assert [(run.order, run.broken_rules) for run in runs if run.broken_rules] == [], name


def test_two_processes_can_be_killed_in_one_order_but_no_third_and_none_twice(runner: ScenarioRunner) -> None:
    offered: list[str] = []

    def choose(options: Sequence[str]) -> str:
        offered.extend(options)
        return next((option for option in options if option.endswith("!")), options[0])

    run = runner.run(SCENARIOS["killed twice"], choose)

    assert run.broken_rules == []
    assert re.fullmatch("A! B!( C)+", run.order)
    assert (offered.count("A!"), offered.count("B!")) == (1, 1)
    assert "C!" not in offered


@pytest.mark.parametrize(
    ("description", "name", "scenario", "message"), DOCUMENTED_MUTANTS, ids=[name for _, name, *_ in DOCUMENTED_MUTANTS]
)
def test_mutant_breaks_its_documented_rule_and_its_order_repeats_it(
    runner: ScenarioRunner, description: str, name: str, scenario: str, message: str
) -> None:
    broken = first_broken(explore_orders(runner, scenario, MUTANTS[name]))

    assert message in " ".join(broken.broken_rules)
    assert description.replace("`", "") == MUTANTS[name].description
    [repeated] = explore_orders(runner, scenario, MUTANTS[name], order=broken.order)
    assert repeated == broken


def test_every_mutant_is_documented() -> None:
    assert {name for _, name, *_ in DOCUMENTED_MUTANTS} == mutants.MUTANTS.keys()


@pytest.fixture
def main(migrated_url: str) -> Callable[..., int]:
    """Return the command's main, which starts no server."""

    def run(*words: str, clock: Clock = CLOCK) -> int:
        return command.main(words, InterleavingsCollaborators(clock, lambda: nullcontext(migrated_url)))

    return run


def test_the_command_runs_all_orders_once_and_counts_them(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--only", "same") == 0

    scenario_line, total = capsys.readouterr().out.splitlines()
    assert scenario_line == "same: 24 interleavings, 2 outcomes"
    assert re.fullmatch(r"24 interleavings of 1 scenarios in \d+ s: each ends like a serial order", total)


def test_the_command_prints_the_steps_of_a_broken_rule_and_how_to_repeat_them(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--only", "same", "--fault", "look-up") == 1

    first, *_, broken, repeat_line = capsys.readouterr().out.splitlines()
    assert first == "A   before: insert into ponto.batida ( id,"
    assert broken.startswith("broken: ")
    assert re.fullmatch(
        r'to repeat it: make interleavings ARGS="--only \'same\' --order \'[ABC ]+\' --fault look-up"', repeat_line
    )


def test_the_command_fails_if_the_time_is_too_short_for_all_orders(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--only", "same", clock=TickingClock(1_801)) == 1

    scenario_line, total = capsys.readouterr().out.splitlines()
    assert scenario_line == "same: 0 interleavings, 0 outcomes; the time was too short for the others"
    assert total.endswith(": each ends like a serial order, but not all were tried; --minutes 60 tries more")


def test_a_scenario_stops_at_the_first_order_after_the_time_is_over(runner: ScenarioRunner) -> None:
    result = command.explore_until_broken(
        runner, "same", command.ExplorationOptions(None, None, 0, None, end=4), TickingClock(1)
    )

    assert (result.interleavings, result.is_complete, result.run) == (5, False, None)


# make forwards SIGTERM to the command. It does not forward SIGINT, which a terminal sends to the whole process group.
@pytest.mark.parametrize(
    ("send", "number"),
    [(os.kill, signal.SIGTERM), (os.killpg, signal.SIGTERM), (os.killpg, signal.SIGINT)],
    ids=["make", "group", "ctrl-c"],
)
def test_make_interleavings_ends_soon_with_all_its_processes(
    send: Callable[[int, int], None], number: signal.Signals
) -> None:
    words = ["make", "-o", "setup-run", "interleavings", "ARGS=--only same --only overlap"]
    # Omits the variables of a make that runs the tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "ARGS"}
    with background_process(
        words, cwd=ROOT, env=environment, start_new_session=True, stdout=PIPE, stderr=STDOUT, text=True
    ) as process:
        assert process.stdout
        # One scenario has ended, so that only one process is left.
        next(line for line in process.stdout if line.startswith("same: 24 "))
        descendants = psutil.Process(process.pid).children(recursive=True)
        try:
            send(process.pid, number)
            output = process.communicate(timeout=STOP_SECONDS)[0]

            assert psutil.wait_procs(descendants, timeout=STOP_SECONDS)[1] == []
            assert f"Error {128 + number}" in output
            assert "Traceback" not in output
        finally:
            for descendant in descendants:
                with suppress(psutil.NoSuchProcess):
                    descendant.kill()
