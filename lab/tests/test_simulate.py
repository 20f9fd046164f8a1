"""`make simulate`: weeks in which every rule holds, and planted faults that are found, each with its story."""

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import boto3
import psutil
import psycopg2
import pytest

import handler
from lab.faults import Kind
from lab.simulate import schedule, settings, story
from lab.simulate.checks import BrokenError
from lab.simulate.clock import DAY, HOUR
from lab.simulate.command import one_processor, run
from lab.simulate.plan import Outcome, Plan
from lab.simulate.planted import PLANTED
from lab.simulate.schedule import Fault
from lab.simulate.settings import Settings
from lab.simulate.simulation import Simulation
from lab.tests.sendings import sending
from ponto import connection, iam_login
from tools.kit.packaging import Template
from tools.kit.project import ROOT

WEEKS = 6  # of each night are years: make simulate
FOUND = {  # by which seed each planted fault is found, and in how many days
    "visibility": (0, 7, "held"),
    "receives": (0, 7, "dead letter"),
    "retention": (5, 28, "expired"),
    "commit": (0, 7, "lost"),
    "success": (0, 7, "lost"),
    "look-up": (0, 7, "waits"),
    "backoff": (13, 7, "waits"),
}


@pytest.fixture
def stage(prod: Template) -> Settings:
    return settings.of_template(prod)


class Live:
    """Runs plans, and has the story of the last."""

    def __init__(self, stage: Settings, url: str) -> None:
        self._stage, self.url = stage, url
        self.lines: list[str] = []

    def __call__(self, plan: Plan) -> Outcome:
        """Run a plan in which no rule breaks."""
        self.lines.clear()
        outcome = run(plan, self._stage, self.url, self.lines.append)
        assert outcome.broken is None, f"seed {plan.seed}: {outcome.broken}"
        return outcome

    def broken(self, plan: Plan, stage: Settings) -> BrokenError | None:
        """Run a plan with other settings; return the rule that breaks."""
        self.lines.clear()
        return run(plan, stage, self.url, self.lines.append).broken


@pytest.fixture
def live(migrated_url: str, stage: Settings) -> Live:
    return Live(stage, migrated_url)


def of_seed(seed: int, days: int = 7, employees: int = 20) -> Plan:
    return Plan(seed, days, range(1, employees + 1), schedule.draw(seed, days))


def calm(*faults: Fault, days: int = 7, employees: int = 5) -> Plan:
    return Plan(1, days, range(1, employees + 1), faults, odd=False)


def test_in_six_weeks_every_rule_holds(live: Live) -> None:
    for seed in range(WEEKS):
        outcome = live(of_seed(seed, employees=12))

        assert outcome.accepted == sum(outcome.counts.values())
        assert outcome.counts["stored"] > 100


@pytest.mark.parametrize("name", FOUND)
def test_a_planted_fault_is_found_and_its_story_is_short(live: Live, stage: Settings, name: str) -> None:
    seed, days, rule = FOUND[name]
    planted, plan = PLANTED[name].plant(stage), of_seed(seed, days, employees=56)

    broken = live.broken(plan, planted)

    assert broken
    assert broken.rule == rule
    short = story.shorten(plan, broken, lambda candidate: live.broken(candidate, planted))
    again = live.broken(short, planted)
    assert again
    assert again.rule == rule
    printed = list(story.condensed(live.lines))
    assert printed[-1].endswith(f"broken: {again}")
    assert len(printed) < 40


def test_every_planted_fault_is_found_and_documented() -> None:
    assert FOUND.keys() == PLANTED.keys()
    table = (ROOT / "lab" / "reliability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|]+\| `([a-z-]+)` \| `([a-z ]+)` \| (\d+) \| (\d+) \|$", table, re.MULTILINE)
    assert {name: (int(seed), int(days), rule) for name, rule, seed, days in rows} == FOUND


def test_a_week_without_faults_stores_all_and_needs_no_operator(live: Live) -> None:
    outcome = live(calm())
    assert outcome.counts["waiting"] == outcome.counts["dead-lettered"] == 0


def test_a_stage_that_signs_in_by_a_secret_stores_all(live: Live, stage: Settings) -> None:
    by_secret = {
        **stage.environment,
        "DB_LOGIN": "secret",
        "DB_SECRET_ARN": "arn:aws:secretsmanager:::secret:simulated",
    }
    outcome = run(calm(days=1), stage._replace(environment=by_secret), live.url)
    assert outcome.broken is None
    assert outcome.counts["waiting"] == outcome.counts["dead-lettered"] == 0


