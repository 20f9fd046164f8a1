"""Waiting time of good punches beside messages that crash the process, on a simulated clock."""

import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.crashes import __main__ as command
from lab.crashes import simulation
from lab.crashes.__main__ import BATCH_SIZES, CRASHING_COUNTS, CrashCases, try_largest_part_first
from lab.crashes.simulation import CrashCase, run
from lab.simulate.clock import HOUR
from lab.simulate.settings import from_template
from ponto.crash_suspects import spread_delay_seconds
from tests.events import message, punch
from tests.template.compiled import CompileStage

MAX_WAIT_SECONDS = 4 * HOUR  # docs/architecture.md promises it


def test_simulation_has_the_settings_of_the_template(compile_stage: CompileStage) -> None:
    deployed = from_template(compile_stage("prod"))

    assert (deployed.visibility_timeout_seconds, deployed.max_receive_count) == (
        simulation.VISIBILITY_SECONDS,
        simulation.MAX_RECEIVES,
    )
    assert (deployed.timeout_seconds, deployed.concurrency) == (simulation.TIMEOUT_SECONDS, simulation.CONCURRENCY)


def test_receives_of_suspects_last_as_long_as_those_of_an_outage(compile_stage: CompileStage) -> None:
    deployed = from_template(compile_stage("prod"))
    retry_delays = [int(delay) for delay in deployed.environment["RETRY_DELAYS"].split(",")]
    outage_delays = retry_delays + [deployed.visibility_timeout_seconds] * (
        deployed.max_receive_count - len(retry_delays)
    )

    suspect_delays = [deployed.visibility_timeout_seconds] * 3
    suspect_delays += [
        spread_delay_seconds(message(punch(), receive_count=receives), deployed.visibility_timeout_seconds)
        for receives in range(4, deployed.max_receive_count)
    ]

    assert sum(suspect_delays[:7]) > sum(outage_delays[:7])
    assert all(seconds >= deployed.visibility_timeout_seconds for seconds in suspect_delays[6:])


@pytest.mark.parametrize("batch", BATCH_SIZES)
@pytest.mark.parametrize("crashing", CRASHING_COUNTS)
def test_good_punches_are_stored_within_hours_beside_crashing_messages(crashing: int, batch: int) -> None:
    result = run(CrashCase(crashing, batch, seed=1))

    assert result.seconds_until_stored < MAX_WAIT_SECONDS
    assert (result.dead_letters_without_row, result.dead_letters_with_row) == (0, 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    crashing=st.integers(1, 60),
    more_good=st.integers(0, 180),
    batch=st.integers(1, 1_000),
    arrival_seconds=st.sampled_from([0, 1, 60, HOUR]),
    seed=st.integers(0, 2**32),
)
def test_good_punches_are_stored_in_time_for_any_batch_size_and_share_of_crashes(
    crashing: int, more_good: int, batch: int, arrival_seconds: int, seed: int
) -> None:
    result = run(CrashCase(crashing, batch, seed, 2 * crashing + more_good, arrival_seconds))

    assert result.seconds_until_stored < arrival_seconds + MAX_WAIT_SECONDS
    assert (result.dead_letters_without_row, result.dead_letters_with_row) == (0, 0)


def test_trying_the_largest_part_first_starves_good_punches() -> None:
    with try_largest_part_first():
        result = run(CrashCase(20, 100, seed=1, punches=100))

    assert result.seconds_until_stored == math.inf
    assert result.dead_letters_without_row > 0


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--seeds", "1"], CrashCases((1, 60), (10,), [("at once", 0)])) == 0

    heading, row, total = capsys.readouterr().out.splitlines()
    assert heading.split() == ["arrive", "batch", "1", "60"]
    assert re.fullmatch(r"at once +10 +\d+ \d+ +\d+ \d+", row)
    assert total.startswith("2 runs in ")
