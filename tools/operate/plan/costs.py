"""Costs of a month of peaks. Each line of a bill is a product of quantities and a price of prices.json.

The comment of each constant says whether it is an assumption or a measurement.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tools.operate.plan.peak import POLLERS, Peak
from tools.operate.plan.settings import DATABASE_ROWS, RESUME_SECONDS, StageSettings

HOURS = 730  # hours of a month in AWS's bills

ROW_BYTES = 285  # a row with its indexes, as measured for punches of a month

# Assumptions.
PEAK_SECONDS = 600  # Brazilian law tolerates 5 minutes before and after the hour
LOG_BYTES = 1_500  # log of a batch: a line of JSON, and Lambda's START, END and REPORT
RESPONSE_BYTES = 600  # response to a punch, with its headers
LOG_RECORD_BYTES = 500  # write-ahead log of a row; Aurora counts an I/O for each 4 KiB
INIT_SECONDS = 0.5  # cold start, billed since August 2025
MIN_ACU = 0.5  # capacity of a database that is not paused

# Numbers of this project, which tests compare with serverless.yml's resources.
METRICS = 14  # in each line of the function's log
GATEWAY_METRICS = 5  # detailed metrics of the method for punches, priced as custom metrics
MAX_MESSAGES_PER_REQUEST = 10  # messages that one request to SQS receives or deletes
LONG_POLL_SECONDS = 20  # time that a receive request waits at an empty queue

_LIST = json.loads(Path(__file__).with_name("prices.json").read_text("utf-8"))
REGION: str = _LIST["region"]
PRICES: dict[str, Any] = _LIST["prices"]
"""Prices of REGION by name: unit, price or tiers, source page, and the day on which it was read."""


class Month(NamedTuple):
    """Assumptions about a month."""

    peaks_a_day: int = 4  # every employee sends a punch in each peak
    working_days: int = 22
    months_kept: int = 12  # months of rows in the database
    awake_hours: float = 12  # hours of a working day in which single punches and queries keep the database awake


class BillLine(NamedTuple):
    """Line of a bill."""

    what: str
    formula: str  # of the dollars
    quantity: float
    unit: str  # of the quantity
    dollars: float

    @property
    def amount(self) -> str:
        """The dollars as text."""
        return f"{self.dollars:,.2f}"


def bill(peak: Peak, settings: StageSettings, month: Month) -> list[BillLine]:
    """Return the bill of a month in which every peak is like `peak`."""
    peaks = month.peaks_a_day * month.working_days
    punches = peak.punches * peaks
    # With few punches, each poller invokes the function with a small batch each second.
    pollers = min(POLLERS, settings.concurrency)
    batches = min(peak.punches, math.ceil(max(peak.punches / settings.batch, pollers * peak.seconds))) * peaks
    # Ten messages, or fewer at the end of a batch, need one receive request and one delete request.
    tens = max(batches, math.ceil(peak.punches / MAX_MESSAGES_PER_REQUEST) * peaks)
    batch_seconds, gigabytes = settings.batch_milliseconds / 1000, settings.memory / 1024
    # At each peak, all execution environments start and wait for the database once.
    starts, start_seconds = settings.concurrency * peaks, RESUME_SECONDS + INIT_SECONDS
    # Batches come in the same hours, and custom metrics cost only in hours with values.
    awake = min(max(month.awake_hours, month.peaks_a_day * (peak.seconds + settings.pause_seconds) / 3600), 24)

    # Label, name of the price, factors by what they count, and the divisor of their product.
    rows: list[tuple[str, str, dict[str, float], int]] = [
        # 429s are not charged: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-pricing.html
        ("API Gateway: requests", "apigateway_requests", {"requests": punches}, 1_000_000),
        ("SQS: send", "sqs_requests", {"requests": punches}, 1_000_000),
        ("SQS: receive and delete", "sqs_requests", {"requests each": tens, "kinds": 2}, 1_000_000),
        ("SQS: fair queue", "sqs_fair_requests", {"requests": (punches + 2 * tens) * settings.fair_queue}, 1_000_000),
        (
            "SQS: empty receives",
            "sqs_requests",
            {"pollers": pollers, "requests": HOURS * 3600 / LONG_POLL_SECONDS},
            1_000_000,
        ),
        ("Lambda: batches", "lambda_requests", {"batches": batches}, 1_000_000),
        ("Lambda: compute", "lambda_compute", {"batches": batches, "s": batch_seconds, "GB": gigabytes}, 1),
        ("Lambda: starts", "lambda_compute", {"starts": starts, "s": start_seconds, "GB": gigabytes}, 1),
        ("Aurora: storing", "aurora_capacity", {"rows": punches}, DATABASE_ROWS * 3600),
        ("Aurora: awake", "aurora_capacity", {"days": month.working_days, "h": awake, "ACU": MIN_ACU}, 1),
        ("Aurora: rows", "aurora_storage", {"rows": punches * month.months_kept, "bytes": ROW_BYTES}, 1_000_000_000),
        ("Aurora: commits", "aurora_io", {"batches": batches}, 1_000_000),
        ("Aurora: log", "aurora_io", {"rows": punches, "bytes": LOG_RECORD_BYTES}, 4096 * 1_000_000),
        ("Network: endpoints", "vpc_endpoint", {"endpoints": settings.endpoints, "h": HOURS}, 1),
        ("Network: responses", "transfer_out", {"responses": punches, "bytes": RESPONSE_BYTES}, 1_000_000_000),
        (
            "CloudWatch: metrics",
            "cloudwatch_metric",
            {"metrics": METRICS + GATEWAY_METRICS, "days": month.working_days, "h": awake},
            HOURS,
        ),
        ("CloudWatch: alarms", "cloudwatch_alarm", {"metrics": settings.alarm_metrics}, 1),
        ("CloudWatch: dashboard", "cloudwatch_dashboard", {"dashboard": settings.dashboards}, 1),
        ("CloudWatch: logs", "cloudwatch_logs", {"batches": batches, "bytes": LOG_BYTES}, 1_000_000_000),
        ("KMS: the topic's key", "kms_key", {"key": settings.keys}, 1),
        ("Secrets Manager", "secret", {"secrets": settings.secrets}, 1),
    ]
    lines = [_line(label, PRICES[name], factors, per) for label, name, factors, per in rows]
    return [line for line in lines if settings.has_cluster or not line.what.startswith("Aurora")]


def idle_bill(settings: StageSettings) -> list[BillLine]:
    """Return the bill of a month without punches, with 1 GB of rows."""
    nothing = Month(peaks_a_day=0, working_days=0, months_kept=0, awake_hours=0)
    lines = [line for line in bill(Peak(0, 1), settings, nothing) if line.what != "Aurora: rows"]
    storage = _line("Aurora: storage", PRICES["aurora_storage"], {"GB": 1}, 1)
    return [*lines, storage] if settings.has_cluster else lines


def punch_bill(peak: Peak, settings: StageSettings) -> list[BillLine]:
    """Return the bill of one peak's punches alone, in addition to an idle month."""
    month = Month(peaks_a_day=1, working_days=1, months_kept=1, awake_hours=0)
    fixed = {line.what for line in idle_bill(settings) if line.quantity} | {"CloudWatch: metrics"}
    return [line for line in bill(peak, settings, month) if line.quantity and line.what not in fixed]


