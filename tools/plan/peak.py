"""A peak of punches against each limit of a deployment. Arithmetic only: numbers in, numbers out.

Where AWS's own limits come from:
  gateway      https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
  pollers      https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  in flight    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

import math
from typing import NamedTuple

from tools.plan.settings import StageSettings

POLLERS = 5  # batches at once that Lambda begins with, and adds each second
MAX_IN_FLIGHT = 120_000  # messages of one standard queue that may be received and not yet deleted
_RATES = "stageRateLimit, punchRateLimit and keyRateLimit"
_DIVIDE = "divide the employees over {} deployments, each in an account or region of its own"


class Peak(NamedTuple):
    """Punches that come within some seconds: their rate rises evenly to twice the mean, and falls again."""

    punches: int
    seconds: float

    @property
    def highest(self) -> float:
        """Punches/s in the middle of the peak."""
        return 2 * self.punches / self.seconds

    def waiting(self, rate: float) -> float:
        """Return how many punches wait at the worst moment for something that takes `rate` of them a second."""
        # What is above the rate is a triangle too, of this part of the whole one's height and length.
        return self.punches * max(1 - rate / self.highest, 0) ** 2

    def drain_seconds(self, rate: float) -> float:
        """Return how long after the peak the last one is taken, where `rate` are taken a second."""
        # At this rate all the time, but for the begin of the peak, in which fewer come.
        begin = self.seconds * rate / self.highest / 4
        return max(self.punches / rate + begin - self.seconds, 0) if rate < self.highest else 0


class Limit(NamedTuple):
    """Limit that a punch has to pass."""

    name: str
    admits: float  # punches/s
    why: str  # it admits as many
    value: float  # of what can be raised; twice as much admits twice as many
    advice: str  # where that is too low, with {} for how much is needed
    refuses: bool = False  # with a 429; others let punches wait in the queue


class Forecast(NamedTuple):
    """Outcome of a peak."""

    limits: list[Limit]  # in the order in which a punch passes them
    binds_first: Limit  # when more come
    waiting: float  # punches in the queue at the worst moment, but for those of the drain's start
    starting_seconds: float  # until the drain is at work, at most: the database resumes, then pollers are added
    oldest_seconds: float  # that a punch waits in the queue, at most
    stored_seconds_after: float  # the peak, but for the drain's start
    change: list[str]  # what is too low, and what to do; nothing where the peak fits


def forecast(peak: Peak, settings: StageSettings, oldest_seconds: float) -> Forecast:
    """Hold a peak against each limit.

    It fits where none is answered 429, and none waits in the queue for longer than `oldest_seconds`.
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
        advice = "MinCapacity 0.5 keeps the database awake, provisioned mode of the mapping has its pollers ready"
        change.append(f"start of the drain: up to {starting:,.0f} s: {advice}.")
    first, after = min(limits, key=lambda limit: limit.admits), peak.drain_seconds(drained)
    return Forecast(limits, first, peak.waiting(drained), starting, oldest, after, change)


def _limits(settings: StageSettings) -> list[Limit]:
    seconds = settings.batch_milliseconds / 1000
    batches = f"{settings.concurrency:,} batches at once x {settings.batch:,} punches / {seconds:.4g} s"
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
        Limit("account throttle", settings.account_rate, "AWS's, unless it grants more", 1, _DIVIDE, refuses=True),
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
