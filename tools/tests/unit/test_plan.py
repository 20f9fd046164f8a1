"""`ponto plan`: the calculation of the peak, the bill, and the command."""

import json
import math
import re
import shlex
import time
from collections.abc import Callable
from typing import Any

import pytest

from ponto.drain.drain import BatchResult
from ponto.shared import log
from tests.commands import CommandResult
from tools.cli import main
from tools.kit import slice_manifests, stage_parameters
from tools.operate.plan import costs, settings
from tools.operate.plan.costs import Month
from tools.operate.plan.peak import Peak, forecast
from tools.operate.plan.settings import StageSettings

# Two concurrent batches of 100 punches in 50 ms: 4,000 punches/s.
STAGE = StageSettings(
    stage_rate=5_000,
    concurrency=2,
    batch=100,
    batch_milliseconds=50,
    database_rows=20_000,
    memory=256,
    pause_seconds=300,
    fair_queue=True,
    endpoints=4,
    secrets=3,
    alarm_metrics=20,
    dashboards=1,
    keys=1,
    has_cluster=True,
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
    waiting, step = 0.0, 0
    while step < 60 * steps_per_second or waiting > 1e-6:
        seconds = (step + 0.5) / steps_per_second
        arrivals = max(2_000 * (1 - abs(seconds / 30 - 1)), 0) / steps_per_second
        waiting, step = max(waiting + arrivals - rate / steps_per_second, 0), step + 1

    assert peak.drain_seconds(rate) == pytest.approx(step / steps_per_second - 60, abs=0.05)


@pytest.mark.parametrize(
    ("change", "rows", "minutes"),
    [
        ({}, 2 * 100 / 0.050, 0.5),  # only the start of the drain
        ({"concurrency": 1_000}, 20_000, (30 + 995 / 5) / 60),  # five pollers a second
        # During the first 7.5 s fewer punches arrive than can be stored: 250/s on average. Then 500/s are stored.
        ({"database_rows": 500}, 500, (30 + 7.5 + (60_000 - 7.5 * 250) / 500 - 60) / 60),
    ],
)
def test_lowest_limit_gives_rows_a_second_and_minutes_to_drain(
    change: dict[str, Any], rows: float, minutes: float
) -> None:
    result = forecast(Peak(60_000, 60), STAGE._replace(**change))

    assert (result.rows_per_second, result.drain_minutes) == pytest.approx((rows, minutes))
    assert result.advice == []


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"stage_rate": 1_999}, "answered 429 and sent again: raise stageRateLimit .* to 2,000"),
        ({"database_rows": 50}, "more than 15 minutes: raise maximumAcu"),
        ({"batch_milliseconds": 4_000}, "more than 15 minutes: raise drainConcurrency and drainMaximumConcurrency"),
    ],
)
def test_peak_that_does_not_fit_names_the_parameter_to_raise(change: dict[str, Any], advice: str) -> None:
    (found,) = forecast(Peak(60_000, 60), STAGE._replace(**change)).advice
    assert re.search(advice, found)


# The bill


@pytest.mark.parametrize("employees", [1_000, 1_000_000, 50_000_000])
def test_formula_of_each_line_gives_its_amount(employees: int) -> None:
    for line in costs.bill(Peak(employees, 600), STAGE, MONTH):
        quantity, priced = line.formula.split(" = ")
        product, _, divisor = quantity.replace(",", "").partition(" / ")
        assert math.prod(map(float, re.findall(r"(?:^| x )([\d.]+)", product))) / float(divisor or 1) == pytest.approx(
            line.quantity, rel=1e-3
        ), line
        parts = [part.replace(",", "").split(" x ") for part in priced.split(" + ")]
        assert sum(float(part) for part, _ in parts) == pytest.approx(line.quantity, rel=1e-3)
        assert sum(float(part) * float(price) for part, price in parts) == pytest.approx(line.dollars, rel=1e-3), line


def test_bill_counts_the_custom_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    log.write_batch(
        "1", "function", time.time(), BatchResult().counts(is_sign_in_required=False), {"milliseconds": 1.0}, []
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
    with slice_manifests.without_slices():
        stage = settings.read("dev", given)

    assert (stage.endpoints, stage.secrets) == (endpoints, secrets)


# Parameters of the stage


def test_defaults_are_those_of_the_stage(run: Run) -> None:
    default = {name: int(value) for name, value in stage_parameters.defaults().items() if value.isdigit()}

    dev, prod = (run(f"10 --stage {stage} --json").json["settings"] for stage in ("dev", "prod"))

    watching = ("alarmMetrics", "dashboards", "keys")
    assert [dev[name] for name in watching] == [3, 0, 0]
    assert [prod[name] for name in watching] == [20, 1, 1]
    expected = {
        "stageRate": default["stageRateLimit"],
        "concurrency": default["drainConcurrency"],
        "batch": default["drainBatchSize"],
        "memory": default["functionMemory"],
        "pauseSeconds": default["secondsUntilAutoPause"],
        "databaseRows": default["maximumAcu"] * settings.DATABASE_ROWS,
    }
    assert dev | expected == dev


@pytest.mark.parametrize(
    ("changed", "settings_of"),
    [
        # Where no concurrency is reserved, the queue's own counts.
        ({"drainConcurrency": "", "drainMaximumConcurrency": "3"}, {"concurrency": 3}),
        ({"drainConcurrency": "none", "drainMaximumConcurrency": "3"}, {"concurrency": 3}),
        ({"keyRateLimit": "70"}, {"stage_rate": 70}),  # the lowest
        ({"drainBatchSize": "10000"}, {"batch": 10_000}),
    ],
    ids=str,
)
def test_given_parameters_are_used(changed: dict[str, str], settings_of: dict[str, int]) -> None:
    assert settings.read("dev", changed)._asdict().items() >= settings_of.items()


# The command


def test_status_is_1_with_advice_if_the_load_does_not_fit(run: Run) -> None:
    fits = run("20000 --stage dev")
    assert (fits.status, fits.err) == (0, "")
    assert "requests  67/s at the peak; dev admits 2,000/s\n" in fits.out
    assert re.search(r"^total  +[0-9.,]+$", fits.out, re.MULTILINE)

    assert "requests  0.33/s at the peak" in run("100 --stage dev").out

    refused = run("1000000 --stage dev --minutes 5")
    assert refused.status == 1
    assert "raise stageRateLimit" in refused.out


def test_json_has_peak_bill_and_assumptions(run: Run) -> None:
    outcome = run("20000 --stage prod --json").json

    assert outcome["peak"] == {"punches": 20_000, "seconds": 600, "requestsPerSecond": pytest.approx(66.7, abs=0.1)}
    assert (outcome["fits"], outcome["advice"], outcome["drainMinutes"]) == (True, [], 0.5)
    month = outcome["month"]
    assert month["dollars"] == pytest.approx(sum(line["dollars"] for line in month["lines"]), abs=0.01)
    assert outcome["prices"]["sources"]["vpc_endpoint"].keys() == {"unit", "price", "source", "dated"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "Missing argument 'EMPLOYEES'"),
        ("0", "0 is not in the range 1<=x"),
        ("1 --stage nowhere", "resources/parameters.yml has no stage nowhere; it has dev, prod, local"),
        ("1 --minutes 1441", "1441 is not in the range 1<=x<=1440"),
    ],
)
def test_invalid_arguments_are_refused_with_a_reason(run: Run, words: str, message: str) -> None:
    result = run(words)

    assert result.status == 2
    assert message in result.err
