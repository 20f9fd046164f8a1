"""A run: what stands between a client and the stack, passes requests on or answers them, and misbehaves on the way."""

import http.client
import threading
import time
import urllib.parse
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from hashlib import sha256
from typing import NamedTuple

from ponto.punch import INSTANT_COLUMN, Punch, derive_punch_id
from slices.conformance import rules, stub_api
from slices.conformance.fault_script import ACCEPTING, SILENT, Effect, FaultScript, InjectedFault
from slices.conformance.listener import ClientConnection, HttpRequest, Listener
from slices.conformance.rules import Attempt, ExpectedPunches, PunchState, RunLog
from slices.conformance.stub_api import HttpResponse
from tools.kit.output import print_status

_SILENCE_SECONDS = 30.0
_HOLD_SECONDS = 1.0
_MIN_HOLD_WALL_SECONDS = 0.1  # s by the wall clock: what a client's threads need to begin
_WATCH_SECONDS = 10.0  # how long after the last answer a client is watched for what it should not send
_MIN_WATCH_WALL_SECONDS = 0.2  # s by the wall clock
_READ_S = 5.0  # s by the wall clock that a client has for reading an answer
_UPSTREAM_TIMEOUT_SECONDS = 35.0  # s by the wall clock; the gateway itself gives up after 29
_HOP_BY_HOP = {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_REWRITTEN_HEADERS = _HOP_BY_HOP | {"content-length", "date"}  # headers that are written anew


class ProxySettings(NamedTuple):
    """How a run is to be."""

    seed: int
    host: str = "127.0.0.1"
    port: int = 0  # 0: any that is free
    target: str | None = None  # the URL of the stack's POST /ponto; None: answer by the contract
    scale: float = 1.0  # seconds by the wall clock for a second of the contract
    longest_wait_seconds: float = 900.0  # contract seconds


class ScaledClock:
    """Contract seconds by the wall clock."""

    def __init__(self, scale: float) -> None:
        """Begins at 0; `scale` is as of `Settings`."""
        self.scale = scale
        self._began = time.monotonic()

    def now(self) -> float:
        """Contract seconds since it began."""
        return (time.monotonic() - self._began) / self.scale

    def wait(self, seconds: float, until: Callable[[float], object] = time.sleep) -> None:
        """Let contract seconds go by; `until` waits so many by the wall clock, or ends sooner."""
        until(seconds * self.scale)


class FaultProxy:
    """A run: the server, and what it has seen."""

    def __init__(self, settings: ProxySettings, clock: ScaledClock | None = None) -> None:
        """Listens at once; `serving` closes it too.

        Args:
            settings: of the run.
            clock: another one than the wall clock, at the settings' scale.

        Raises:
            OSError: it cannot listen there.
        """
        self.settings = settings
        self._script = FaultScript(settings.seed)
        self._clock = clock or ScaledClock(settings.scale)
        self._changed = 0.0  # contract seconds
        self._lock = threading.Condition()
        self._attempts: list[Attempt] = []
        self._numbers: dict[Hashable, int] = {}
        self._punches = 0
        self._held_until = 0.0  # contract seconds
        self._closing = threading.Event()
        self._api = stub_api.StubApi()
        self._target = urllib.parse.urlsplit(settings.target) if settings.target else None
        self._has_reported = False
        self._listener = Listener(settings.host, settings.port, self._serve)

    @property
    def url(self) -> str:
        """Where punches are to be sent."""
        return f"http://{self.settings.host}:{self._listener.port}/ponto"

    def close(self) -> None:
        """Listen no more; whatever is open is closed without an answer."""
        self._closing.set()
        self._listener.close()

    def now(self) -> float:
        """Contract seconds since the run began."""
        return self._clock.now()

    def run_log(self, expected: ExpectedPunches) -> RunLog:
        """Give what was seen until now."""
        with self._lock:
            return RunLog(list(self._attempts), expected, self.now(), self._changed, self.settings.longest_wait_seconds)

    def wait(self, expected: ExpectedPunches, most: float | None) -> RunLog:
        """Wait until nothing more is to come.

        Args:
            expected: what the client was asked to send; where it says nothing, only `most` ends the run.
            most: contract seconds after which the run ends anyway.
        """
        watched = max(_WATCH_SECONDS, _MIN_WATCH_WALL_SECONDS / self.settings.scale)
        while True:
            log = self.run_log(expected)
            if _is_run_complete(log, watched):
                return log
            if most is not None and log.now >= most:
                return log
            with self._lock:
                self._lock.wait(0.05)

    def _serve(self, request: HttpRequest, connection: ClientConnection) -> None:
        if request.method == "POST" and request.path.partition("?")[0] == "/ponto":
            self._punch(request, connection)
        else:  # the preflight of a browser, a receipt, the page: no misbehaviour
            connection.send(self._forward(request), formatdate(usegmt=True))

    def _punch(self, request: HttpRequest, connection: ClientConnection) -> None:
        """Serve one attempt to send a punch."""
        found = stub_api.parse_body(request.body)
        with self._lock:
            started_at = self.now()
            number = self._punch_number(found, request.body)
            fault = self._script.next_fault(number, started_at)
            attempt = Attempt(
                number, "", None, started_at, None, is_silent=fault.effect in SILENT, effect_text=fault.describe()
            )
            if isinstance(found, Punch):
                attempt = attempt._replace(
                    id=found.id, employee_and_instant=(found.employee_id, getattr(found, INSTANT_COLUMN))
                )
            index = len(self._attempts)
            self._attempts.append(attempt)
            if fault.is_held:
                self._held_until = max(
                    self._held_until, started_at + max(_HOLD_SECONDS, _MIN_HOLD_WALL_SECONDS / self.settings.scale)
                )
            delay = self._held_until - started_at
        if delay > 0:
            self._clock.wait(delay, self._closing.wait)
        answer = self._response_to(fault, request)
        if fault.effect in SILENT:
            self._clock.wait(_SILENCE_SECONDS, lambda most: connection.wait_until_closed(most, self._closing))
        attempt = attempt._replace(is_stored=fault.effect in ACCEPTING and _is_acceptance(answer))
        attempt = self._send_response(index, attempt, fault, answer, connection)
        self._record(index, attempt, fault)
        if attempt.status and attempt.is_delivered and not connection.wait_until_read(_READ_S, self._closing):
            with self._lock:
                self._attempts[index] = attempt._replace(is_delivered=False)

    def _record(self, index: int, attempt: Attempt, fault: InjectedFault) -> None:
        with self._lock:
            self._attempts[index] = attempt
            if (
                fault.effect is not Effect.ACCEPT or attempt.is_accepted
            ):  # else it is the stack that refuses, perhaps for ever
                self._changed = max(self._changed, (attempt.ended_at or 0) + (attempt.retry_after or 0))
            self._lock.notify_all()

    def _punch_number(self, found: Punch | str, body: bytes) -> int:
        """Find which punch an attempt is of, by its id, or by the one that it would have without any."""
        if isinstance(found, str):
            keys: list[Hashable] = [sha256(body).digest()]  # whatever was sent, and however much of it
        else:
            keys = [found.id, derive_punch_id(found._asdict())]
        number = next((self._numbers[key] for key in keys if key in self._numbers), None)
        if number is None:
            number = self._punches
            self._punches += 1
            self._changed = self.now()
        for key in keys:
            self._numbers.setdefault(key, number)
        return number

    def _response_to(self, fault: InjectedFault, request: HttpRequest) -> HttpResponse | None:
        """Do what is to be done before the answer; None: there is none."""
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
        answer: HttpResponse | None,
        connection: ClientConnection,
    ) -> Attempt:
        """Answer as the fault has it, and give the attempt with what the client could know."""
        if answer is None or self._closing.is_set():
            ended_at = self.now()
            connection.reset()
            return attempt._replace(ended_at=ended_at)
        if fault.effect in SILENT or (fault.effect is Effect.DROP and _is_acceptance(answer)):
            return attempt._replace(ended_at=self.now())
        is_delivered = not connection.is_closed_by_client()
        retry_after = answer.headers.get("retry-after", "")
        attempt = attempt._replace(
            status=answer.status,
            retry_after=float(retry_after) if retry_after.isdecimal() else None,
            ended_at=self.now(),  # before it is sent: whoever answers at once did not answer earlier
        )
        self._record(index, attempt, fault)  # before it is sent, too: whoever has it may end the run at once
        date = formatdate(time.time() + fault.date_offset_seconds, usegmt=True)
        if fault.effect is Effect.CUT and _is_acceptance(answer):
            connection.send(answer, date, whole=False)
            connection.reset()
            return attempt._replace(is_delivered=False)
        return attempt._replace(is_delivered=connection.send(answer, date, whole=True) and is_delivered)

    def _forward(self, request: HttpRequest) -> HttpResponse:
        method, path, headers, body = request
        if self._target is None:
            return self._api.respond(method, path.partition("?")[0], headers, body)
        if ".." in urllib.parse.unquote(path) or not path.startswith("/"):  # it is not below the API's address
            return stub_api.message_response(403, "Forbidden")
        make = http.client.HTTPSConnection if self._target.scheme == "https" else http.client.HTTPConnection
        upstream = make(self._target.netloc, timeout=_UPSTREAM_TIMEOUT_SECONDS)
        kept = {name: value for name, value in headers.items() if name not in _REWRITTEN_HEADERS}
        try:
            upstream.request(method, self._target.path.removesuffix("/ponto") + path, body or None, kept)
            answer = upstream.getresponse()
            given = {
                name.lower(): value for name, value in answer.getheaders() if name.lower() not in _REWRITTEN_HEADERS
            }
            return HttpResponse(answer.status, given, answer.read())
        except (OSError, http.client.HTTPException) as error:
            if not self._has_reported:
                self._has_reported = True
                print_status(f"ponto conformance: {self.settings.target} does not answer ({error}); clients get a 502")
            return stub_api.message_response(502, "there was an error handling your request")
        finally:
            upstream.close()


@contextmanager
def run_proxy(settings: ProxySettings, clock: ScaledClock | None = None) -> Iterator[FaultProxy]:
    """Listen for as long as the context lasts; the arguments are those of `Kit`."""
    proxy = FaultProxy(settings, clock)
    try:
        yield proxy
    finally:
        proxy.close()


def _is_run_complete(log: RunLog, watched: float) -> bool:
    """Whether all that the client was asked to send has come to an end, or nothing has gone on for too long.

    At the end a client is watched for so many contract seconds for what it should not send.
    """
    if log.expected == ExpectedPunches() or any(attempt.ended_at is None for attempt in log.attempts):
        return False
    if log.is_wait_over(log.changed):
        return True
    punches = log.punches().values()
    return (
        all(rules.punch_state(each, log) is not PunchState.WAITING for each in punches)
        and not rules.missing_punches(log)
        and log.now - max((attempt.ended_at or 0) for attempt in log.attempts) >= watched
    )


def _is_acceptance(answer: HttpResponse | None) -> bool:
    return answer is not None and answer.status == 202
