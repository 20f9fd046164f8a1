"""Costs of a month of peaks: each line a product of quantities, times a price of prices.json. Pure.

Each constant below is an assumption or a measured figure, and says which.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.kit.project import ROOT
from tools.plan.peak import POLLERS, Peak
from tools.plan.settings import DATABASE_ROWS, StageSettings

HOURS = 730  # of a month, as AWS counts

ROW_BYTES = 285  # a row of batida with its indexes; tests/postgres/test_demo.py measures it

# Assumed.
LOG_BYTES = 1_500  # of a batch: its line of JSON, and Lambda's own START, END and REPORT
ANSWER_BYTES = 600  # of an answer, headers included
LOG_RECORD_BYTES = 500  # that the database writes ahead for a row; Aurora counts an I/O for each 4 KiB of them
INIT_SECONDS = 0.5  # of a cold start, billed since August 2025
MIN_ACU = 0.5  # of a database that is not paused

# This project's own: tests hold them against serverless.yml's resources.
METRICS = 14  # in each line of the log
ESSENTIAL_METRICS = 3  # that the alarms of a stage with `alarms: essential` look at
GATEWAY_METRICS = 5  # that the gateway keeps for POST /ponto alone: detailed ones, which cost as own metrics do
MAX_MESSAGES_PER_REQUEST = 10  # messages that SQS hands over, or deletes, in a request
LONG_POLL_SECONDS = 20  # s that a request for messages of an empty queue waits

PRICES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("prices.json").read_text("utf-8"))["regions"]
"""Prices of each region by name, with unit, price or tiers, page and its day."""


def alarm_metrics() -> int:
    """Count the metrics that resources/alarms.yml looks at, which AWS charges for, without the slices' own."""
    text = (ROOT / "resources" / "alarms.yml").read_text(encoding="utf-8")
    groups: Any = yaml.load(text, yaml.BaseLoader)  # noqa: S506  texts only
    alarms = [
        alarm for group in ("metricAlarms", "expressionAlarms", "clusterAlarms") for alarm in groups[group].values()
    ]
    # Metric math lists its metrics, among its expressions; without it an alarm looks at one.
    return sum("MetricStat" in found for alarm in alarms for found in alarm.get("Metrics", [{"MetricStat": {}}]))


class Month(NamedTuple):
    """Assumptions about a month."""

    peaks_a_day: int = 4  # each employee punches once in each
    working_days: int = 22
    months_kept: int = 12  # of rows: what has to be stored
    awake_hours: float = 12  # of a working day in which stray punches and reports keep the database from pausing


class BillLine(NamedTuple):
    """Line of a bill."""

    what: str
    formula: str  # of the dollars, or of the quantity where the region has no price
    quantity: float
    unit: str  # of the quantity; empty where the region has no price
    dollars: float | None


