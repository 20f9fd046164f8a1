"""What a month of peaks costs: this system's services, and an always-on server that takes the same peak. Pure.

Each constant below is an assumption or a measured figure, and says which.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.kit.project import ROOT
from tools.plan.simulation import Peak, Settings

HOURS = 730  # of a month, as AWS counts
DAYS = 365 / 12

# Measured: `python -m lab.bench.calibrate`, which prints both.
ROW_BYTES = 200  # a row of batida with its two indexes
DATABASE_ROWS = 5_000  # rows/s for each ACU: 45 us of CPU a row, and an ACU is about a quarter of a core

# Assumed.
LOG_BYTES = 1_500  # of a batch: its line of JSON, and Lambda's own START, END and REPORT
ANSWER_BYTES = 600  # of an answer, headers included
LOG_RECORD_BYTES = 500  # that the database writes ahead for a row; Aurora counts an I/O for each 4 KiB of them
INIT_MILLISECONDS = 500  # of a cold start, billed since August 2025
LEAST_ACU = 0.5  # of a database that is not paused

# This project's own: tests hold them against serverless.yml's resources.
ENDPOINTS = 2 * 2  # SQS and Secrets Manager, in two zones
SECRETS = 3  # the owner's, and those of the functions that store and that look receipts up
METRICS = 13  # in each line of the log
GATEWAY_METRICS = 5  # that the gateway keeps for POST /ponto alone: detailed ones, which cost as own metrics do
RECEIVE = 10  # messages that SQS hands over, or deletes, in a request
LONG_POLL = 20  # s that a request for messages of an empty queue waits

# The always-on server: a web server pair behind a load balancer, one INSERT a punch into RDS, no queue, so that both
# have to take the peak as it comes. The original's handler, which did one INSERT a punch, reached 2,900 rows/s.
_SERVERS = (("ec2_t4g_small", 250), ("ec2_m7g_large", 1_000))  # requests/s that one takes: assumed
_DATABASES = (("rds_t4g_medium", 500), ("rds_r7g_large", 3_000))  # rows/s that one takes: assumed
_LEAST_SERVERS = 2  # one in each of two zones
_LCU_CONNECTIONS = 25  # new connections/s that an LCU takes
_DOUBLINGS = 5  # from large to 16xlarge, the largest


def alarm_metrics() -> int:
    """Count the metrics that resources/alarms.yml looks at, which AWS charges for; of a stage without uploads."""
    text = (ROOT / "resources" / "alarms.yml").read_text(encoding="utf-8")
    groups: Any = yaml.load(text, yaml.BaseLoader)  # noqa: S506  texts only
    alarms = [alarm for name, group in groups.items() if name != "ofUploads" for alarm in group.values()]
    # Metric math lists its metrics, among its expressions; without it an alarm looks at one.
    return sum("MetricStat" in found for alarm in alarms for found in alarm.get("Metrics", [{"MetricStat": {}}]))


class Workload(NamedTuple):
    """What employees do in a month."""

    employees: int
    punches_a_day: int  # each in a peak of its own
    working_days: int  # of a month
    months_kept: int  # of rows: what has to be stored
    awake_hours: float  # of a working day in which stray punches and reports keep the database from pausing
    cells: int = 1  # deployments that share the employees

    @property
    def peaks(self) -> int:
        """How many peaks a month has."""
        return self.punches_a_day * self.working_days

    @property
    def punches(self) -> int:
        """How many punches a month has."""
        return self.employees * self.peaks


class Line(NamedTuple):
    """Of a bill."""

    service: str
    what: str
    quantity: float
    unit: str
    dollars: float


class Prices:
    """Of one region: those that a public page was found for."""

    def __init__(self, region: str, prices: Mapping[str, Any], left_out: Sequence[str]) -> None:
        """Takes what `prices_of` read, and the units of what it has no price of."""
        self.region = region
        self.left_out = left_out
        self._prices = prices

    @property
    def dated(self) -> tuple[str, str]:
        """The days of the oldest and of the newest page."""
        days = sorted(price["dated"] for price in self._prices.values())
        return days[0], days[-1]

    @property
    def sources(self) -> dict[str, dict[str, str]]:
        """Each price's page and day, by its name."""
        return {name: {key: price[key] for key in ("source", "dated")} for name, price in self._prices.items()}

    def knows(self, *names: str) -> bool:
        """Tell whether all of these have a price."""
        return all(name in self._prices for name in names)

    def bill(self, *rows: tuple[str, str, str, float]) -> list[Line]:
        """Bill quantities, each in its price's own unit; what has no price is left out.

        Args:
            rows: service, what of it, name of the price, quantity.
        """
        return [
            Line(service, what, quantity, self._prices[name]["unit"], tiered(quantity, self._tiers(name)))
            for service, what, name, quantity in rows
            if name in self._prices
        ]

    def _tiers(self, name: str) -> Sequence[tuple[float | None, float]]:
        price = self._prices[name]
        tiers: Sequence[tuple[float | None, float]] = price.get("tiers", [[None, price.get("price")]])
        return tiers

    def of(self, name: str) -> float:
        """Return a price that has no tiers."""
        return float(self._prices[name]["price"])


