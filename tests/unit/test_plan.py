"""`ponto plan`: the calculation of the peak, the bill, and the command."""

import json
import math
import re
import shlex
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from ponto import log
from ponto.drain import BatchResult
from tests.commands import CommandResult
from tools.cli import main
from tools.kit import parameters, slices
from tools.kit.gateway_limits import LOWER_LIMIT_REGIONS, default_limits
from tools.plan import command, costs, settings
from tools.plan.costs import PRICES, Month, tiered
from tools.plan.peak import MAX_IN_FLIGHT, Peak, forecast
from tools.plan.settings import StageSettings

# Two concurrent batches of 100 punches in 50 ms: 4,000 punches/s.
STAGE = StageSettings(
    stage_rate=5_000,
    stage_burst=5_000,
    account_rate=10_000,
    account_burst=5_000,
    concurrency=2,
    batch=100,
    batch_milliseconds=50,
    maximum_acu=4,
    database_rows=20_000,
    resume_seconds=30,
    memory=256,
    pause_seconds=300,
    fair_queue=True,
    endpoints=4,
    secrets=3,
    all_alarms=True,
    dashboards=1,
    keys=1,
)
MONTH = Month()

Run = Callable[[str], CommandResult]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(words: str) -> CommandResult:
        status = main(["plan", *shlex.split(words)])
        return CommandResult(status, *capsys.readouterr())

    return run


# The peak


@pytest.mark.parametrize("rate", [300, 750, 1_000, 1_500, 1_999, 2_000, 5_000])
def test_peak_equals_a_simulation_in_small_steps(rate: int) -> None:
    peak, steps_per_second = Peak(60_000, 60), 100
    waiting, max_waiting, step = 0.0, 0.0, 0
    while step < 60 * steps_per_second or waiting > 1e-6:
        seconds = (step + 0.5) / steps_per_second
        arrivals = max(2_000 * (1 - abs(seconds / 30 - 1)), 0) / steps_per_second
        waiting = max(waiting + arrivals - rate / steps_per_second, 0)
        max_waiting, step = max(max_waiting, waiting), step + 1

    assert peak.waiting(rate) == pytest.approx(max_waiting, rel=0.01, abs=5)
    assert peak.drain_seconds(rate) == pytest.approx(step / steps_per_second - 60, abs=0.05)


@pytest.mark.parametrize(
    ("change", "name", "admits"),
    [
        ({"stage_rate": 100}, "stage throttle", 100),
        ({"account_rate": 200}, "account throttle", 200),
        ({}, "concurrency", 2 * 100 / 0.050),
        (
            {"concurrency": 1_000, "batch": 10_000, "batch_milliseconds": 60_000},
            "messages in flight",
            MAX_IN_FLIGHT / 60,
        ),
        ({"database_rows": 300}, "database", 300),
    ],
)
def test_lowest_limit_is_named(change: dict[str, Any], name: str, admits: float) -> None:
    first = forecast(Peak(60_000, 60), STAGE._replace(**change), oldest_seconds=900).binds_first

    assert first.name == name
    assert first.admits == pytest.approx(admits)


def test_below_all_limits_a_punch_waits_only_for_the_start_of_the_drain() -> None:
    result = forecast(Peak(60_000, 60), STAGE, oldest_seconds=30)

    assert (result.waiting, result.oldest_seconds, result.stored_seconds_after, result.change) == (0, 30, 0, [])
    (change,) = forecast(Peak(60_000, 60), STAGE, oldest_seconds=29).change
    assert change.startswith("start of the drain: up to 30 s: MinCapacity 0.5 keeps the database awake")


def test_start_of_the_drain_adds_the_resume_and_five_pollers_a_second() -> None:
    assert forecast(Peak(1, 60), STAGE._replace(concurrency=1_000), 900).starting_seconds == 30 + 995 / 5


