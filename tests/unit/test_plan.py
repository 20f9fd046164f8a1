"""`ponto plan`: the simulation against what can be worked out by hand, the bill against its arithmetic."""

import json
import re
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ponto import log
from ponto.drain import Processed
from tests.commands import Result
from tools.cli import main
from tools.develop.docs import marks
from tools.kit import output
from tools.kit.project import ROOT
from tools.plan import capacity, command, costs
from tools.plan.costs import Workload, prices_of, tiered
from tools.plan.simulation import (
    IN_FLIGHT,
    Bound,
    Limit,
    Peak,
    Pollers,
    Settings,
    Shape,
    Throttle,
    arrivals,
    rows_per_second,
    simulate,
)

# Two batches of 10 at once, 100 ms each: 200 rows/s.
SLOW = Settings(concurrency=2, batch=10, batch_milliseconds=100)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[[str], Result]:
    def run(words: str) -> Result:
        status = main(["plan", *shlex.split(words)])
        return Result(status, *capsys.readouterr())

    return run


def texts(file: Path) -> Any:
    """Read YAML with all values as texts, and CloudFormation's short forms as what they stand before."""
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506


# How punches come


def test_uniform_arrivals_are_the_same_in_every_second() -> None:
    assert arrivals(600, 60, Shape.UNIFORM) == [10] * 60


def test_triangular_arrivals_rise_to_twice_the_mean_and_fall_as_they_rose() -> None:
    coming = arrivals(60_000, 60, Shape.TRIANGLE)  # the mean is 1,000

    assert coming == coming[::-1]
    assert coming[:30] == sorted(coming[:30])
    assert max(coming) == pytest.approx(2_000, rel=0.02)  # the highest second is not quite the tip


@given(st.integers(1, 10_000_000), st.integers(1, 2_000), st.sampled_from(Shape))
def test_arrivals_add_up_and_none_is_negative(punches: int, seconds: int, shape: Shape) -> None:
    coming = arrivals(punches, seconds, shape)

    assert (len(coming), sum(coming)) == (seconds, punches)
    assert min(coming) >= 0


# How fast it drains


@pytest.mark.parametrize(("concurrency", "expected"), [(1, 2_000), (5, 10_000), (50, 100_000)])
def test_batches_that_share_nothing_add_up(concurrency: int, expected: int) -> None:
    settings = Settings(concurrency, batch=100, batch_milliseconds=50)

    assert rows_per_second(concurrency, settings) == pytest.approx(expected)  # concurrency x 100 / 0.050


def test_a_single_batch_waits_for_nobody() -> None:
    settings = Settings(concurrency=1, batch=100, batch_milliseconds=50, database_rows=20_000)

    assert rows_per_second(1, settings) == pytest.approx(100 / 0.050)


def test_two_batches_meet_at_the_database_as_often_as_it_is_busy() -> None:
    settings = Settings(concurrency=2, batch=100, batch_milliseconds=50, database_rows=10_000)

    # 10 ms at the database, 40 ms elsewhere. Alone a batch has it for 10/50 of the time, so that the other waits for
    # 10 x 0.2 = 2 ms on average: 2 batches in 52 ms.
    assert rows_per_second(2, settings) == pytest.approx(2 * 100 / 0.052)


def test_many_batches_are_as_fast_as_the_database_and_no_faster() -> None:
    settings = Settings(concurrency=1_000, batch=100, batch_milliseconds=50, database_rows=20_000)

    assert rows_per_second(1_000, settings) == pytest.approx(20_000)


@given(st.integers(1, 300), st.integers(1, 1_000), st.floats(1, 10_000), st.floats(10, 100_000))
def test_throughput_stays_below_both_limits_and_never_falls_with_more_at_once(
    concurrency: int, batch: int, milliseconds: float, database_rows: float
) -> None:
    settings = Settings(concurrency, batch, milliseconds, database_rows)
    rows = rows_per_second(concurrency, settings)

    assert rows <= min(concurrency * batch / milliseconds * 1000, database_rows) * (1 + 1e-9)
    assert rows <= rows_per_second(concurrency + 1, settings) * (1 + 1e-9)


# The queue


def test_below_capacity_nothing_waits() -> None:
    peak = simulate([200] * 60, SLOW)

    assert {(second.queued, second.oldest_seconds) for second in peak.seconds} == {(0, 0)}
    assert (peak.is_over, peak.bounds) == (True, [])
    assert peak.end == pytest.approx(60)