def regions() -> list[str]:
    """Return the regions whose prices are known."""
    return list(_read()["regions"])


def prices_of(region: str) -> Prices:
    """Read `prices.json`.

    Raises:
        KeyError: it does not know the region.
    """
    known = _read()["regions"]
    own = known[region]
    others = {name: price["unit"] for prices in known.values() for name, price in prices.items()}
    return Prices(region, own, [unit for name, unit in others.items() if name not in own])


def _read() -> Any:
    return json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))


def tiered(quantity: float, tiers: Sequence[tuple[float | None, float]]) -> float:
    """Price a quantity whose first part costs more than what follows.

    Args:
        quantity: in the unit of the price.
        tiers: (up to this quantity, price of one in this tier), the last without end.
    """
    dollars = 0.0
    begin = 0.0
    for end, price in tiers:
        top = quantity if end is None else min(quantity, end)
        dollars += max(top - begin, 0) * price
        begin = top
    return dollars


def month(
    workload: Workload, peak: Peak, settings: Settings, memory: int, pause_seconds: int, prices: Prices
) -> list[Line]:
    """Bill a month of this system.

    Args:
        workload: of all cells.
        peak: of one cell.
        settings: of the deployment that had the peak.
        memory: of the function, MB.
        pause_seconds: of idleness after which the database pauses.
        prices: of the region.
    """
    cells = workload.cells
    peaks = workload.peaks * cells
    million = 1_000_000
    batches = sum(second.batches for second in peak.seconds)
    # A batch takes as many requests as it has tens of messages, or part of ten.
    tens = sum(max(second.batches, math.ceil(second.stored / RECEIVE)) for second in peak.seconds)
    answers = sum(second.requests for second in peak.seconds) * peaks
    environments = max(second.concurrency for second in peak.seconds)
    milliseconds = (
        batches * settings.batch_milliseconds
        + environments * (settings.resume_seconds * 1000 + INIT_MILLISECONDS)  # each waits for the database once
    )
    empty = cells * settings.pollers.first * DAYS * 86_400 / LONG_POLL
    gigabytes = workload.punches * workload.months_kept * ROW_BYTES / 1e9
    writes = batches * peaks + workload.punches * LOG_RECORD_BYTES / 4096
    return prices.bill(
        # 429s are not charged: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-pricing.html
        ("API Gateway", "accepted punches", "apigateway_requests", workload.punches / million),
        ("SQS", "send", "sqs_requests", workload.punches / million),
        ("SQS", "receive and delete, tens", "sqs_requests", (2 * tens * peaks + empty) / million),
        ("Lambda", "batches", "lambda_requests", batches * peaks / million),
        ("Lambda", "duration", "lambda_compute", milliseconds * peaks / 1000 * memory / 1024),
        ("Aurora", "capacity", "aurora_capacity", capacity_hours(workload, peak, pause_seconds) * cells),
        ("Aurora", f"rows of {workload.months_kept} months", "aurora_storage", gigabytes),
        ("Aurora", "writes", "aurora_io", writes / million),
        ("Network", "interface endpoints", "vpc_endpoint", ENDPOINTS * HOURS * cells),
        ("Network", "answers", "transfer_out", answers * ANSWER_BYTES / 1e9),
        ("CloudWatch", "own metrics", "cloudwatch_metric", (METRICS + GATEWAY_METRICS) * cells),
        ("CloudWatch", "alarms", "cloudwatch_alarm", alarm_metrics() * cells),
        ("CloudWatch", "dashboard", "cloudwatch_dashboard", cells),
        ("CloudWatch", "logs", "cloudwatch_logs", batches * peaks * LOG_BYTES / 1e9),
        ("KMS", "key of the alarms' topic", "kms_key", cells),
        ("Secrets Manager", "database passwords", "secret", SECRETS * cells),
    )


