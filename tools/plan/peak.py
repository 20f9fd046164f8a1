"""Comparison of a peak of punches with each limit of a deployment.

Sources of AWS's limits:
  gateway      https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
  pollers      https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  in flight    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

import math
from typing import NamedTuple

from tools.plan.settings import StageSettings

POLLERS = 5  # number of pollers at the start, and number that Lambda adds each second
MAX_IN_FLIGHT = 120_000  # limit of a standard queue's messages that are received and not yet deleted
_RATES = "stageRateLimit, punchRateLimit and keyRateLimit"
_DIVIDE = "divide the employees among {} deployments, each in a separate account or region"


class Peak(NamedTuple):
    """A number of punches in a period, at a rate that rises linearly to twice the mean, and then falls."""

    punches: int
    seconds: float

    @property
    def highest(self) -> float:
        """Punches/s in the middle of the peak."""
        return 2 * self.punches / self.seconds

    def waiting(self, rate: float) -> float:
        """Return how many punches wait at the worst moment if `rate` of them are processed per second."""
        # The part above the rate is a triangle, scaled by this factor in height and length.
        return self.punches * max(1 - rate / self.highest, 0) ** 2

    def drain_seconds(self, rate: float) -> float:
        """Return how many seconds after the peak the last punch is processed, at `rate` punches per second."""
        # Processing runs at the full rate, except at the start of the peak, when fewer punches arrive.
        start = self.seconds * rate / self.highest / 4
        return max(self.punches / rate + start - self.seconds, 0) if rate < self.highest else 0


class Limit(NamedTuple):
    """A limit that punches pass on their way to the database."""

    name: str
    admits: float  # punches/s
    why: str  # reason for this number
    value: float  # present value of the setting to raise, to which `admits` is proportional
    advice: str  # what to do if the limit is too low; {} is the value that is needed
    refuses: bool = False  # whether excess punches are answered 429; at other limits they wait in the queue


class Forecast(NamedTuple):
    """Outcome of a peak."""

    limits: list[Limit]  # in the order in which a punch passes them
    binds_first: Limit  # the tightest limit
    waiting: float  # punches in the queue at the worst moment, without those of the drain's start
    starting_seconds: float  # maximum time until the database has resumed and all pollers are added
    oldest_seconds: float  # longest wait of a punch in the queue
    stored_seconds_after: float  # from the end of the peak to the last row, without the drain's start
    change: list[str]  # what is too low, and what to do; empty if the peak fits


def forecast(peak: Peak, settings: StageSettings, oldest_seconds: float) -> Forecast:
    """Compare a peak with each limit.

    The peak fits if no punch is answered 429, and none waits in the queue for longer than `oldest_seconds`.
    """
    limits = _limits(settings)
    drained = min(limit.admits for limit in limits if not limit.refuses)  # punches/s
    starting = settings.resume_seconds + max(settings.concurrency - POLLERS, 0) / POLLERS
    oldest = starting + peak.waiting(drained) / drained
    change = []
    if settings.stage_burst > settings.account_burst:
        change.append(
            f"burst: the stage sets {settings.stage_burst:,.0f}, and API Gateway allows the account "
            f"{settings.account_burst:,.0f}: lower stageBurstLimit, punchBurstLimit and keyBurstLimit to that."
        )
    for limit in limits:
        if limit.admits < peak.highest and (limit.refuses or oldest > oldest_seconds):
            what = "are answered 429 and sent again" if limit.refuses else "wait at the worst moment"
            advice = limit.advice.format(f"{math.ceil(limit.value * peak.highest / limit.admits):,}")
            change.append(f"{limit.name}: {peak.waiting(limit.admits):,.0f} punches {what}: {advice}.")
    if starting > oldest_seconds:
        advice = "MinCapacity 0.5 keeps the database awake, and provisioned mode of the mapping keeps pollers ready"
        change.append(f"start of the drain: up to {starting:,.0f} s: {advice}.")
    first, after = min(limits, key=lambda limit: limit.admits), peak.drain_seconds(drained)
    return Forecast(limits, first, peak.waiting(drained), starting, oldest, after, change)


def _limits(settings: StageSettings) -> list[Limit]:
    seconds = settings.batch_milliseconds / 1000
    batches = f"{settings.concurrency:,} batches at once x {settings.batch:,} messages / {seconds:.4g} s"
    raise_acu = "raise maximumAcu to {} (beyond 256: several deployments)"
    acu = f"{settings.maximum_acu:g} ACU x {settings.database_rows / settings.maximum_acu:,.0f} rows/s"
    raise_rates = f"raise {_RATES}, and the burst limits with them, to {{}}"
    raise_concurrency = "raise reservedConcurrency and maximumConcurrency to {} (beyond 1,000: several deployments)"
    return [
        Limit(
            "stage throttle",
            settings.stage_rate,
            f"the lowest of {_RATES}",
            settings.stage_rate,
            raise_rates,
            refuses=True,
        ),
        Limit(
            "account throttle", settings.account_rate, "AWS's default, unless it was raised", 1, _DIVIDE, refuses=True
        ),
        Limit(
            "concurrency",
            settings.concurrency * settings.batch / seconds,
            batches,
            settings.concurrency,
            raise_concurrency,
        ),
        Limit(
            "messages in flight", MAX_IN_FLIGHT / seconds, f"{MAX_IN_FLIGHT:,} of a queue / {seconds:.4g} s", 1, _DIVIDE
        ),
        Limit("database", settings.database_rows, acu, settings.maximum_acu, raise_acu),
    ]