def test_a_pause_of_a_week_and_an_outage_of_thirty_hours_lose_nothing(live: Live) -> None:
    pause = Fault(DAY, 8 * DAY, Kind.PAUSED)
    outcome = live(calm(pause, Fault(pause.end, pause.end + 30 * HOUR, Kind.REFUSING), days=14))

    assert outcome.counts["stored"] == outcome.accepted - outcome.counts["duplicates"]


def test_an_outage_that_is_too_long_dead_letters_and_operators_send_back(live: Live) -> None:
    outcome = live(calm(Fault(DAY, 3 * DAY, Kind.REFUSING), days=9))

    assert any("SQS moves it to the dead-letter queue" in line for line in live.lines)
    assert any("an operator sends message" in line for line in live.lines)
    assert outcome.counts["stored"] == outcome.accepted - outcome.counts["duplicates"]


def test_a_process_that_freezes_after_it_gave_a_message_back_breaks_no_rule(live: Live) -> None:
    faults = [Fault(0, DAY, kind) for kind in (Kind.READ_ONLY, Kind.STALLED)]
    outcome = live(calm(*faults, days=2, employees=20))

    assert outcome.counts["stored"] == outcome.accepted - outcome.counts["duplicates"]


def test_a_punch_whose_answer_was_lost_before_its_last_receive_may_be_a_row_and_a_dead_letter(
    live: Live, migrated_url: str
) -> None:
    """The function cannot know that it is a row. Whoever sends it back finds a duplicate."""
    outage = Fault(100, 100 + 29.7 * HOUR, Kind.REFUSING)
    cuts = Fault(outage.end, outage.end + 2 * HOUR, Kind.CUT)
    away = Fault(0, 3 * DAY, Kind.AWAY)
    sendings = [sending(110 + 20 * number, 1 + number) for number in range(60)]

    outcome = live(Plan(1, 3, [], [outage, cuts, away], odd=False, sendings=sendings))

    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from ponto.batida")
        [(rows,)] = cursor.fetchall()
    assert rows > 60 - outcome.counts["dead-lettered"]


