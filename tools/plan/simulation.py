"""A peak of punches, second by second: devices, gateway, queue, drain, database. Pure: numbers in, numbers out.

Where the limits come from:
  pollers      https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  gateway      https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
  in flight    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

import math
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import NamedTuple

MAXIMUM_CONCURRENCY = 1_000
"""The highest that an event source mapping's maximumConcurrency takes."""

IN_FLIGHT = 120_000
"""Messages of one standard queue that may be received and not yet deleted."""

HORIZON = 86_400
"""Seconds after which a simulation gives up: the next day's peak has come."""

_ROUNDING = 1e-6  # of a row: a capacity of 50 may come out as 49.999999999


class Shape(StrEnum):
    """How the punches of a peak are spread over it."""

    TRIANGLE = "triangle"  # rises evenly to twice the mean in the middle, and falls again
    UNIFORM = "uniform"


class Limit(StrEnum):
    """What can hold punches up."""

    STAGE = "stage throttle"
    ACCOUNT = "account throttle"
    RESUME = "database resuming"
    POLLERS = "pollers scaling"
    CONCURRENCY = "concurrency"
    IN_FLIGHT = "messages in flight"
    CONNECTIONS = "database connections"
    DATABASE = "database"


class Throttle(NamedTuple):
    """A token bucket of the gateway, full at first."""

    limit: Limit
    rate: int  # requests/s that it gains
    burst: int  # requests that it holds at most


class Pollers(NamedTuple):
    """How far Lambda's pollers have scaled: batches at once."""

    first: int = 5
    a_second: int = 5  # 300 a minute, as long as messages are left
    most: int = 1_250


class Settings(NamedTuple):
    """A deployment, as far as a peak notices."""

    concurrency: int  # batches at once: the lower of reservedConcurrency and maximumConcurrency
    batch: int  # punches
    batch_milliseconds: float  # of a full batch that has the database for itself, from its receipt to its deletion
    database_rows: float = math.inf  # rows/s that the database stores at most, however many ask
    connections: int = 1_000_000  # that the database leaves to the drain; a batch at work holds one
    resume_seconds: int = 0  # until a paused database stores the first row
    throttles: tuple[Throttle, ...] = ()
    pollers: Pollers = Pollers()


class Second(NamedTuple):
    """What happened in a second, and how things stood at its end. Punches, but for the concurrency."""

    arrived: int  # of employees: the first try
    requests: int  # of devices: first tries, and what comes again after a 429
    accepted: int  # 202
    retrying: int  # on devices, waiting to be sent again
    queued: int
    stored: int
    oldest_seconds: int  # how long the first of the queue has waited
    concurrency: int  # batches at once that were allowed
    batches: int

    @property
    def throttled(self) -> int:
        """Requests answered with a 429."""
        return self.requests - self.accepted


class Bound(NamedTuple):
    """A limit that held punches up."""

    limit: Limit
    first_second: int
    seconds: int  # in how many of them


class Peak(NamedTuple):
    """A simulated peak."""

    seconds: list[Second]
    bounds: list[Bound]  # the one that held first comes first
    is_over: bool  # everything was stored before `HORIZON`
    end: float  # seconds from the first arrival to the last row


def arrivals(punches: int, seconds: int, shape: Shape) -> list[int]:
    """Spread punches over a peak: how many come in each second. They add up to `punches`."""

    def share(moment: int) -> float:
        """Of all punches, those that came before a second."""
        part = moment / seconds
        if shape is Shape.UNIFORM:
            return part
        return 2 * part**2 if part < 0.5 else 1 - 2 * (1 - part) ** 2

    until = [round(punches * share(moment)) for moment in range(seconds + 1)]
    return [after - before for before, after in pairwise(until)]