def capacity_hours(workload: Workload, peak: Peak, pause_seconds: int) -> float:
    """Return the ACU-hours of a month's working days, of one cell.

    While it stores, the database has as many units as its rows/s need; otherwise the least, for as long as it is kept
    awake, by the peaks and the pause that follows each at least; at night and on other days it pauses.
    """
    working = sum(max(second.stored / DATABASE_ROWS - LEAST_ACU, 0) for second in peak.seconds) / 3600
    peaks_awake = workload.punches_a_day * (peak.end + pause_seconds) / 3600
    awake = min(max(workload.awake_hours, peaks_awake), 24)
    return workload.working_days * (workload.punches_a_day * working + awake * LEAST_ACU)


def always_on(workload: Workload, arriving: int, prices: Prices) -> list[Line]:
    """Bill a month of servers that are as large as the peak, day and night.

    It leaves out logs, alarms, secrets and whoever looks after the servers, and is empty where a server's price is not
    known.

    Args:
        workload: of all cells.
        arriving: punches/s at the highest, of all cells.
        prices: of the region.
    """
    if not prices.knows(*(name for name, _ in (*_SERVERS, *_DATABASES)), "load_balancer", "rds_storage"):
        return []
    server, servers = _fleet(arriving, _SERVERS, _LEAST_SERVERS, prices)
    database, size = _fleet(arriving, _DATABASES, 1, prices)
    if size > 1:  # an instance is as large as a power of two, up to the largest; beyond it there are several
        largest = 2**_DOUBLINGS
        size = 2 ** math.ceil(math.log2(size)) if size <= largest else largest * math.ceil(size / largest)
    gigabytes = workload.punches * workload.months_kept * ROW_BYTES / 1e9
    return prices.bill(
        ("EC2", f"{servers:,} x {server.removeprefix('ec2_').replace('_', '.', 1)}", server, servers * HOURS),
        ("ALB", "hours", "load_balancer", HOURS),
        ("ALB", "connections", "load_balancer_lcu", workload.punches / _LCU_CONNECTIONS / 3600),
        ("RDS", f"{size:,} x db.{database.removeprefix('rds_').replace('_', '.', 1)}", database, size * HOURS),
        ("RDS", f"rows of {workload.months_kept} months", "rds_storage", gigabytes),
        ("Network", "answers", "transfer_out", workload.punches * ANSWER_BYTES / 1e9),
    )


def _fleet(arriving: int, kinds: Iterable[tuple[str, int]], least: int, prices: Prices) -> tuple[str, int]:
    """Return the kind that takes a load at the lowest price, and how many of it."""
    fleets = [(name, max(math.ceil(arriving / each), least)) for name, each in kinds]
    # A burstable kind is not meant to be many.
    fitting = [fleet for fleet in fleets if fleet[1] <= least] or fleets[-1:]
    return min(fitting, key=lambda fleet: fleet[1] * prices.of(fleet[0]))


def total(lines: Iterable[Line]) -> float:
    """Add up a bill, US dollars."""
    return sum(line.dollars for line in lines)