def test_above_capacity_the_backlog_grows_by_the_difference_and_drains_at_capacity() -> None:
    peak = simulate([300] * 60, SLOW)

    assert [second.queued for second in peak.seconds[:60]] == [(300 - 200) * (now + 1) for now in range(60)]
    assert peak.end == pytest.approx(60 + 6_000 / 200)
    assert peak.bounds == [Bound(Limit.CONCURRENCY, 0, 89)]  # the 90th second leaves nothing


def test_the_oldest_has_waited_for_as_long_as_what_was_before_it_takes() -> None:
    peak = simulate([300] * 60, SLOW)

    # At the end of second 59, 12,000 of 18,000 are stored: the next one came in second 40.
    assert peak.seconds[59].oldest_seconds == 59 - 40


def test_parts_of_rows_are_not_lost_between_seconds() -> None:
    settings = Settings(concurrency=1, batch=10, batch_milliseconds=30)  # 333.3 rows/s

    assert simulate([1_000], settings).end == pytest.approx(3.0)


def test_nothing_is_stored_while_the_database_resumes() -> None:
    peak = simulate([0, 0, *[10] * 60], SLOW._replace(resume_seconds=30))

    assert [second.stored for second in peak.seconds[:32]] == [0] * 32
    assert peak.seconds[31].queued == 30 * 10
    assert max(second.oldest_seconds for second in peak.seconds) == 29
    assert peak.bounds[0] == Bound(Limit.RESUME, 2, 30)


def test_pollers_begin_with_five_and_gain_five_a_second() -> None:
    peak = simulate([200_000], Settings(concurrency=1_000, batch=1, batch_milliseconds=1_000))

    assert [second.concurrency for second in peak.seconds[:4]] == [5, 10, 15, 20]
    assert [second.stored for second in peak.seconds[:4]] == [5, 10, 15, 20]
    assert peak.seconds[198].concurrency == 5 + 5 * 198
    assert {second.concurrency for second in peak.seconds[199:]} == {1_000}
    assert peak.bounds[:2] == [Bound(Limit.POLLERS, 0, 199), Bound(Limit.CONCURRENCY, 199, peak.bounds[1].seconds)]


def test_pollers_end_at_1250() -> None:
    peak = simulate([10_000_000], Settings(concurrency=5_000, batch=1, batch_milliseconds=1_000))

    assert max(second.concurrency for second in peak.seconds) == 1_250