def rows_per_second(concurrency: int, settings: Settings) -> float:
    """How many rows a second some batches at once store.

    The batches share a database that serves one at a time, for `batch / database_rows` seconds each, and pass the
    rest of their milliseconds without it. Exact mean value analysis of that closed queueing network (Reiser and
    Lavenberg, 1980): near both limits it stays below either, as real systems do.

    Returns:
        At most the lower of `concurrency * batch / batch_milliseconds` and `database_rows`; more of either never
        gives less.
    """
    return _rows_per_second(concurrency, settings)[-1]


def _rows_per_second(concurrency: int, settings: Settings) -> list[float]:
    """As `rows_per_second`, for 0 to `concurrency` batches at once."""
    service = settings.batch / settings.database_rows
    elsewhere = max(settings.batch_milliseconds / 1000 - service, 0)
    found = [0.0]
    waiting = 0.0  # batches at the database, on average
    for population in range(1, concurrency + 1):
        response = service * (1 + waiting)
        batches = population / (elsewhere + response)
        waiting = batches * response
        found.append(batches * settings.batch)
    return found


def simulate(coming: Sequence[int], settings: Settings) -> Peak:
    """Let punches come, until all are stored or a day has passed.

    Args:
        coming: punches in each second, as `arrivals` gives them.
        settings: of the deployment.
    """
    gateway = _Gateway(settings.throttles)
    devices = _Devices()
    drain = _Drain(settings)
    held: dict[Limit, list[int]] = {}  # the seconds in which a limit held punches up
    passed: list[Second] = []
    end = 0.0
    is_over = False
    for now in range(HORIZON):
        arrived = coming[now] if now < len(coming) else 0
        requests = arrived + devices.due(now)
        accepted, throttle = gateway.admit(requests)
        devices.answer(now, arrived, requests - accepted)
        stored, part, limit = drain.work(now, accepted)
        for holding in (throttle, limit):
            if holding:
                held.setdefault(holding, []).append(now)
        if stored:
            end = now + part
        passed.append(
            Second(
                arrived=arrived,
                requests=requests,
                accepted=accepted,
                retrying=devices.waiting,
                queued=drain.queued,
                stored=stored,
                oldest_seconds=drain.oldest_seconds(now),
                concurrency=drain.concurrency,
                batches=drain.batches,
            )
        )
        is_over = now >= len(coming) - 1 and not devices.waiting and not drain.queued
        if is_over:
            break
    bounds = sorted((Bound(limit, seconds[0], len(seconds)) for limit, seconds in held.items()), key=lambda b: b[1])
    return Peak(passed, bounds, is_over, end)


class _Gateway:
    """Token buckets: a request takes one of each, or is answered with a 429."""

    def __init__(self, throttles: Sequence[Throttle]) -> None:
        self._throttles = throttles
        self._tokens = [throttle.burst for throttle in throttles]

    def admit(self, requests: int) -> tuple[int, Limit | None]:
        """Return how many of a second's requests are accepted, and what refused the others."""
        # They come evenly through the second, so that what a bucket gains meanwhile serves them too.
        there = [tokens + throttle.rate for tokens, throttle in zip(self._tokens, self._throttles, strict=True)]
        accepted = min([requests, *there])
        self._tokens = [
            min(throttle.burst, tokens - accepted) for tokens, throttle in zip(there, self._throttles, strict=True)
        ]
        if accepted == requests:
            return accepted, None
        return accepted, self._throttles[there.index(accepted)].limit


