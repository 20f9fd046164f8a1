"""What a month of peaks costs: this system's services, and an always-on server that takes the same peak. Pure.

Each constant below is an assumption or a measured figure, and says which.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ponto.cli.simulation import Peak, Settings

HOURS = 730  # of a month, as AWS counts
DAYS = 365 / 12

# Measured: `python -m bench.calibrate`, which prints both.
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
SECRETS = 2  # the owner's, and the function's
METRICS = 12  # in each line of the log
ALARM_METRICS = 15
RECEIVE = 10  # messages that SQS hands over, or deletes, in a request
LONG_POLL = 20  # s that a request for messages of an empty queue waits

# The always-on server: a web server pair behind a load balancer, one INSERT a punch into RDS, no queue, so that both
# have to take the peak as it comes. The original's handler, which did one INSERT a punch, reached 2,900 rows/s.
_SERVERS = (("ec2_t4g_small", 250), ("ec2_m7g_large", 1_000))  # requests/s that one takes: assumed
_DATABASES = (("rds_t4g_medium", 500), ("rds_m7g_large", 3_000))  # rows/s that one takes: assumed
_LEAST_SERVERS = 2  # one in each of two zones
_LCU_CONNECTIONS = 25  # new connections/s that an LCU takes
_DOUBLINGS = 5  # from large to 16xlarge, the largest


class Load(NamedTuple):
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
    """Of one region."""

    def __init__(self, region: str, dated: str, prices: Mapping[str, Any]) -> None:
        """Takes what `load_prices` read."""
        self.region = region
        self.dated = dated
        self._prices = prices

    def line(self, service: str, what: str, name: str, quantity: float) -> Line:
        """Bill a quantity, in the price's own unit."""
        price = self._prices[name]
        tiers = price.get("tiers", [[None, price.get("price")]])
        return Line(service, what, quantity, price["unit"], tiered(quantity, tiers))

    def of(self, name: str) -> float:
        """Return a price that has no tiers."""
        return float(self._prices[name]["price"])


def regions() -> list[str]:
    """Return the regions whose prices are known."""
    return list(_read()["regions"])


def load_prices(region: str) -> Prices:
    """Read `prices.json`.

    Raises:
        KeyError: it does not know the region.
    """
    document = _read()
    return Prices(region, document["dated"], document["regions"][region])


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


def month(load: Load, peak: Peak, settings: Settings, memory: int, pause_seconds: int, prices: Prices) -> list[Line]:
    """Bill a month of this system.

    Args:
        load: of all cells.
        peak: of one cell.
        settings: of the deployment that had the peak.
        memory: of the function, MB.
        pause_seconds: of idleness after which the database pauses.
        prices: of the region.
    """
    cells = load.cells
    peaks = load.peaks * cells
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
    gigabytes = load.punches * load.months_kept * ROW_BYTES / 1e9
    writes = batches * peaks + load.punches * LOG_RECORD_BYTES / 4096
    bill = prices.line
    return [
        # 429s are not charged: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-pricing.html
        bill("API Gateway", "accepted punches", "apigateway_requests", load.punches / million),
        bill("SQS", "send", "sqs_requests", load.punches / million),
        bill("SQS", "receive and delete, tens", "sqs_requests", (2 * tens * peaks + empty) / million),
        bill("Lambda", "batches", "lambda_requests", batches * peaks / million),
        bill("Lambda", "duration", "lambda_compute", milliseconds * peaks / 1000 * memory / 1024),
        bill("Aurora", "capacity", "aurora_capacity", capacity_hours(load, peak, pause_seconds) * cells),
        bill("Aurora", f"rows of {load.months_kept} months", "aurora_storage", gigabytes),
        bill("Aurora", "writes", "aurora_io", writes / million),
        bill("Network", "interface endpoints", "vpc_endpoint", ENDPOINTS * HOURS * cells),
        bill("Network", "answers", "transfer_out", answers * ANSWER_BYTES / 1e9),
        bill("CloudWatch", "own metrics", "cloudwatch_metric", METRICS * cells),
        bill("CloudWatch", "alarms", "cloudwatch_alarm", ALARM_METRICS * cells),
        bill("CloudWatch", "dashboard", "cloudwatch_dashboard", cells),
        bill("CloudWatch", "logs", "cloudwatch_logs", batches * peaks * LOG_BYTES / 1e9),
        bill("KMS", "key of the alarms' topic", "kms_key", cells),
        bill("Secrets Manager", "both database passwords", "secret", SECRETS * cells),
    ]


def capacity_hours(load: Load, peak: Peak, pause_seconds: int) -> float:
    """Return the ACU-hours of a month's working days, of one cell.

    While it stores, the database has as many units as its rows/s need; otherwise the least, for as long as it is kept
    awake, by the peaks and the pause that follows each at least; at night and on other days it pauses.
    """
    working = sum(max(second.stored / DATABASE_ROWS - LEAST_ACU, 0) for second in peak.seconds) / 3600
    peaks_awake = load.punches_a_day * (peak.end + pause_seconds) / 3600
    awake = min(max(load.awake_hours, peaks_awake), 24)
    return load.working_days * (load.punches_a_day * working + awake * LEAST_ACU)


def always_on(load: Load, arriving: int, prices: Prices) -> list[Line]:
    """Bill a month of servers that are as large as the peak, day and night.

    It leaves out logs, alarms, secrets and whoever looks after the servers.

    Args:
        load: of all cells.
        arriving: punches/s at the highest, of all cells.
        prices: of the region.
    """
    server, servers = _fleet(arriving, _SERVERS, _LEAST_SERVERS, prices)
    database, size = _fleet(arriving, _DATABASES, 1, prices)
    if size > 1:  # an instance is as large as a power of two, up to the largest; beyond it there are several
        largest = 2**_DOUBLINGS
        size = 2 ** math.ceil(math.log2(size)) if size <= largest else largest * math.ceil(size / largest)
    gigabytes = load.punches * load.months_kept * ROW_BYTES / 1e9
    bill = prices.line
    return [
        bill("EC2", f"{servers:,} x {server.removeprefix('ec2_').replace('_', '.', 1)}", server, servers * HOURS),
        bill("ALB", "hours", "load_balancer", HOURS),
        bill("ALB", "connections", "load_balancer_lcu", load.punches / _LCU_CONNECTIONS / 3600),
        bill("RDS", f"{size:,} x db.{database.removeprefix('rds_').replace('_', '.', 1)}", database, size * HOURS),
        bill("RDS", f"rows of {load.months_kept} months", "rds_storage", gigabytes),
        bill("Network", "answers", "transfer_out", load.punches * ANSWER_BYTES / 1e9),
    ]


def _fleet(arriving: int, kinds: Iterable[tuple[str, int]], least: int, prices: Prices) -> tuple[str, int]:
    """Return the kind that takes a load at the lowest price, and how many of it."""
    fleets = [(name, max(math.ceil(arriving / each), least)) for name, each in kinds]
    # A burstable kind is not meant to be many.
    fitting = [fleet for fleet in fleets if fleet[1] <= least] or fleets[-1:]
    return min(fitting, key=lambda fleet: fleet[1] * prices.of(fleet[0]))


def total(lines: Iterable[Line]) -> float:
    """Add up a bill, US dollars."""
    return sum(line.dollars for line in lines)