@pytest.mark.parametrize(
    ("settings", "limit", "concurrency"),
    [
        (SLOW, Limit.CONCURRENCY, 2),
        (SLOW._replace(concurrency=5, connections=3), Limit.CONNECTIONS, 3),
        (SLOW._replace(concurrency=1_000, batch=60_000), Limit.IN_FLIGHT, IN_FLIGHT // 60_000),
        (SLOW._replace(concurrency=4, database_rows=300), Limit.DATABASE, 4),
        (SLOW._replace(concurrency=4, pollers=Pollers(1, 0, 1)), Limit.POLLERS, 1),
    ],
)
def test_the_lowest_limit_is_named(settings: Settings, limit: Limit, concurrency: int) -> None:
    peak = simulate([10_000_000], settings)

    assert [bound.limit for bound in peak.bounds] == [limit]
    assert peak.seconds[0].concurrency == concurrency


def test_with_few_messages_every_poller_has_a_batch_of_its_own() -> None:
    assert simulate([3], SLOW).seconds[0].batches == 2
    assert simulate([1], SLOW).seconds[0].batches == 1
    assert simulate([101], SLOW._replace(concurrency=10)).seconds[0].batches == 11  # tens


def test_what_is_not_stored_within_a_day_is_said_not_to_be() -> None:
    peak = simulate([86_401], Settings(concurrency=1, batch=1, batch_milliseconds=1_000))

    assert (peak.is_over, len(peak.seconds), peak.seconds[-1].queued) == (False, 86_400, 1)


# The gateway and the devices

FAST = Settings(concurrency=5, batch=1_000, batch_milliseconds=1)


def throttled(coming: Sequence[int], *throttles: Throttle) -> Peak:
    return simulate(coming, FAST._replace(throttles=throttles))


def test_a_full_bucket_admits_its_burst_and_then_its_rate() -> None:
    peak = throttled([100] * 5, Throttle(Limit.STAGE, rate=10, burst=20))

    assert [second.accepted for second in peak.seconds[:5]] == [20 + 10, 10, 10, 10, 10]


def test_an_idle_bucket_fills_up_to_its_burst_and_no_further() -> None:
    peak = throttled([30, 0, 0, 0, 0, 100], Throttle(Limit.STAGE, rate=10, burst=20))

    assert [second.accepted for second in peak.seconds[:6]] == [30, 0, 0, 0, 0, 30]


def test_the_tighter_bucket_decides_and_is_named() -> None:
    peak = throttled([100], Throttle(Limit.STAGE, rate=50, burst=50), Throttle(Limit.ACCOUNT, rate=20, burst=5))

    assert (peak.seconds[0].accepted, peak.bounds[0].limit) == (25, Limit.ACCOUNT)


def test_a_refused_punch_comes_again_after_1_s_then_within_2_to_4_s() -> None:
    peak = throttled([4], Throttle(Limit.STAGE, rate=1, burst=0))

    # Of 4 one is accepted; of the 3 that come again, one; the other 2 wait for 2 and 3 s.
    assert [second.requests for second in peak.seconds] == [4, 3, 0, 1, 1]
    assert [second.accepted for second in peak.seconds] == [1, 1, 0, 1, 1]
    assert [second.retrying for second in peak.seconds] == [3, 2, 2, 1, 0]


# What always holds

settings_strategy = st.builds(
    Settings,
    concurrency=st.integers(1, 60),
    batch=st.integers(5, 200),
    batch_milliseconds=st.floats(5, 500),
    database_rows=st.floats(50, 5_000),
    connections=st.integers(1, 60),
    resume_seconds=st.integers(0, 40),
    throttles=st.tuples(
        st.builds(Throttle, st.just(Limit.STAGE), rate=st.integers(20, 500), burst=st.integers(0, 500)),
        st.builds(Throttle, st.just(Limit.ACCOUNT), rate=st.integers(20, 500), burst=st.integers(0, 500)),
    ),
    pollers=st.just(Pollers()),
)
coming_strategy = st.lists(st.integers(0, 200), min_size=1, max_size=60)


@given(coming_strategy, settings_strategy)
def test_no_punch_is_lost_or_made_in_any_second(coming: list[int], settings: Settings) -> None:
    arrived = stored = 0
    peak = simulate(coming, settings)
    for second in peak.seconds:
        arrived += second.arrived
        stored += second.stored
        assert arrived == stored + second.queued + second.retrying
        assert min(second) >= 0
    assert peak.is_over
    assert stored == sum(coming)


@given(coming_strategy, settings_strategy, st.integers(1, 60))
def test_more_at_once_never_drains_later(coming: list[int], settings: Settings, more: int) -> None:
    larger = settings._replace(concurrency=settings.concurrency + more)

    assert simulate(coming, larger).end <= simulate(coming, settings).end + 1e-6


@given(coming_strategy, settings_strategy)
def test_the_same_peak_twice_is_the_same(coming: list[int], settings: Settings) -> None:
    assert simulate(coming, settings) == simulate(coming, settings)


# The bill


def test_tiers_price_each_part_of_a_quantity() -> None:
    tiers = [(333, 3.5), (1_000, 2.8), (None, 2.38)]

    assert tiered(100, tiers) == pytest.approx(100 * 3.5)
    assert tiered(1_200, tiers) == pytest.approx(333 * 3.5 + 667 * 2.8 + 200 * 2.38)


def test_every_price_has_a_unit_a_page_that_states_it_and_its_day() -> None:
    document = json.loads((ROOT / "tools" / "plan" / "prices.json").read_text(encoding="utf-8"))

    assert set(document["regions"]) == {"us-east-1", "sa-east-1"}
    for region, prices in document["regions"].items():
        for name, price in prices.items():
            assert price["unit"], name
            assert ("price" in price) != ("tiers" in price), name
            assert price["source"].startswith("https://"), name
            assert date(2025, 1, 1) < date.fromisoformat(price["dated"]) < date(2027, 1, 1), name
            # A price list of AWS names its region, and its day unless it is the current one.
            if "/offers/" in price["source"]:
                assert f"/{region}/" in price["source"] or re.search(r"/\d{14}/index.json$", price["source"]), name
                day = re.search(r"/(\d{8})\d{6}/", price["source"])
                assert not day or day[1] == price["dated"].replace("-", ""), name


def test_what_a_region_has_no_price_of_is_left_out_by_name(run: Callable[[str], Result]) -> None:
    shown = run("--employees 20000 --region sa-east-1").out
    (found,) = run("--employees 20000 --region sa-east-1 --json").json

    left_out = found["prices"]["leftOut"]
    assert "hour of an interface endpoint in a zone" in left_out
    assert (
        f"Left out, so that the totals are too low, for no page with its price was found: {'; '.join(left_out)}."
        in " ".join(shown.split())
    )
    assert "interface endpoints" not in {line["what"] for line in found["month"]["lines"]}
    assert found["alwaysOn"]["lines"] == []  # without a server's price there is nothing to compare with
    assert "always-on servers" not in shown
    assert {line["what"]: line["unit"] for line in found["month"]["lines"]}[
        "capacity"
    ] == "ACU-hour, Serverless v2, Standard"

    (found,) = run("--employees 20000 --json").json
    assert found["prices"]["leftOut"] == []
    assert found["prices"]["sources"]["vpc_endpoint"].keys() == {"source", "dated"}


def test_a_month_is_quantity_times_price() -> None:
    workload = Workload(employees=1_000, punches_a_day=4, working_days=22, months_kept=12, awake_hours=12)
    settings = Settings(concurrency=5, batch=100, batch_milliseconds=50)
    peak = simulate([1_000], settings)  # stored at once, in 10 batches of 100

    lines = costs.month(workload, peak, settings, memory=256, pause_seconds=300, prices=prices_of("us-east-1"))

    expected = {
        # 88 peaks of 1,000: 88,000 punches
        "API Gateway: accepted punches": 0.088 * 3.50,
        "SQS: send": 0.088 * 0.40,
        # 88 x 2 x 100 tens; and 5 pollers, each asking every 20 s for 365/12 days: 657,000
        "SQS: receive and delete, tens": (17_600 + 657_000) / 1e6 * 0.40,
        "Lambda: batches": 880 / 1e6 * 0.20,
        # 88 x (10 x 50 ms + 5 cold starts x 500 ms) = 264 s, at a quarter of a GB
        "Lambda: duration": 264 * 0.25 * 0.0000166667,
        # 22 days x 12 h x 0.5 ACU: 1,000 rows/s need less than that
        "Aurora: capacity": 132 * 0.12,
        "Aurora: rows of 12 months": 88_000 * 12 * 200 / 1e9 * 0.10,
        # one for each batch, and 500 bytes a row in parts of 4,096
        "Aurora: writes": (880 + 88_000 * 500 / 4096) / 1e6 * 0.20,
        "Network: interface endpoints": 4 * 730 * 0.01,
        "Network: answers": 88_000 * 600 / 1e9 * 0.09,
        "CloudWatch: own metrics": (13 + 5) * 0.30,
        "CloudWatch: alarms": costs.alarm_metrics() * 0.10,
        "CloudWatch: dashboard": 3.00,
        "CloudWatch: logs": 880 * 1_500 / 1e9 * 0.50,
        "KMS: key of the alarms' topic": 1.00,
        "Secrets Manager: database passwords": 3 * 0.40,
    }
    assert {f"{line.service}: {line.what}": line.dollars for line in lines} == pytest.approx(expected)


def test_a_busy_database_has_the_units_that_its_rows_need() -> None:
    workload = Workload(employees=1, punches_a_day=2, working_days=10, months_kept=1, awake_hours=0)
    peak = simulate([20_000] * 3_600, Settings(concurrency=5, batch=100, batch_milliseconds=25))

    # An hour of 20,000 rows/s takes 20,000 / 5,000 = 4 ACU, 3.5 above the least. Two such hours and two pauses of
    # 900 s make 2.5 h at 0.5 a day.
    assert costs.capacity_hours(workload, peak, pause_seconds=900) == pytest.approx(10 * (2 * 3.5 + 2.5 * 0.5))


def test_cells_share_punches_and_pay_what_is_fixed_each() -> None:
    workload = Workload(employees=2_000, punches_a_day=4, working_days=22, months_kept=12, awake_hours=12)
    settings = Settings(concurrency=5, batch=100, batch_milliseconds=50)
    prices = prices_of("us-east-1")

    one = costs.month(workload._replace(employees=1_000), simulate([1_000], settings), settings, 256, 300, prices)
    two = costs.month(workload._replace(cells=2), simulate([1_000], settings), settings, 256, 300, prices)

    assert [line.dollars for line in two] == pytest.approx([2 * line.dollars for line in one])


@pytest.mark.parametrize(
    ("arriving", "servers", "database"),
    [
        (100, ("2 x t4g.small", 2 * 0.0168), ("1 x db.t4g.medium", 0.129)),
        (501, ("2 x m7g.large", 2 * 0.0816), ("1 x db.r7g.large", 0.478)),
        (3_400, ("4 x m7g.large", 4 * 0.0816), ("2 x db.r7g.large", 2 * 0.478)),
        (10_000, ("10 x m7g.large", 10 * 0.0816), ("4 x db.r7g.large", 4 * 0.478)),
        (166_000, ("166 x m7g.large", 166 * 0.0816), ("64 x db.r7g.large", 64 * 0.478)),
    ],
)
def test_always_on_servers_are_as_large_as_the_peak(
    arriving: int, servers: tuple[str, float], database: tuple[str, float]
) -> None:
    workload = Workload(employees=1_000, punches_a_day=4, working_days=22, months_kept=12, awake_hours=12)

    lines = {line.service: line for line in costs.always_on(workload, arriving, prices_of("us-east-1"))[::-1]}

    assert [lines[service].what for service in ("EC2", "RDS")] == [servers[0], database[0]]
    assert [lines[service].dollars for service in ("EC2", "ALB", "RDS")] == pytest.approx(
        [servers[1] * 730, 0.0225 * 730, database[1] * 730]
    )


def test_the_bill_counts_the_projects_own_metrics_and_endpoints(capsys: pytest.CaptureFixture[str]) -> None:
    log.batch("1", 1.0, time.time(), Processed())
    (directive,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    # The ages are metrics of a batch that stored something, and of one in which something failed.
    ages = {"oldestMilliseconds", "oldestFailedMilliseconds"}
    assert len({metric["Name"] for metric in directive["Metrics"]} | ages) == costs.METRICS

    network = (ROOT / "resources" / "network.js").read_text(encoding="utf-8")
    zones = len(re.findall(r"subnet\(\d\)", network))
    assert len(re.findall(r"endpoint\(\s*'", network)) * zones == costs.ENDPOINTS


# The command


def test_a_load_that_fits_exits_with_0_and_says_so(run: Callable[[str], Result]) -> None:
    result = run("--employees 20000")

    assert (result.status, result.err) == (0, "")
    assert re.search(r"^fits +yes$", result.out, re.MULTILINE)
    assert "do not fit" not in result.out


def test_a_load_that_does_not_fit_exits_with_1_and_says_what_to_raise(run: Callable[[str], Result]) -> None:
    result = run("--employees 1000 1000000 --stage-rate 2000")

    assert result.status == 1
    assert "1,000,000 employees do not fit:" in result.out
    assert "stageRateLimit" in result.out
    assert "\n1,000 employees do not fit:" not in result.out


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("--employees 1000000 --stage-rate 2000", "stage throttle"),
        ("--employees 50000000 --stage-rate 2000", "account throttle"),
        ("--employees 50000000 --stage-rate 200000", "account throttle"),
        ("--employees 1000000 --stage-rate 4000 --concurrency 2 --batch 100 --batch-milliseconds 1000", "concurrency"),
        ("--employees 1000000 --stage-rate 4000 --database-rows 300", "database"),
        ("--employees 1000000 --peak-minutes 5 --stage-rate 9000 --maximum-acu 0.5 --oldest-seconds 40", "database"),
        ("--employees 20000 --oldest-seconds 10", "database resuming"),
    ],
)
def test_what_it_advises_fits_or_it_advises_nothing(run: Callable[[str], Result], words: str, limit: str) -> None:
    result = run(f"{words} --json")

    (found,) = result.json
    assert (result.status, found["fits"]) == (1, False)
    assert any(line.startswith(limit) for line in found["change"]), found["change"]
    if found["command"]:
        command = found["command"].removeprefix("ponto plan ")
        assert run(command).status == 0, command
    else:
        assert found["change"][-1].startswith("larger settings alone")