def test_what_sqs_hands_out_needlessly_counts_as_received_and_shortens_the_thirty_hours(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.simulate.queue._AGAIN", 0.01)
    sendings = [sending(110 + number, 1 + number) for number in range(5)]
    plan = Plan(1, 3, [], [Fault(100, 100 + 40 * HOUR, Kind.REFUSING)], sendings=sendings)

    live(plan)

    first = next(line for line in live.lines if "SQS moves it to the dead-letter queue" in line)
    assert first < "day 2 06:00"  # 30 hours after midnight


@pytest.mark.parametrize(("lasts", "receives"), [(0.5, 1), (5.1, 6)])
def test_a_throttled_batch_is_tried_again_until_its_messages_are_visible_again(
    live: Live, stage: Settings, lasts: float, receives: int
) -> None:
    throttled = Fault(100, 100 + lasts * stage.visibility, Kind.THROTTLED)

    outcome = live(Plan(1, 1, [], [throttled], odd=False, sendings=[sending(110, 1)]))

    assert (outcome.counts["stored"], outcome.invocations) == (1, 1)
    named = "message 1" if receives == 1 else f"message 1 (receive {receives})"
    assert any(f"batch of 1: {named}: done" in line for line in live.lines)


def test_an_invocation_that_began_late_may_overlap_the_next_of_its_message(live: Live, stage: Settings) -> None:
    throttled = Fault(100, 110 + stage.visibility - 3, Kind.THROTTLED)

    outcome = live(Plan(1, 1, [], [throttled], odd=False, sendings=[sending(110, 1)]))

    assert outcome.counts["stored"] == 1
    batches = [re.search(r":(\d\d)\.\d+  batch of 1: message 1.* after (\d+) s$", line) for line in live.lines]
    (first, took), (second, _) = (map(int, found.groups()) for found in batches if found)
    assert (second - first) % 60 < took


def test_a_message_that_is_given_up_while_its_late_invocation_stores_it_breaks_no_rule(
    live: Live, stage: Settings
) -> None:
    throttled = Fault(100, 110 + stage.most_receives * stage.visibility - 3, Kind.THROTTLED)
    slow = Fault(throttled.end, throttled.end + 200, Kind.SLOW)
    sendings = [sending(110, employee) for employee in range(1, 41)]

    outcome = live(Plan(1, 3, [], [throttled, slow], odd=False, sendings=sendings))

    assert outcome.counts["stored"] == 40


@pytest.mark.parametrize("throttled", [[], [Fault(100, 113, Kind.THROTTLED)]])
def test_a_short_throttle_does_not_excuse_a_visibility_that_is_too_short(
    live: Live, stage: Settings, throttled: list[Fault]
) -> None:
    faults = [*throttled, Fault(100, HOUR, Kind.SLOW)]
    sendings = [sending(110, employee) for employee in range(1, 41)]

    broken = live.broken(Plan(1, 1, [], faults, odd=False, sendings=sendings), stage._replace(visibility=40))

    assert broken
    assert broken.rule == "held"


@pytest.mark.skipif(not hasattr(psutil.Process, "cpu_affinity"), reason="this system does not let choose")
def test_a_command_keeps_to_one_processor_and_lets_go_of_it() -> None:
    before = psutil.Process().cpu_affinity()
    with one_processor():
        assert len(psutil.Process().cpu_affinity()) == 1
    assert psutil.Process().cpu_affinity() == before


def test_what_nobody_looks_after_expires_when_it_was_said_to(live: Live, stage: Settings) -> None:
    forgotten = calm(Fault(DAY, 15 * DAY, Kind.PAUSED), days=16)

    outcome = live(forgotten)
    assert outcome.counts["expired"]

    broken = live.broken(forgotten, stage._replace(retention=8 * DAY))
    assert broken
    assert broken.rule == "expired"


def test_dead_letters_that_nobody_looks_at_expire(live: Live) -> None:
    faults = [Fault(DAY, 4 * DAY, Kind.REFUSING), Fault(DAY, 24 * DAY, Kind.AWAY)]
    outcome = live(calm(*faults, days=25))

    assert outcome.counts["expired"]


def test_nobody_waits_for_ever_for_a_row_whose_commit_comes_late(live: Live, stage: Settings) -> None:
    first = sending(110, 1)
    again = first._replace(at=111.05)  # to a second process: the first still waits for a database that resumes
    plan = Plan(1, 1, [], [], odd=False, sendings=[first, again])

    outcome = run(plan, PLANTED["commit"].plant(stage), live.url)

    assert (outcome.broken and outcome.broken.rule, outcome.accepted) == ("lost", 2)


def test_the_same_seed_gives_the_same_trace_in_another_process(tmp_path: Path, prod: Template) -> None:
    template = tmp_path / "template.json"
    template.write_text(json.dumps(prod.document))
    traces = []
    for hashing in ("1", "2"):
        trace = tmp_path / f"trace-{hashing}"
        command = [sys.executable, "-m", "lab.simulate", "--seed", "13", "--days", "5", "--employees", "20"]
        done = subprocess.run(
            [*command, "--template", template, "--trace", trace],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hashing},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert re.match(r"accepted \d+, stored \d+, duplicates \d+, dead-lettered \d+, waiting \d+", done.stdout)
        traces.append(trace.read_bytes())

    assert traces[0] == traces[1]
    assert len(traces[0].splitlines()) > 500
    assert re.fullmatch(rb"(day \d+ \d\d:\d\d:\d\d\.\d{3}  [^\n]+\n)+", traces[0])


def test_a_planted_fault_ends_the_command_with_its_story(tmp_path: Path, prod: Template) -> None:
    template = tmp_path / "template.json"
    template.write_text(json.dumps(prod.document))
    command = [sys.executable, "-m", "lab.simulate", "--seed", "1", "--days", "7", "--fault", "commit"]
    done = subprocess.run([*command, "--template", template], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    *printed, again, last = done.stdout.splitlines()
    assert "broken: message" in printed[-1]
    assert again == 'the whole of it: make simulate ARGS="--seed 1 --days 7 --fault commit"'
    assert last.startswith("accepted ")


def test_a_run_leaves_the_modules_the_environment_and_psycopg2_as_they_were(live: Live) -> None:
    def seen() -> list[object]:
        return [
            dict(os.environ),
            psycopg2.connect,
            boto3.client,
            iam_login.token,
            *(vars(each)["time"] for each in (handler, connection)),
        ]

    before = seen()
    live(calm(days=1))
    assert seen() == before


def test_a_peak_that_comes_faster_drains_at_what_concurrency_and_batch_allow(migrated_url: str, prod: Template) -> None:
    stage = settings.of_template(prod)._replace(batch_milliseconds=1_000)  # so slow that there is something to drain
    punches = 12_000
    batch_seconds = (stage.batch_milliseconds + stage.row_milliseconds * stage.batch) / 1000
    expected = punches / (stage.concurrency * stage.batch / batch_seconds)
    assert expected > 16
    sendings = [sending(50, punches**2)]  # which wakes the database
    sendings += [sending(100 + 8 * number / punches, 1 + number) for number in range(punches)]
    simulation = Simulation(
        Plan(1, 1, [], [], odd=False, sendings=sendings), stage, partial(psycopg2.connect, migrated_url)
    )

    outcome = simulation.run()

    assert outcome.broken is None
    assert outcome.counts["stored"] == 1 + punches
    assert simulation.stored_at - 100 == pytest.approx(expected, rel=0.1)