def _line(label: str, price: Mapping[str, Any], factors: Mapping[str, float], per: int) -> BillLine:
    quantity = math.prod(factors.values()) / per
    formula = " x ".join(f"{round(value, 6):,.12g} {noun}" for noun, value in factors.items())
    formula += f" / {per:,}" if per > 1 else ""
    parts = tiered(quantity, price.get("tiers", [[None, price.get("price")]]))
    priced = [
        f"{round(part, 6):,.12g} x {format(unit_price, '.10f').rstrip('0').rstrip('.')}" for part, unit_price in parts
    ]
    formula = f"{formula} = {' + '.join(priced)}"
    return BillLine(label, formula, quantity, price["unit"], sum(part * unit_price for part, unit_price in parts))


def tiered(quantity: float, tiers: Sequence[tuple[float | None, float]]) -> list[tuple[float, float]]:
    """Divide a quantity into price tiers, and return the part in each tier with its price.

    Args:
        tiers: upper end of each tier (None: no end), and price of a unit in it.
    """
    ends = [0.0, *(quantity if end is None else min(end, quantity) for end, _ in tiers)]
    parts = [(end - begin, price) for (begin, end), (_, price) in zip(pairwise(ends), tiers, strict=True)]
    return [part for part in parts if part[0]] or parts[:1]


def total(lines: Iterable[BillLine]) -> float:
    """Return the sum of a bill in US dollars."""
    return sum(line.dollars for line in lines)


def to_json(lines: Sequence[BillLine]) -> dict[str, Any]:
    """Return a bill as JSON."""
    return {"lines": [line._asdict() for line in lines], "dollars": round(total(lines), 2)}