def test_the_result_for_machines_has_the_peak_the_bill_and_what_they_rest_on(run: Callable[[str], Result]) -> None:
    (found,) = run("--employees 20000 --stage prod --json").json

    assert found["workload"]["employees"] == 20_000
    assert found["settings"]["batch"] == int(texts(ROOT / "serverless.yml")["params"]["default"]["batchSize"])
    assert found["peak"]["throttled"] == 0
    assert found["month"]["dollars"] == pytest.approx(
        sum(line["dollars"] for line in found["month"]["lines"]), abs=0.01
    )
    assert {line["unit"] for line in found["month"]["lines"]} >= {"GB-second, x86"}
    assert found["prices"]["region"] == "us-east-1"


def test_defaults_are_those_of_the_stage_in_serverless_yml(run: Callable[[str], Result]) -> None:
    parameters = texts(ROOT / "serverless.yml")["params"]
    default, local = parameters["default"], parameters["local"]

    (dev,) = run("--employees 10 --json").json
    (here,) = run("--employees 10 --stage local --json").json

    assert dev["settings"]["throttles"][0]["rate"] == int(default["stageRateLimit"])
    assert here["settings"]["throttles"][0]["rate"] == int(local["stageRateLimit"])
    assert dev["settings"]["concurrency"] == int(default["reservedConcurrency"])
    assert dev["settings"]["batch"] == int(default["batchSize"])
    assert dev["settings"]["databaseRows"] == int(default["maximumAcu"]) * costs.DATABASE_ROWS


