"""HTTP proxy that injects faults between a client and the API, and logs every attempt.

A scaled second lasts `scale` seconds by the wall clock: with a scale of 0.01, one second of the rules for clients lasts
10 ms here.
"""

import http.client
import threading
import time
import urllib.parse
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from hashlib import sha256
from typing import NamedTuple

from ponto.punch import EVENT, Punch
from slices.conformance import rules, stub_api
from slices.conformance.fault_script import ACCEPTING, SILENT, Effect, FaultScript, InjectedFault
from slices.conformance.listener import ClientConnection, HttpRequest, Listener
from slices.conformance.rules import Attempt, ExpectedPunches, PunchState, RunLog
from slices.conformance.stub_api import HttpResponse
from tools.kit.output import print_status

# Scaled seconds.
_SILENCE_SECONDS = 30.0
_HOLD_SECONDS = 1.0
_OBSERVATION_SECONDS = 10.0  # after the last response, for attempts that a client should not make

# Seconds by the wall clock.
_MIN_HOLD_WALL_SECONDS = 0.1  # a client's threads need this long to start
_MIN_OBSERVATION_WALL_SECONDS = 0.2
_READ_WALL_SECONDS = 5.0  # for a client to read a response
_UPSTREAM_TIMEOUT_WALL_SECONDS = 35.0  # API Gateway gives up after 29 seconds