def bill(peak: Peak, settings: StageSettings, month: Month, region: str) -> list[BillLine]:
    """Bill a month in which every peak is this one, with a region's prices."""
    peaks = month.peaks_a_day * month.working_days
    punches = peak.punches * peaks
    # Few punches do not fill batches: each poller gives the function a batch of its own each second.
    pollers = min(POLLERS, settings.concurrency)
    batches = min(peak.punches, math.ceil(max(peak.punches / settings.batch, pollers * peak.seconds))) * peaks
    # Each batch is received and deleted in one request of each kind for ten messages, or part of ten.
    tens = max(batches, math.ceil(peak.punches / MAX_MESSAGES_PER_REQUEST) * peaks)
    batch_seconds, gigabytes = settings.batch_milliseconds / 1000, settings.memory / 1024
    # Of each function that may run, at each peak; each waits for the database once.
    starts, start_seconds = settings.concurrency * peaks, settings.resume_seconds + INIT_SECONDS
    watched = alarm_metrics() if settings.all_alarms else ESSENTIAL_METRICS
    awake = min(max(month.awake_hours, month.peaks_a_day * (peak.seconds + settings.pause_seconds) / 3600), 24)

    # What, name of its price, factors by what they count, and what their product is divided by.
    rows: list[tuple[str, str, dict[str, float], int]] = [
        # 429s are not charged: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-pricing.html
        ("API Gateway: punches", "apigateway_requests", {"punches": punches}, 1_000_000),
        ("SQS: send", "sqs_requests", {"punches": punches}, 1_000_000),
        ("SQS: receive and delete", "sqs_requests", {"requests each": tens, "kinds": 2}, 1_000_000),
        ("SQS: fair queue", "sqs_fair_requests", {"requests": (punches + 2 * tens) * settings.fair_queue}, 1_000_000),
        (
            "SQS: ask in vain",
            "sqs_requests",
            {"pollers": pollers, "requests": HOURS * 3600 / LONG_POLL_SECONDS},
            1_000_000,
        ),
        ("Lambda: batches", "lambda_requests", {"batches": batches}, 1_000_000),
        ("Lambda: at work", "lambda_compute", {"batches": batches, "s": batch_seconds, "GB": gigabytes}, 1),
        ("Lambda: starts", "lambda_compute", {"starts": starts, "s": start_seconds, "GB": gigabytes}, 1),
        ("Aurora: storing", "aurora_capacity", {"punches": punches}, DATABASE_ROWS * 3600),
        ("Aurora: awake", "aurora_capacity", {"days": month.working_days, "h": awake, "ACU": MIN_ACU}, 1),
        ("Aurora: rows", "aurora_storage", {"rows": punches * month.months_kept, "bytes": ROW_BYTES}, 1_000_000_000),
        ("Aurora: commits", "aurora_io", {"batches": batches}, 1_000_000),
        ("Aurora: log", "aurora_io", {"punches": punches, "bytes": LOG_RECORD_BYTES}, 4096 * 1_000_000),
        ("Network: endpoints", "vpc_endpoint", {"endpoints": settings.endpoints, "h": HOURS}, 1),
        ("Network: answers", "transfer_out", {"punches": punches, "bytes": ANSWER_BYTES}, 1_000_000_000),
        ("CloudWatch: metrics", "cloudwatch_metric", {"metrics": (METRICS + GATEWAY_METRICS) if punches else 0}, 1),
        ("CloudWatch: alarms", "cloudwatch_alarm", {"metrics": watched}, 1),
        ("CloudWatch: dashboard", "cloudwatch_dashboard", {"dashboard": settings.dashboards}, 1),
        ("CloudWatch: logs", "cloudwatch_logs", {"batches": batches, "bytes": LOG_BYTES}, 1_000_000_000),
        ("KMS: the topic's key", "kms_key", {"key": settings.keys}, 1),
        ("Secrets Manager", "secret", {"secrets": settings.secrets}, 1),
    ]
    return [_line(what, PRICES[region].get(name), factors, per) for what, name, factors, per in rows]


def idle_bill(settings: StageSettings, region: str) -> list[BillLine]:
    """Bill a month without a punch: no metrics of our own, which cost by the hour that has one, and a GB of storage."""
    nothing = Month(peaks_a_day=0, working_days=0, months_kept=0, awake_hours=0)
    lines = [line for line in bill(Peak(0, 1), settings, nothing, region) if line.what != "Aurora: rows"]
    return [*lines, _line("Aurora: storage", PRICES[region].get("aurora_storage"), {"GB": 1}, 1)]


def punch_bill(peak: Peak, settings: StageSettings, region: str) -> list[BillLine]:
    """Bill the punches of one peak alone: what they cost besides an idle month."""
    month = Month(peaks_a_day=1, working_days=1, months_kept=1, awake_hours=0)
    fixed = {line.what for line in idle_bill(settings, region) if line.quantity} | {"CloudWatch: metrics"}
    return [line for line in bill(peak, settings, month, region) if line.quantity and line.what not in fixed]


def rotation(settings: StageSettings, region: str) -> float:
    """Return what each of the first two yearly rotations of the topic's key adds to every later month, US dollars.

    Later ones add nothing: https://aws.amazon.com/kms/pricing
    """
    price: float = PRICES[region]["kms_key"]["price"]
    return settings.keys * price


def _line(what: str, price: Mapping[str, Any] | None, factors: Mapping[str, float], per: int) -> BillLine:
    quantity = math.prod(factors.values()) / per
    formula = " x ".join(f"{round(value, 6):,.12g} {noun}" for noun, value in factors.items())
    formula += f" / {per:,}" if per > 1 else ""
    if price is None:
        return BillLine(what, formula, quantity, "", None)
    parts = tiered(quantity, price.get("tiers", [[None, price.get("price")]]))
    priced = [f"{round(part, 6):,.12g} x {format(each, '.10f').rstrip('0').rstrip('.')}" for part, each in parts]
    formula = f"{formula} = {' + '.join(priced)}"
    return BillLine(what, formula, quantity, price["unit"], sum(part * each for part, each in parts))


def tiered(quantity: float, tiers: Sequence[tuple[float | None, float]]) -> list[tuple[float, float]]:
    """Divide a quantity into tiers, given as (up to this quantity, price of one): the part in each, and its price."""
    ends = [0.0, *(quantity if end is None else min(end, quantity) for end, _ in tiers)]
    parts = [(end - begin, price) for (begin, end), (_, price) in zip(pairwise(ends), tiers, strict=True)]
    return [part for part in parts if part[0]] or parts[:1]


def total(lines: Iterable[BillLine]) -> float:
    """Add up a bill, US dollars; without what has no price."""
    return sum(line.dollars or 0 for line in lines)
