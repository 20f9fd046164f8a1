"""Clients of POST /ponto: a right one, and ones that are each wrong in one way."""

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

REFUSED = {400, 413, 415}
ACCEPTED = 202
_RESPONSE_TIMEOUT_SECONDS = 40.0
_MAX_BACKOFF_SECONDS = 120.0
_BEGIN = datetime(2026, 10, 1, 8, tzinfo=UTC)


def punch_bodies(count: int, version: int = 7) -> list[Body]:
    """Make punches with ids that say to be of this version of UUIDs; no time is in them."""
    return [
        event.body(
            100 + number,
            (_BEGIN + timedelta(seconds=number)).isoformat(),
            id=re.sub("(?<=^.{14}).", str(version), str(uuid.uuid4())),
        )
        for number in range(count)
    ]


class VirtualClock(ScaledClock):
    """Contract seconds that go by when a client or the kit waits, and at no other time."""

    def __init__(self, kit_wait_seconds: float) -> None:
        super().__init__(1)
        self._kit_wait_seconds = kit_wait_seconds  # by the wall clock
        self._now = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the contract seconds since the start."""
        return self._now

    def wait(self, seconds: float, until: Callable[[float], object] | None = None) -> None:
        """Let time go by at once."""
        if until:
            until(self._kit_wait_seconds)
        with self._lock:
            self._now += seconds


class Reply(NamedTuple):
    """What came back."""

    status: int  # 0: no whole answer
    retry_after: float  # s; 0: none


class Client:
    """A right client: one punch after the other, each until it is accepted or refused."""

    kit_wait_seconds = 0  # by the wall clock, of each wait of the kit, so that other requests come meanwhile

    def __init__(self, url: str, clock: ScaledClock, seed: int, key: str = "key") -> None:
        """Sends nothing yet; waits by the clock, and of each wait a random part by the seed."""
        self._url = url
        self._clock = clock
        self._headers = {"x-api-key": key}
        self._random = Random(seed)  # noqa: S311  chance that repeats

    def run(self, punches: Iterable[Body]) -> None:
        """Send all."""
        for punch in punches:
            self.deliver(punch)

    def deliver(self, punch: Body) -> Reply:
        """Send one, until it is accepted or refused; give the last answer."""
        for failures in itertools.count():
            reply = self.send(punch)
            if self.is_done(reply, failures + 1):
                break
            self._clock.wait(self.wait(failures, reply))
        return reply

    def is_done(self, reply: Reply, tries: int) -> bool:  # noqa: ARG002  for those that count
        """Whether there is nothing more to do for a punch."""
        return reply.status == ACCEPTED or reply.status in REFUSED

    def wait(self, failures: int, reply: Reply) -> float:
        """How long to wait after so many failures before this one, s."""
        return max(self.backoff(failures), reply.retry_after)

    def backoff(self, failures: int) -> float:
        """1 s, 2 s, 4 s, ... and a random part."""
        least = min(2.0**failures, _MAX_BACKOFF_SECONDS)
        return least * (1 + self._random.random())

    def send(self, punch: Mapping[str, Any]) -> Reply:
        """Try once."""
        timeout = _RESPONSE_TIMEOUT_SECONDS * self._clock.scale
        try:
            answer = urllib3.request(
                "POST", self._url, json=punch, headers=self._headers, timeout=timeout, retries=False
            )
        except HTTPError:
            return Reply(0, 0)
        return Reply(answer.status, float(answer.headers.get("retry-after", 0)))


class NewIdClient(Client):
    """Makes the id when it sends, not when the employee punches."""

    def send(self, punch: Mapping[str, Any]) -> Reply:
        return super().send({**punch, "id": str(uuid.uuid4())})


class UnconfirmedRemovalClient(Client):
    """Takes a punch out of the outbox, then sends it."""

    def is_done(self, reply: Reply, tries: int) -> bool:  # noqa: ARG002
        return True


class NoBackoffClient(Client):
    """Tries again at once, unless it is asked to wait."""

    def backoff(self, failures: int) -> float:  # noqa: ARG002
        return 0


class RefusalRetryingClient(Client):
    """Takes a refusal for a failure."""

    def is_done(self, reply: Reply, tries: int) -> bool:  # noqa: ARG002
        return reply.status == ACCEPTED


class RetryAfterIgnoringClient(Client):
    """Knows only its own waits."""

    def wait(self, failures: int, reply: Reply) -> float:  # noqa: ARG002
        return self.backoff(failures)


class GivingUpClient(Client):
    """Tries four times."""

    def is_done(self, reply: Reply, tries: int) -> bool:
        return super().is_done(reply, tries) or tries == 4


class StampedingClient(Client):
    """Sends everything that waits at once, whenever it sends."""

    kit_wait_seconds = 1

    def run(self, punches: Iterable[Body]) -> None:
        waiting = list(punches)
        failures = 0
        with ThreadPoolExecutor(len(waiting)) as pool:
            while True:
                reply = list(pool.map(self.send, waiting))
                waiting = [punch for punch, each in zip(waiting, reply, strict=True) if not self.is_done(each, 1)]
                if not waiting:
                    return
                self._clock.wait(max(self.wait(failures, each) for each in reply))
                failures += 1


class DuplicatingClient(Client):
    """Forgets what was accepted, and takes it for a new punch."""

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
"""Each with the rule that it breaks."""