@pytest.mark.parametrize("change", ["batchSize: 1", "batchSize: 10", "batchSize: 1000", "batchSize: 10000"])
@pytest.mark.parametrize("other", ["timeout: 75", "timeout: 900", "batchingWindow: 20"])
def test_another_batch_size_window_or_timeout_is_planned_with(
    run: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str, other: str
) -> None:
    text = (ROOT / "serverless.yml").read_text(encoding="utf-8")
    for line in (change, other):
        name, _, value = line.partition(": ")
        text, found = re.subn(rf"^    {name}: \d+", f"    {name}: {value}", text, count=1, flags=re.MULTILINE)
        assert found
    changed = tmp_path / "serverless.yml"
    changed.write_text(text, encoding="utf-8")
    monkeypatch.setattr(capacity, "_SERVERLESS", changed)

    result = run("--employees 20000 --json")

    assert result.status in (0, 1), result.err
    assert result.json[0]["settings"]["batch"] == int(change.removeprefix("batchSize: "))


@pytest.mark.parametrize(
    ("batch", "milliseconds"),
    # `make bench` on a whole core, by 1769/256 for the function's share of one, and 36 for the ways
    [(10, 10 / 15.844 * 6.91 + 36), (100, 50), (1_000, 1_000 / 66.781 * 6.91 + 36)],
)
def test_a_batch_takes_about_as_long_as_it_was_measured(
    run: Callable[[str], Result], batch: int, milliseconds: float
) -> None:
    (found,) = run(f"--employees 20000 --batch {batch} --json").json

    assert found["settings"]["batchMilliseconds"] == pytest.approx(milliseconds, rel=0.1)
    (measured,) = run(f"--employees 20000 --batch {batch} --batch-milliseconds 7 --json").json
    assert measured["settings"]["batchMilliseconds"] == 7


