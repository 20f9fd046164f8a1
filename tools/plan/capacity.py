"""The capacity of a deployment: its limits, what a peak does to it, and what has to be raised for a larger one."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.plan import costs
from tools.plan.costs import Line, Workload
from tools.plan.simulation import (
    MAXIMUM_CONCURRENCY,
    Bound,
    Limit,
    Peak,
    Settings,
    Shape,
    Throttle,
    arrivals,
    simulate,
)

LARGEST_ACU = 256
"""Of Aurora Serverless v2."""

# Of a batch, and of each punch in it. `make bench` stores 10, 100, 1,000 in 0.6, 2.1, 15 ms on a whole core, and 256 MB
# have 256/1769 of one: 3 ms, and 0.11 ms a punch. The other 36 are for the ways between SQS, function and Aurora:
# assumed, until a deployment's own log says better.
BATCH_MILLISECONDS, PUNCH_MILLISECONDS = 39.0, 0.11

_SERVERLESS = ROOT / "serverless.yml"
_MOST_CELLS = 10_000  # that are tried
_REPORTS = 20  # connections for reports and people, as in resources/derived.js


class Assumptions(NamedTuple):
    """What is assumed of punches, deployment and bill. None: the stage's own value, or one that follows from it."""

    peak_minutes: float = 10.0  # the law forgives 5 minutes at each punch
    shape: Shape = Shape.TRIANGLE
    punches_a_day: int = 4
    working_days: int = 22  # of a month
    oldest_seconds: int = 900  # that a punch may wait in the queue: as the alarm oldest-waiting
    stage: str = "dev"
    cells: int = 1  # deployments that share the employees
    stage_rate: int | None = None  # requests/s of stage and key, and their burst
    account_rate: int = 10_000  # requests/s: of an account's REST APIs in a region, unless Service Quotas grants more
    account_burst: int = 5_000  # requests
    concurrency: int | None = None  # batches at once
    batch: int | None = None  # punches
    batch_milliseconds: float | None = None  # of a full batch
    maximum_acu: float | None = None
    database_rows: float | None = None  # rows/s
    resume_seconds: int = 30
    region: str = "us-east-1"
    months_kept: int = 12
    awake_hours: float = 12.0  # of a working day in which stray punches and reports keep the database from pausing

    @property
    def peak_seconds(self) -> int:
        """How long the peak lasts, whole seconds."""
        return max(round(self.peak_minutes * 60), 1)


class Forecast(NamedTuple):
    """What a workload does to a deployment, or to several that share it, and what it costs."""

    workload: Workload
    settings: Settings  # of each cell
    peak: Peak  # of each cell
    peak_seconds: int
    oldest_seconds: int  # that a punch may wait in the queue
    month: list[Line]
    always_on: list[Line]

    @property
    def arriving(self) -> int:
        """Punches/s of a cell's employees at the highest, before anybody tries again."""
        return max(second.arrived for second in self.peak.seconds)

    @property
    def oldest(self) -> int:
        """How long a punch waited in the queue, at most: seconds."""
        return max(second.oldest_seconds for second in self.peak.seconds)

    @property
    def throttled(self) -> int:
        """Requests of a cell answered with a 429."""
        return sum(second.throttled for second in self.peak.seconds)

    @property
    def fits(self) -> bool:
        """Nobody is told to come again, and nothing waits for too long."""
        return not self.throttled and self.oldest <= self.oldest_seconds and self.peak.is_over

    @property
    def too_low(self) -> list[Bound]:
        """The limits that keep it from fitting: a queue that holds some up for a while does its work."""
        is_late = self.oldest > self.oldest_seconds or not self.peak.is_over
        return [bound for bound in self.peak.bounds if is_late or bound.limit in (Limit.STAGE, Limit.ACCOUNT)]