def test_slow_drain_delays_punches_without_refusing_them() -> None:
    slow = STAGE._replace(database_rows=500)
    peak = Peak(60_000, 60)  # maximum 2,000/s; 3/4 of the peak's height and of its duration are above 500/s

    result = forecast(peak, slow, oldest_seconds=900)

    assert result.waiting == pytest.approx(60_000 * (3 / 4) ** 2)
    assert result.oldest_seconds == pytest.approx(30 + result.waiting / 500)
    # During the first 7.5 s fewer punches arrive than can be stored: 250/s on average. Then 500/s are stored.
    assert result.stored_seconds_after == pytest.approx(7.5 + (60_000 - 7.5 * 250) / 500 - 60)
    assert result.change == []
    (change,) = forecast(peak, slow, oldest_seconds=97).change
    assert change.startswith("database: 33,750 punches wait at the worst moment: raise maximumAcu to 16 ")


# The bill


def test_tiers_price_each_part_of_a_quantity() -> None:
    tiers = [(333, 3.5), (1_000, 2.8), (None, 2.38)]

    assert tiered(0, tiers) == [(0, 3.5)]
    assert tiered(100, tiers) == [(100, 3.5)]
    assert tiered(333, tiers) == [(333, 3.5)]
    assert tiered(1_200, tiers) == [(333, 3.5), (667, 2.8), (200, 2.38)]


def test_amount_is_quantity_times_price() -> None:
    peak = Peak(1_000, 1)  # so short that all batches are full: 10 of 100 punches

    lines = costs.bill(peak, STAGE._replace(concurrency=5), MONTH, "us-east-1")

    expected = {
        # 88 peaks of 1,000: 88,000 punches
        "API Gateway: requests": 0.088 * 3.50,
        "SQS: send": 0.088 * 0.40,
        # 88 peaks x 2 calls x 100 groups of ten messages; 5 pollers, one empty receive each 20 s, 365/12 days: 657,000
        "SQS: receive and delete": 17_600 / 1e6 * 0.40,
        # the punches and these calls, if AWS counts all requests of messages with a group
        "SQS: fair queue": (88_000 + 17_600) / 1e6 * 0.10,
        "SQS: empty receives": 657_000 / 1e6 * 0.40,
        "Lambda: batches": 880 / 1e6 * 0.20,
        # with 0.25 GB of memory
        "Lambda: compute": 880 * 0.050 * 0.25 * 0.0000166667,
        "Lambda: starts": 88 * 5 * 30.5 * 0.25 * 0.0000166667,
        "Aurora: storing": 88_000 / 5_000 / 3_600 * 0.12,
        "Aurora: awake": 22 * 12 * 0.5 * 0.12,
        "Aurora: rows": 88_000 * 12 * 285 / 1e9 * 0.10,
        # one commit for each batch; 500 bytes a row, in units of 4,096 bytes
        "Aurora: commits": 880 / 1e6 * 0.20,
        "Aurora: log": 88_000 * 500 / 4096 / 1e6 * 0.20,
        "Network: endpoints": 4 * 730 * 0.01,
        "Network: responses": 88_000 * 600 / 1e9 * 0.09,
        # only the hours with batches: 12 of each working day
        "CloudWatch: metrics": (14 + 5) * 22 * 12 / 730 * 0.30,
        "CloudWatch: alarms": costs.alarm_metrics() * 0.10,
        "CloudWatch: dashboard": 3.00,
        "CloudWatch: logs": 880 * 1_500 / 1e9 * 0.50,
        "KMS: the topic's key": 1.00,
        "Secrets Manager": 3 * 0.40,
    }
    assert {line.what: line.dollars for line in lines} == pytest.approx(expected)
    assert costs.total(lines) == pytest.approx(sum(expected.values()))


def test_key_of_the_topic_costs_more_in_later_years(run: Run) -> None:
    later = (
        "The topic's key is rotated each year, so a month costs more: 1.00 in the second year, and 2.00 from the third"
    )
    assert later in " ".join(run("--employees 10 --stage prod").out.split())
    assert "rotated" not in run("--employees 10 --stage dev").out


