"""Clients of POST /ponto: a correct one, and clients that each break one rule."""

import itertools
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from slices.conformance.fault_proxy import ScaledClock
from tools.kit import event

Body = dict[str, Any]

REFUSAL_STATUSES = {400, 413, 415}
ACCEPTED = 202
_RESPONSE_TIMEOUT_SECONDS = 40.0
_MAX_BACKOFF_SECONDS = 120.0
_FIRST_INSTANT = datetime(2026, 10, 1, 8, tzinfo=UTC)


def punch_bodies(count: int, version: int = 7) -> list[Body]:
    """Return the bodies of punches, with random ids that are marked as UUIDs of this version."""
    return [
        event.body(
            100 + number,
            (_FIRST_INSTANT + timedelta(seconds=number)).isoformat(),
            id=re.sub("(?<=^.{14}).", str(version), str(uuid.uuid4())),
        )
        for number in range(count)
    ]


class VirtualClock(ScaledClock):
    """Clock that advances only while a client or the proxy waits."""

    def __init__(self, proxy_wait_seconds: float) -> None:
        super().__init__(1)
        self._proxy_wait_seconds = proxy_wait_seconds  # by the wall clock
        self._now = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the scaled seconds since the start."""
        return self._now

    def wait(self, seconds: float, sleep: Callable[[float], object] | None = None) -> None:
        """Advance the clock at once."""
        if sleep:
            sleep(self._proxy_wait_seconds)
        with self._lock:
            self._now += seconds


class Reply(NamedTuple):
    """The response to one attempt."""

    status: int  # 0: no complete response
    retry_after: float  # seconds; 0: none


class Client:
    """A correct client: it sends one punch after the other, each until it is accepted or refused."""

    proxy_wait_seconds = 0  # real duration of each wait of the proxy, so that other requests can arrive during it

    def __init__(self, url: str, clock: ScaledClock, seed: int, key: str = "key") -> None:
        """Create a client that waits on a clock; the seed decides the random part of each wait."""
        self._url = url
        self._clock = clock
        self._headers = {"x-api-key": key}
        self._random = Random(seed)  # noqa: S311  it has to be reproducible

    def run(self, punches: Iterable[Body]) -> None:
        """Send all punches."""
        for punch in punches:
            self.deliver(punch)

    def deliver(self, punch: Body) -> Reply:
        """Send a punch until it is accepted or refused, and return the last response."""
        for failures in itertools.count():
            reply = self.send(punch)
            if self.is_finished(reply, failures + 1):
                break
            self._clock.wait(self.wait(failures, reply))
        return reply

    def is_finished(self, reply: Reply, tries: int) -> bool:  # noqa: ARG002  subclasses use it
        """Return whether a punch needs no further attempt."""
        return reply.status == ACCEPTED or reply.status in REFUSAL_STATUSES

    def wait(self, failures: int, reply: Reply) -> float:
        """Return the seconds to wait before the next attempt; `failures` is the number before the last attempt."""
        return max(self.backoff(failures), reply.retry_after)

    def backoff(self, failures: int) -> float:
        """Return 1, 2, 4, ... seconds plus a random part."""
        base = min(2.0**failures, _MAX_BACKOFF_SECONDS)
        return base * (1 + self._random.random())

    def send(self, punch: Mapping[str, Any]) -> Reply:
        """Make one attempt."""
        timeout = _RESPONSE_TIMEOUT_SECONDS * self._clock.scale
        try:
            answer = urllib3.request(
                "POST", self._url, json=punch, headers=self._headers, timeout=timeout, retries=False
            )
        except HTTPError:
            return Reply(0, 0)
        return Reply(answer.status, float(answer.headers.get("retry-after", 0)))


class NewIdClient(Client):
    """Creates a new id for each attempt."""

    def send(self, punch: Mapping[str, Any]) -> Reply:
        return super().send({**punch, "id": str(uuid.uuid4())})


class UnconfirmedRemovalClient(Client):
    """Removes a punch from the outbox before it is accepted."""

    def is_finished(self, reply: Reply, tries: int) -> bool:  # noqa: ARG002
        return True


class NoBackoffClient(Client):
    """Retries at once unless the response has Retry-After."""

    def backoff(self, failures: int) -> float:  # noqa: ARG002
        return 0


class RefusalRetryingClient(Client):
    """Treats a refusal as a failure."""

    def is_finished(self, reply: Reply, tries: int) -> bool:  # noqa: ARG002
        return reply.status == ACCEPTED


class RetryAfterIgnoringClient(Client):
    """Ignores Retry-After."""

    def wait(self, failures: int, reply: Reply) -> float:  # noqa: ARG002
        return self.backoff(failures)


class GivingUpClient(Client):
    """Makes at most four attempts."""

    def is_finished(self, reply: Reply, tries: int) -> bool:
        return super().is_finished(reply, tries) or tries == 4


class StampedingClient(Client):
    """Sends all waiting punches at the same time."""

    proxy_wait_seconds = 1

    def run(self, punches: Iterable[Body]) -> None:
        waiting = list(punches)
        failures = 0
        with ThreadPoolExecutor(len(waiting)) as pool:
            while True:
                replies = list(pool.map(self.send, waiting))
                waiting = [punch for punch, each in zip(waiting, replies, strict=True) if not self.is_finished(each, 1)]
                if not waiting:
                    return
                self._clock.wait(max(self.wait(failures, each) for each in replies))
                failures += 1


class DuplicatingClient(Client):
    """Sends an accepted punch again with a new id."""

    def run(self, punches: Iterable[Body]) -> None:
        for punch in punches:
            if self.deliver(punch).status == ACCEPTED:
                self.deliver({**punch, "id": str(uuid.uuid4())})


BROKEN_RULE_BY_CLIENT: dict[type[Client], str] = {
    NewIdClient: "changed its id",
    UnconfirmedRemovalClient: "lost",
    NoBackoffClient: "did not back off",
    RefusalRetryingClient: "retried a refusal",
    RetryAfterIgnoringClient: "ignored Retry-After",
    GivingUpClient: "gave up",
    StampedingClient: "stampeded",
    DuplicatingClient: "duplicated",
}
"""Each client with the rule that it breaks."""