@pytest.mark.parametrize(("acu", "expected"), [(1, 189), (4, 823), (8, 1_669), (16, 2_000), (256, 2_000)])
def test_connections_follow_the_largest_size_as_in_awss_table(acu: int, expected: int) -> None:
    assert capacity.max_connections(acu) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--employees 10 --stage nowhere", "serverless.yml has no parameters for stage nowhere"),
        ("--employees 10 --concurrency 1001", "'--concurrency': 1001 is not in the range 1<=x<=1000"),
        ("--employees 10 --cells 11", "11 cells cannot share 10 employees"),
        ("--employees 10 --maximum-acu 257", "'--maximum-acu': 257.0 is not in the range 0<x<=256"),
        ("--employees 10 --awake-hours 25", "'--awake-hours': 25.0 is not in the range 0<=x<=24"),
        ("--employees 10 --awake-hours nan", "'--awake-hours': 'nan' is not a number"),
        ("--employees 10 --resume-seconds -1", "'--resume-seconds': -1 is not in the range 0<=x"),
        ("--employees 10 --peak-minutes 1441", "'--peak-minutes': 1441.0 is not in the range 0<x<=1440"),
        ("--employees 10 --json --markdown", "--markdown is not allowed with --json"),
        ("--employees 10 20 --picture peak.png", "a picture shows one load"),
        ("--employees 10 --picture peak.pdf", "a picture is .png or .svg"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(run: Callable[[str], Result], words: str, message: str) -> None:
    result = run(words)

    assert result.status == 2
    assert message in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "Missing option '--employees'"),
        ("--employees 0", "'--employees': 0 is not in the range 1<=x"),
        ("--employees many", "'--employees': 'many' is not a whole number"),
        ("--employees 1 --peak-minutes 0", "'--peak-minutes': 0.0 is not in the range 0<x"),
        ("--employees 1 --peak-minutes nan", "'--peak-minutes': 'nan' is not a number"),
        ("--employees 1 --database-rows inf", "'--database-rows': 'inf' is not a number above 0"),
    ],
)
def test_what_is_no_request_is_refused_by_the_parser(run: Callable[[str], Result], words: str, message: str) -> None:
    result = run(words)

    assert result.status == 2
    assert "Usage: ponto plan" in result.err
    assert message in result.err