@pytest.mark.parametrize("region", PRICES)
@pytest.mark.parametrize("employees", [1_000, 1_000_000, 50_000_000])
def test_formula_of_each_line_gives_its_amount(region: str, employees: int) -> None:
    for line in costs.bill(Peak(employees, 600), STAGE, MONTH, region):
        quantity, *priced = line.formula.split(" = ")
        product, _, divisor = quantity.replace(",", "").partition(" / ")
        assert math.prod(map(float, re.findall(r"(?:^| x )([\d.]+)", product))) / float(divisor or 1) == pytest.approx(
            line.quantity, rel=1e-3
        ), line
        if not priced:
            assert line.dollars is None or line.quantity == 0
            continue
        parts = [part.replace(",", "").split(" x ") for part in priced[0].split(" + ")]
        assert sum(float(part) for part, _ in parts) == pytest.approx(line.quantity, rel=1e-3)
        assert sum(float(part) * float(price) for part, price in parts) == pytest.approx(line.dollars, rel=1e-3), line


@pytest.mark.parametrize(
    ("punches", "concurrency", "batches"),
    [(3, 5, 3), (1_000, 5, 1_000), (20_000, 5, 3_000), (20_000, 2, 1_200), (1_000_001, 5, 10_001)],
)
def test_few_punches_make_one_batch_per_poller_and_second(punches: int, concurrency: int, batches: int) -> None:
    lines = costs.bill(Peak(punches, 600), STAGE._replace(concurrency=concurrency), MONTH, "us-east-1")

    quantities = {line.what: line.quantity * 1e6 for line in lines}
    assert quantities["Lambda: batches"] == pytest.approx(88 * batches)
    assert quantities["SQS: receive and delete"] == pytest.approx(2 * 88 * max(batches, math.ceil(punches / 10)))


@pytest.mark.parametrize(("awake_hours", "peaks_a_day", "hours"), [(12, 4, 12), (0, 4, 1), (0, 200, 24)])
def test_database_is_active_during_the_peaks_and_until_it_pauses(
    awake_hours: float, peaks_a_day: int, hours: float
) -> None:
    month = MONTH._replace(awake_hours=awake_hours, peaks_a_day=peaks_a_day)
    (awake,) = [x for x in costs.bill(Peak(1, 600), STAGE, month, "us-east-1") if x.what == "Aurora: awake"]

    assert awake.quantity == pytest.approx(22 * hours * 0.5)  # each peak 600 s, and 300 until the pause


@pytest.mark.parametrize(("words", "requests"), [("", 8_800), ("--peaks-a-day 1 --working-days 2", 200)])
def test_options_set_how_many_punches_a_month_has(run: Run, words: str, requests: int) -> None:
    (outcome,) = run(f"100 --json {words}").json

    (line,) = [line for line in outcome["month"]["lines"] if line["what"] == "API Gateway: requests"]
    assert line["quantity"] == pytest.approx(requests / 1e6)