class _Devices:
    """What clients do after a 429 (docs/clients.md): wait 1 s, 2 s, 4 s, ... and a random part of up to as much."""

    def __init__(self) -> None:
        self.waiting = 0
        # By how often a punch was refused. What becomes due in each second is kept as differences between seconds,
        # for a refused crowd comes again evenly over up to hours.
        self._changes: list[dict[int, int]] = []
        self._due: list[int] = []

    def due(self, now: int) -> int:
        """Return how many punches are sent again in this second."""
        for times, changes in enumerate(self._changes):
            self._due[times] += changes.pop(now, 0)
        return sum(self._due)

    def answer(self, now: int, arrived: int, refused: int) -> None:
        """Take the refusals of this second's requests, spread evenly over first tries and all others."""
        tries = [arrived, *self._due]
        total = sum(tries)
        self.waiting += refused - sum(self._due)
        if not refused:
            return
        before = 0
        for times, until in enumerate(accumulate(tries)):
            share = until * refused // total
            self._wait(now, times, share - before)
            before = share

    def _wait(self, now: int, times: int, punches: int) -> None:
        if not punches:
            return
        if times == len(self._changes):
            self._changes.append({})
            self._due.append(0)
        first = now + 2**times
        length = 2**times  # whole seconds from the wait to twice the wait
        each, rest = divmod(punches, length)
        changes = self._changes[times]
        for second, change in ((first, each + 1), (first + rest, -1), (first + length, -each)):
            changes[second] = changes.get(second, 0) + change


class _Drain:
    """The queue, the pollers, the function and the database."""

    def __init__(self, settings: Settings) -> None:
        self.queued = 0
        self.concurrency = 0
        self.batches = 0
        self._settings = settings
        self._waiting: deque[list[int]] = deque()  # [second of acceptance, punches], the oldest first
        self._begun: int | None = None  # the second of the first punch
        self._scaling: int | None = None  # the second in which the pollers began to scale
        self._saved = 0.0  # part of a row that the last second's capacity left over
        caps = {
            Limit.CONCURRENCY: settings.concurrency,
            Limit.IN_FLIGHT: IN_FLIGHT // settings.batch,
            Limit.CONNECTIONS: settings.connections,
        }
        self._cap_limit, self._cap = min(caps.items(), key=lambda cap: cap[1])
        self._rows = _rows_per_second(min(self._cap, settings.pollers.most), settings)

    def work(self, now: int, accepted: int) -> tuple[int, float, Limit | None]:
        """Take what was accepted, store what can be.

        Returns:
            The rows stored, the part of the second that it took, and what kept others waiting.
        """
        if accepted:
            self._begun = now if self._begun is None else self._begun
            self._waiting.append([now, accepted])
            self.queued += accepted
        self.batches = 0
        self.concurrency = min(self._cap, self._polled(now))
        if not self.queued or self._begun is None:
            return 0, 0.0, None
        if now < self._begun + self._settings.resume_seconds:
            self._scaling = now if self._scaling is None else self._scaling
            return 0, 0.0, Limit.RESUME
        capacity = self._rows[self.concurrency] + self._saved
        stored = min(self.queued, math.floor(capacity + _ROUNDING))
        self._remove(stored)
        # Each of the pollers fills a batch of its own, so with few messages batches are small.
        self.batches = max(math.ceil(stored / self._settings.batch), min(self.concurrency, stored))
        if not self.queued:
            self._saved = 0.0
            return stored, min(stored / capacity, 1.0), None
        self._saved = max(capacity - stored, 0.0)
        self._scaling = now if self._scaling is None else self._scaling
        return stored, 1.0, self._holding(now)

    def oldest_seconds(self, now: int) -> int:
        """Return how long the first of the queue has waited."""
        return now - self._waiting[0][0] if self._waiting else 0

    def _polled(self, now: int) -> int:
        # They scale back when the queue is empty, but how fast is not documented; here they stay for the peak.
        pollers = self._settings.pollers
        grown = 0 if self._scaling is None else pollers.a_second * (now - self._scaling)
        return min(pollers.first + grown, pollers.most)

    def _holding(self, now: int) -> Limit:
        settings = self._settings
        if settings.database_rows * settings.batch_milliseconds / 1000 <= self.concurrency * settings.batch:
            return Limit.DATABASE
        return Limit.POLLERS if self._polled(now) < self._cap else self._cap_limit

    def _remove(self, rows: int) -> None:
        self.queued -= rows
        while rows:
            oldest = self._waiting[0]
            taken = min(rows, oldest[1])
            oldest[1] -= taken
            rows -= taken
            if not oldest[1]:
                self._waiting.popleft()