def test_a_number_after_the_options_is_a_column_too(run: Callable[[str], Result]) -> None:
    found = run("--employees 10 20 --stage dev --employees 30 --json 40").json

    assert sorted(each["workload"]["employees"] for each in found) == [10, 20, 30, 40]


def test_every_example_of_the_help_runs(run: Callable[[str], Result], tmp_path: Path) -> None:
    examples = re.findall(r"^  ponto plan (.*?)(?:   .*)?$", command._EPILOG, re.MULTILINE)

    assert len(examples) >= 3
    for words in examples:
        assert run(words.replace("peak.png", str(tmp_path / "peak.png"))).status in (0, 1)


@pytest.mark.parametrize(("name", "begins"), [("peak.png", b"\x89PNG"), ("peak.svg", b"<?xml")])
def test_a_picture_is_drawn_the_same_each_time(
    run: Callable[[str], Result], tmp_path: Path, name: str, begins: bytes
) -> None:
    files = [tmp_path / f"{number}-{name}" for number in range(2)]

    for file in files:
        run(f"--employees 300000 --stage-rate 500 --picture {file}")

    contents = [file.read_bytes() for file in files]
    assert contents[0].startswith(begins)
    assert contents[0] == contents[1]


def test_a_picture_that_cannot_be_written_is_an_error(run: Callable[[str], Result], tmp_path: Path) -> None:
    result = run(f"--employees 10 --picture {tmp_path / 'nowhere' / 'peak.png'}")

    assert (result.status, "cannot write" in result.err) == (2, True)


def test_without_matplotlib_a_picture_says_what_is_missing(
    run: Callable[[str], Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # which another test may have loaded

    result = run(f"--employees 10 --picture {tmp_path / 'peak.png'}")

    assert (result.status, "needs matplotlib" in result.err) == (2, True)


# The document


@pytest.mark.parametrize("columns", [80, 100, 160])
@pytest.mark.parametrize(
    "words", ["--employees 20000", "--employees 1000 20000 1000000", "--employees 50000000 --cells 17"]
)
def test_a_terminal_gets_tables_and_sentences_within_its_columns(
    words: str, columns: int, run: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_PIPED_WIDTH", columns)

    lines = run(words).out.splitlines()

    commands = [line for line in lines if "ponto plan" in line]
    assert all(line.startswith("- it fits with ponto plan --employees ") for line in commands)
    assert max(len(line) for line in lines if line not in commands) <= columns
    assert not set("|*`") & set("".join(lines))
    assert any(re.match("this system  +[0-9.,]+", line) for line in lines)


def test_the_last_sentence_says_whether_it_fits(run: Callable[[str], Result]) -> None:
    assert run("--employees 20000 --batch 100").out.splitlines()[-1] == (
        "20,000 employees fit: none is answered 429, and none of their punches waits in the queue for more than 29 s."
    )
    assert run("--employees 1000000 --batch 100").out.splitlines()[-1] == (
        "- it fits with ponto plan --employees 1000000 --stage-rate 3400 --batch 100"
    )


def test_the_documents_tables_are_what_the_command_prints() -> None:
    document = (ROOT / "lab" / "capacity.md").read_text(encoding="utf-8")

    assert len([source for source in marks.sources(document) if "ponto plan " in source]) >= 3
    assert marks.filled(document) == document, "make docs writes them anew"