def test_bill_counts_the_custom_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    log.write_batch(
        "1", "function", time.time(), BatchResult().counts(requires_sign_in=False), {"milliseconds": 1.0}, []
    )
    (directive,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    # The ages are metrics of a batch that stored something, and of one in which something failed.
    ages = {"oldestMilliseconds", "oldestFailedMilliseconds"}
    assert len({metric["Name"] for metric in directive["Metrics"]} | ages) == costs.METRICS


@pytest.mark.parametrize(
    ("given", "endpoints", "secrets"),
    [
        ({}, 1, 0),
        ({"endpointZones": "2"}, 2, 0),
        ({"dbLogin": "secret"}, 2, 3),
        ({"vpcName": "company"}, 0, 0),
        ({"vpcId": "vpc-1", "dbLogin": "secret"}, 0, 3),
        ({"database": "express"}, 0, 0),
        ({"database": "existing"}, 0, 0),
        ({"database": "existing", "dbSecretArn": "arn"}, 0, 2),  # the owner's is paid for already
        ({"database": "existing", "dbLogin": "iam", "dbResourceId": "cluster-1"}, 0, 0),
    ],
)
def test_endpoints_and_secrets_depend_on_database_and_login(
    given: dict[str, str], endpoints: int, secrets: int
) -> None:
    with slices.without_slices():
        stage = settings.read("dev", given)

    assert (stage.endpoints, stage.secrets) == (endpoints, secrets)


def test_parameter_has_the_syntax_of_deploy(run: Run) -> None:
    def dollars(words: str) -> dict[str, float]:
        (outcome,) = run(f"10 --stage dev --json {words}").json
        return {line["what"]: line["dollars"] for line in outcome["month"]["lines"]}

    assert dollars("")["Network: endpoints"] > 0
    assert dollars("--param database=express")["Network: endpoints"] == 0
    for words, message in [
        ("--param databse=express", "resources/parameters.yml has no parameter databse"),
        ("--param express", "--param express: expected NAME=VALUE"),
    ]:
        wrong = run(f"10 {words}")
        assert (wrong.status, message in wrong.err) == (2, True)


# Parameters of the stage


def test_defaults_are_those_of_the_stage(run: Run) -> None:
    default = {name: int(value) for name, value in parameters.defaults().items() if value.isdigit()}

    (dev,) = run("--employees 10 --stage dev --json").json
    (prod,) = run("--employees 10 --stage prod --json").json
    (here,) = run("--employees 10 --json").json

    assert [each["stage"] for each in (dev, prod, here)] == ["dev", "prod", "local"]

    watching = ("allAlarms", "dashboards", "keys")
    assert [dev["settings"][name] for name in watching] == [False, 0, 0]
    assert [prod["settings"][name] for name in watching] == [True, 1, 1]
    assert here["settings"]["stageRate"] == int(parameters.stages()["local"]["stageRateLimit"])
    assert (
        dev["settings"]
        | {
            "stageRate": default["stageRateLimit"],
            "concurrency": default["reservedConcurrency"],
            "batch": default["batchSize"],
            "memory": default["memory"],
            "pauseSeconds": default["secondsUntilAutoPause"],
            "databaseRows": default["maximumAcu"] * settings.DATABASE_ROWS,
        }
        == dev["settings"]
    )


@pytest.mark.parametrize(
    ("changed", "settings_of"),
    [
        # Where no concurrency is reserved, the queue's own counts.
        ({"reservedConcurrency": "", "maximumConcurrency": "3"}, {"concurrency": 3}),
        ({"reservedConcurrency": "none", "maximumConcurrency": "3"}, {"concurrency": 3}),
        ({"punchRateLimit": "70"}, {"stage_rate": 70}),  # the lowest
        ({"batchSize": "10000"}, {"batch": 10_000}),
    ],
    ids=str,
)
def test_given_parameters_are_used(changed: dict[str, str], settings_of: dict[str, int]) -> None:
    assert settings.read("dev", changed)._asdict().items() >= settings_of.items()


@pytest.mark.parametrize("value", ["0", "0.0", "-5", "many", "${env:RATE}"])
def test_parameter_that_is_no_number_is_named(run: Run, value: str) -> None:
    result = run(f"--employees 10 --param memory={value}")

    assert result.status == 2
    assert "resources/parameters.yml, stage local: memory is not a number above 0: [" in result.err


@pytest.mark.parametrize(
    ("batch", "milliseconds"),
    # Rows/ms on one core x 1769/256 for the share of a core, plus 36 ms for round trips.
    [(10, 10 / 13.073 * 6.91 + 36), (100, 100 / 40.904 * 6.91 + 36), (1_000, 1_000 / 48.194 * 6.91 + 36)],
)
def test_duration_of_a_batch_is_near_the_measured_one(run: Run, batch: int, milliseconds: float) -> None:
    (outcome,) = run(f"--employees 20000 --batch {batch} --json").json

    assert outcome["settings"]["batchMilliseconds"] == pytest.approx(milliseconds, rel=0.1)
    (measured,) = run(f"--employees 20000 --batch {batch} --batch-milliseconds 7 --json").json
    assert measured["settings"]["batchMilliseconds"] == 7


# The command


def test_status_is_1_with_advice_if_the_load_does_not_fit(run: Run) -> None:
    fits = run("--employees 20000 --stage dev")
    assert (fits.status, fits.err) == (0, "")
    text = " ".join(fits.out.split())  # sentences are wrapped
    assert "20,000 punches within 10 minutes are 67 requests/s at the peak. limit" in text
    assert "The stage throttle is reached first, at 600,000 punches within as many minutes." in text
    assert "\nThe peak fits.\n" in fits.out
    assert "\nParameters of stage dev.\n" in fits.out
    assert "does not fit" not in fits.out

    both = run("--employees 1000 1000000 --stage-rate 2000")
    assert both.status == 1
    assert (both.out.count("The peak fits."), both.out.count("The peak does not fit:")) == (1, 1)
    assert "stageRateLimit" in both.out.partition("The peak does not fit:")[2]


@pytest.mark.parametrize(
    ("words", "limit", "enough"),
    [
        ("--employees 1000000 --stage-rate 2000", "stage throttle", "--stage-rate 3334"),
        ("--employees 3100000 --stage-rate 20000", "account throttle", "--account-rate 10334"),
        ("--employees 1000000 --stage-rate 4000 --batch-milliseconds 1000", "concurrency", "--concurrency 34"),
        ("--employees 1000000 --stage-rate 4000 --database-rows 300", "database", "--maximum-acu 45"),
        ("--employees 20000 --oldest-seconds 10", "start of the drain", "--resume-seconds 0"),
    ],
)
def test_peak_fits_with_the_advised_parameter(run: Run, words: str, limit: str, enough: str) -> None:
    result = run(f"{words} --json")

    (outcome,) = result.json
    (change,) = outcome["change"]
    assert (result.status, outcome["fits"], change.partition(":")[0]) == (1, False, limit)
    number = f"{int(enough.split()[1]):,}"
    if limit in ("stage throttle", "concurrency", "database"):
        assert f" to {number}" in change
    words = re.sub(rf"{enough.split()[0]} \S+|--database-rows \S+", "", words)
    assert run(f"{words} {enough}").status == 0


def test_region_with_lower_limits_refuses_the_default_burst_unless_the_account_has_more(run: Run) -> None:
    assert run("20000 --stage prod --json").json[0]["settings"]["accountBurst"] == 5_000

    refused = run("20000 --stage prod --region eu-south-1 --json")

    (outcome,) = refused.json
    assert (refused.status, outcome["settings"]["accountRate"], outcome["settings"]["accountBurst"]) == (
        1,
        2_500,
        1_250,
    )
    assert outcome["change"] == [
        "burst: the stage sets 2,000, and API Gateway allows the account 1,250: lower stageBurstLimit, "
        "punchBurstLimit and keyBurstLimit to that."
    ]
    lower = "--param stageBurstLimit=1250 --param keyBurstLimit=1250"
    assert run(f"20000 --stage prod --region eu-south-1 {lower}").status == 0
    assert run("20000 --stage prod --region eu-south-1 --account-burst 2000").status == 0


def test_region_without_known_prices_has_limits_and_no_bill(run: Run) -> None:
    (outcome,) = run("20000 --stage prod --region mx-central-1 --json").json
    table = run("20000 --stage prod --region mx-central-1").out

    assert (outcome["month"], outcome["prices"]) == (None, {"region": "mx-central-1", "sources": {}})
    assert "The prices of mx-central-1 are unknown." in table
    assert "US dollars" not in table
    suggested = "20000 --stage prod --region us-east-1 --account-rate 2500 --account-burst 1250 --json"
    assert run(suggested).json[0]["change"] == outcome["change"]


def test_thirteen_regions_have_lower_limits() -> None:
    assert len(LOWER_LIMIT_REGIONS) == 13
    assert {*LOWER_LIMIT_REGIONS} <= {*boto3.Session().get_available_regions("apigateway")}
    assert default_limits("sa-east-1") == (10_000, 5_000)
    assert default_limits("af-south-1") == (2_500, 1_250)


def test_json_has_peak_bill_and_assumptions(run: Run) -> None:
    (outcome,) = run("--employees 20000 --stage prod --json").json

    assert outcome["peak"] == {"punches": 20_000, "seconds": 600, "requestsPerSecond": pytest.approx(66.7, abs=0.1)}
    assert {"name", "admits", "why", "advice"} <= outcome["limits"][0].keys()
    assert outcome["bindsFirst"] == "stage throttle"
    assert (outcome["waiting"], outcome["oldestSeconds"], outcome["storedSecondsAfter"]) == (0, 30, 0)
    assert (outcome["fits"], outcome["change"]) == (True, [])
    assert outcome["month"]["dollars"] == pytest.approx(
        sum(line["dollars"] for line in outcome["month"]["lines"]), abs=0.01
    )
    assert {line["unit"] for line in outcome["month"]["lines"]} >= {"GB-second, x86"}
    assert outcome["prices"]["region"] == "us-east-1"
    assert outcome["prices"]["sources"]["vpc_endpoint"].keys() == {"unit", "price", "source", "dated"}


def test_missing_price_of_a_region_is_marked(run: Run) -> None:
    table = run("--employees 20000 --stage prod --region sa-east-1").out
    (outcome,) = run("--employees 20000 --stage prod --region sa-east-1 --json").json

    unknown = [line["what"] for line in outcome["month"]["lines"] if line["dollars"] is None]
    assert "Network: endpoints" in unknown
    assert re.findall(r"^(\S.*?)  .* \?$", table, re.MULTILINE) == unknown
    assert outcome["month"]["linesWithoutPrice"] == len(unknown)
    assert f"The total is without {len(unknown)} lines (?)" in table
    assert " ?" not in run("--employees 20000").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "name the number of employees, for example: ponto plan 20000"),
        ("--employees 0", "'--employees': 0 is not in the range 1<=x"),
        ("--employees 1 --stage nowhere", "resources/parameters.yml has no stage nowhere; it has dev, prod, local"),
        ("--employees 1 --maximum-acu 257", "'--maximum-acu': 257.0 is not in the range 0<x<=256"),
        ("--employees 1 --awake-hours 25", "'--awake-hours': 25.0 is not in the range 0<=x<=24"),
        ("--employees 1 --peak-minutes 1441", "'--peak-minutes': 1441.0 is not in the range 0<x<=1440"),
    ],
)
def test_invalid_arguments_are_refused_with_a_reason(run: Run, words: str, message: str) -> None:
    result = run(words)

    assert result.status == 2
    assert message in result.err


def test_numbers_of_employees_may_surround_options(run: Run) -> None:
    assert run("20000") == run("--employees 20000")
    assert "ponto plan [OPTIONS] [NUMBER]...\n" in run("--help").out
    forecasts = run("--employees 10 20 --stage dev --employees 30 --json 40").json
    assert sorted(each["peak"]["punches"] for each in forecasts) == [10, 20, 30, 40]


def test_every_example_of_the_help_runs(run: Run) -> None:
    examples = re.findall(r"^  ponto plan (.*?)(?:   .*)?$", str(command.plan.epilog), re.MULTILINE)

    assert len(examples) >= 3
    for words in examples:
        assert run(words).status in (0, 1)


@pytest.mark.parametrize("columns", [80, 100, 160])
@pytest.mark.parametrize("words", ["--employees 20000", "--employees 1000 20000 1000000 50000000"])
def test_output_fits_the_width_of_the_terminal(
    words: str, columns: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = run(words).out.splitlines()

    assert max(map(len, lines)) <= columns
    assert any(re.match("total  +[0-9.,]+", line) for line in lines)