def read_parameters(stage: str) -> Mapping[str, str]:
    """Read the parameters of a stage in serverless.yml, as texts.

    Raises:
        CommandError: serverless.yml has no such stage.
    """
    document: Any = yaml.load(_SERVERLESS.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
    stages = document["params"]
    if stage == "default" or stage not in stages:
        raise CommandError(f"serverless.yml has no parameters for stage {stage}; it has {', '.join(list(stages)[1:])}")
    found: dict[str, str] = {**stages["default"], **(stages[stage] or {})}
    return found


def forecast(assumed: Assumptions, parameters: Mapping[str, str], employees: int) -> Forecast:
    """Simulate the peak of some employees, and price a month of them.

    Args:
        assumed: what the parameters do not say, or what is to be tried instead.
        parameters: of the stage, as `read_parameters` gives them.
        employees: of all cells.
    """
    workload = Workload(
        employees,
        assumed.punches_a_day,
        assumed.working_days,
        assumed.months_kept,
        assumed.awake_hours,
        assumed.cells,
    )
    settings = _settings(assumed, parameters)
    coming = arrivals(math.ceil(employees / assumed.cells), assumed.peak_seconds, assumed.shape)
    peak = simulate(coming, settings)
    prices = costs.prices_of(assumed.region)
    pause_seconds = int(parameters["secondsUntilAutoPause"])
    return Forecast(
        workload=workload,
        settings=settings,
        peak=peak,
        peak_seconds=assumed.peak_seconds,
        oldest_seconds=assumed.oldest_seconds,
        month=costs.month(workload, peak, settings, int(parameters["memory"]), pause_seconds, prices),
        always_on=costs.always_on(workload, max(coming) * assumed.cells, prices),
    )


def _settings(assumed: Assumptions, parameters: Mapping[str, str]) -> Settings:
    def lower(*names: str) -> int:
        return min(int(parameters[name]) for name in names)

    rate = assumed.stage_rate or lower("stageRateLimit", "keyRateLimit")
    burst = assumed.stage_rate or lower("stageBurstLimit", "keyBurstLimit")
    acu = _acu(assumed, parameters)
    batch = assumed.batch or int(parameters["batchSize"])
    return Settings(
        concurrency=assumed.concurrency or lower("reservedConcurrency", "maximumConcurrency"),
        batch=batch,
        batch_milliseconds=assumed.batch_milliseconds or BATCH_MILLISECONDS + PUNCH_MILLISECONDS * batch,
        database_rows=assumed.database_rows or acu * costs.DATABASE_ROWS,
        # Of receipts too, twice what runs: a deploy replaces environments whose connections outlive them.
        connections=max_connections(acu) - _REPORTS - 2 * int(parameters["receiptConcurrency"]),
        resume_seconds=assumed.resume_seconds,
        throttles=(
            Throttle(Limit.STAGE, rate, burst),
            Throttle(Limit.ACCOUNT, assumed.account_rate, assumed.account_burst),
        ),
    )


def _acu(assumed: Assumptions, parameters: Mapping[str, str]) -> float:
    return assumed.maximum_acu or float(parameters["maximumAcu"])


def max_connections(acu: float) -> int:
    """Return PostgreSQL's max_connections on Aurora Serverless v2 that may pause, by its largest size.

    A line through the values of AWS's table (1 ACU 189, 4 ACU 823, 8 ACU 1,669, 16 ACU 3,360), cut at the 2,000 that
    a cluster with a minimum below 1 ACU has at most:
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
    """
    return min(max(round(211.4 * acu - 22.5), 50), 2_000)


def suggest(assumed: Assumptions, parameters: Mapping[str, str], employees: int) -> Assumptions | None:
    """Find settings that the employees fit in: the gateway by arithmetic, the drain by trying.

    Returns:
        What is assumed, with other limits of the deployment; None: larger ones alone do not help.
    """
    if assumed.resume_seconds > assumed.oldest_seconds:
        return None
    total = max(arrivals(employees, assumed.peak_seconds, assumed.shape))
    cells = max(math.ceil(total / assumed.account_rate), assumed.cells)
    concurrency = _settings(assumed, parameters).concurrency
    acu = _acu(assumed, parameters)
    while cells <= min(employees, _MOST_CELLS):
        for change in _larger(concurrency, acu):
            tried = assumed._replace(cells=cells, **change)
            needed = math.ceil(math.ceil(total / cells) / 100) * 100
            if needed > _settings(tried, parameters).throttles[0].rate:
                tried = tried._replace(stage_rate=needed)
            if forecast(tried, parameters, employees).fits:
                return tried
        cells *= 2
    return None


def _larger(concurrency: int, acu: float) -> Iterator[dict[str, Any]]:
    """Give settings of the drain, the present ones first, then ever larger ones."""
    yield {}
    largest = False
    while not largest:
        largest = concurrency >= MAXIMUM_CONCURRENCY and acu >= LARGEST_ACU
        yield {"concurrency": concurrency}
        yield {"concurrency": concurrency, "maximum_acu": acu}
        concurrency, acu = min(2 * concurrency, MAXIMUM_CONCURRENCY), min(2 * acu, LARGEST_ACU)