_HOP_BY_HOP = {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_REWRITTEN_HEADERS = _HOP_BY_HOP | {"content-length", "date"}


class ProxySettings(NamedTuple):
    """Settings of one run."""

    seed: int
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free port
    target: str | None = None  # URL of the stack's POST /ponto; None: the stub answers
    scale: float = 1.0  # seconds by the wall clock for one scaled second
    max_wait_seconds: float = 900.0  # scaled; a client that is silent for longer counts as having given up


class ScaledClock:
    """Clock that counts scaled seconds, from 0."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self._started_at = time.monotonic()

    def now(self) -> float:
        """Return the scaled seconds since the clock was created."""
        return (time.monotonic() - self._started_at) / self.scale

    def wait(self, seconds: float, sleep: Callable[[float], object] = time.sleep) -> None:
        """Wait for a time in scaled seconds.

        Args:
            seconds: scaled seconds.
            sleep: called with the seconds by the wall clock; it waits for that long, or returns earlier.
        """
        sleep(seconds * self.scale)


class FaultProxy:
    """HTTP server that applies the faults of a script to the attempts, and logs each attempt."""

    def __init__(self, settings: ProxySettings, clock: ScaledClock | None = None) -> None:
        """Start to listen. Use `run_proxy`, which also closes the proxy.

        Args:
            settings: settings of the run.
            clock: replacement for the wall clock, with the scale of the settings.

        Raises:
            OSError: The proxy cannot listen on the address.
        """
        self.settings = settings
        self._script = FaultScript(settings.seed)
        self._clock = clock or ScaledClock(settings.scale)
        self._last_progress_at = 0.0  # scaled seconds
        self._lock = threading.Condition()
        self._attempts: list[Attempt] = []
        self._punch_numbers: dict[Hashable, int] = {}
        self._punch_count = 0
        self._held_until = 0.0  # scaled seconds
        self._closing = threading.Event()
        self._stub_api = stub_api.StubApi()
        self._target = urllib.parse.urlsplit(settings.target) if settings.target else None
        self._has_reported_target = False
        self._listener = Listener(settings.host, settings.port, self._handle)

    @property
    def url(self) -> str:
        """URL to which the client sends its punches."""
        return f"http://{self.settings.host}:{self._listener.port}/ponto"

    def close(self) -> None:
        """Stop listening, and close open connections without a response."""
        self._closing.set()
        self._listener.close()

    def now(self) -> float:
        """Return the scaled seconds since the start of the run."""
        return self._clock.now()

    def run_log(self, expected: ExpectedPunches) -> RunLog:
        """Return the log of the run until now."""
        with self._lock:
            return RunLog(
                list(self._attempts),
                expected,
                self.now(),
                self._last_progress_at,
                self.settings.max_wait_seconds,
            )

    def wait(self, expected: ExpectedPunches, max_seconds: float | None) -> RunLog:
        """Wait until the run is complete, and return its log.

        Args:
            expected: the punches that the client was asked to send; if empty, only `max_seconds` ends the run.
            max_seconds: scaled seconds from the start of the run after which it ends in any case; None: no limit.
        """
        observation = max(_OBSERVATION_SECONDS, _MIN_OBSERVATION_WALL_SECONDS / self.settings.scale)
        while True:
            log = self.run_log(expected)
            if _is_complete(log, observation) or (max_seconds is not None and log.now >= max_seconds):
                return log
            with self._lock:
                self._lock.wait(0.05)

    def _handle(self, request: HttpRequest, connection: ClientConnection) -> None:
        if request.method == "POST" and request.path.partition("?")[0] == "/ponto":
            self._handle_punch(request, connection)
        else:  # no faults for a browser's preflight request, a receipt or the page
            connection.send(self._forward(request), formatdate(usegmt=True))

    def _handle_punch(self, request: HttpRequest, connection: ClientConnection) -> None:
        punch = stub_api.parse_body(request.body)
        with self._lock:
            started_at = self.now()
            number = self._punch_number(punch, request.body)
            fault = self._script.next_fault(number, started_at)
            attempt = Attempt(
                number, "", None, started_at, None, is_silent=fault.effect in SILENT, fault=fault.describe()
            )
            if isinstance(punch, Punch):
                instant = getattr(punch, EVENT.instant)
                attempt = attempt._replace(id=punch.id, employee_and_instant=(EVENT.subject_id(punch), instant))
            index = len(self._attempts)
            self._attempts.append(attempt)
            if fault.is_held:
                hold = max(_HOLD_SECONDS, _MIN_HOLD_WALL_SECONDS / self.settings.scale)
                self._held_until = max(self._held_until, started_at + hold)
            delay = self._held_until - started_at
        if delay > 0:
            self._clock.wait(delay, self._closing.wait)
        response = self._fetch_response(fault, request)
        if fault.effect in SILENT:
            self._clock.wait(_SILENCE_SECONDS, lambda seconds: connection.wait_until_closed(seconds, self._closing))
        attempt = attempt._replace(is_stored=fault.effect in ACCEPTING and _is_acceptance(response))
        attempt = self._send_response(index, attempt, fault, response, connection)
        self._update(index, attempt, fault)
        if (
            attempt.status
            and attempt.is_delivered
            and not connection.wait_until_read(_READ_WALL_SECONDS, self._closing)
        ):
            with self._lock:
                self._attempts[index] = attempt._replace(is_delivered=False)

    def _update(self, index: int, attempt: Attempt, fault: InjectedFault) -> None:
        with self._lock:
            self._attempts[index] = attempt
            # A refusal by the stack itself is no progress, because it may be repeated without end.
            if fault.effect is not Effect.ACCEPT or attempt.is_accepted:
                next_attempt_at = (attempt.ended_at or 0) + (attempt.retry_after or 0)
                self._last_progress_at = max(self._last_progress_at, next_attempt_at)
            self._lock.notify_all()

    def _punch_number(self, punch: Punch | str, body: bytes) -> int:
        """Return the number of a punch, found by its id or by the id derived from its fields, or a new one."""
        if isinstance(punch, str):  # an invalid body
            keys: list[Hashable] = [sha256(body).digest()]
        else:
            keys = [punch.id, EVENT.derive_id(punch._asdict())]
        number = next((self._punch_numbers[key] for key in keys if key in self._punch_numbers), None)
        if number is None:
            number = self._punch_count
            self._punch_count += 1
            self._last_progress_at = self.now()
        for key in keys:
            self._punch_numbers.setdefault(key, number)
        return number

    def _fetch_response(self, fault: InjectedFault, request: HttpRequest) -> HttpResponse | None:
        """Forward the request unless the fault prevents it; return the response, or None if there is none."""
        if fault.effect is Effect.ANSWER:
            return stub_api.fault_response(fault.status, fault.retry_after)
        if fault.effect not in ACCEPTING:
            return None
        if fault.effect is Effect.DUPLICATE:
            self._forward(request)
        return self._forward(request)

    def _send_response(
        self,
        index: int,
        attempt: Attempt,
        fault: InjectedFault,
        response: HttpResponse | None,
        connection: ClientConnection,
    ) -> Attempt:
        """Send the response as the fault demands; return the attempt, updated with the response that the client got."""
        if response is None or self._closing.is_set():
            ended_at = self.now()
            connection.reset()
            return attempt._replace(ended_at=ended_at)
        if fault.effect in SILENT or (fault.effect is Effect.DROP and _is_acceptance(response)):
            return attempt._replace(ended_at=self.now())
        is_delivered = not connection.is_closed_by_client()
        retry_after = response.headers.get("retry-after", "")
        attempt = attempt._replace(
            status=response.status,
            retry_after=float(retry_after) if retry_after.isdecimal() else None,
            # Taken before the response is sent, so that the client's next attempt cannot start earlier.
            ended_at=self.now(),
        )
        self._update(index, attempt, fault)  # before sending, because a client that has the response may end the run
        date = formatdate(time.time() + fault.date_offset_seconds, usegmt=True)
        if fault.effect is Effect.CUT and _is_acceptance(response):
            connection.send(response, date, truncate=True)
            connection.reset()
            return attempt._replace(is_delivered=False)
        return attempt._replace(is_delivered=connection.send(response, date) and is_delivered)

    def _forward(self, request: HttpRequest) -> HttpResponse:
        method, path, headers, body = request
        if self._target is None:
            return self._stub_api.respond(method, path.partition("?")[0], headers, body)
        if ".." in urllib.parse.unquote(path) or not path.startswith("/"):  # outside the API's address
            return stub_api.message_response(403, "Forbidden")
        is_https = self._target.scheme == "https"
        connection_class = http.client.HTTPSConnection if is_https else http.client.HTTPConnection
        upstream = connection_class(self._target.netloc, timeout=_UPSTREAM_TIMEOUT_WALL_SECONDS)
        request_headers = {name: value for name, value in headers.items() if name not in _REWRITTEN_HEADERS}
        try:
            upstream.request(method, self._target.path.removesuffix("/ponto") + path, body or None, request_headers)
            response = upstream.getresponse()
            response_headers = {name.lower(): value for name, value in response.getheaders()}
            for name in _REWRITTEN_HEADERS:
                response_headers.pop(name, None)
            return HttpResponse(response.status, response_headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            if not self._has_reported_target:
                self._has_reported_target = True
                print_status(f"ponto conformance: {self.settings.target} does not answer ({error}); clients get a 502")
            return stub_api.message_response(502, "there was an error handling your request")
        finally:
            upstream.close()


@contextmanager
def run_proxy(settings: ProxySettings, clock: ScaledClock | None = None) -> Iterator[FaultProxy]:
    """Run a `FaultProxy` until the context ends.

    Args:
        settings: settings of the run.
        clock: replacement for the wall clock, with the scale of the settings.

    Raises:
        OSError: The proxy cannot listen on the address.
    """
    proxy = FaultProxy(settings, clock)
    try:
        yield proxy
    finally:
        proxy.close()


def _is_complete(log: RunLog, observation: float) -> bool:
    """Return whether every expected punch is finished, or the client has made no progress for too long.

    Args:
        log: log of the run.
        observation: scaled seconds for which a finished client is watched for attempts that it should not make.
    """
    if log.expected == ExpectedPunches() or any(attempt.ended_at is None for attempt in log.attempts):
        return False
    if log.is_wait_over(log.last_progress_at):
        return True
    punches = log.attempts_by_punch().values()
    return (
        all(rules.punch_state(attempts, log) is not PunchState.WAITING for attempts in punches)
        and not rules.missing_punches(log)
        and log.now - max((attempt.ended_at or 0) for attempt in log.attempts) >= observation
    )


def _is_acceptance(response: HttpResponse | None) -> bool:
    return response is not None and response.status == rules.ACCEPTED
