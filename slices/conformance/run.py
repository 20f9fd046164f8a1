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
from slices.conformance import contract, rules
from slices.conformance.contract import Response
from slices.conformance.listener import Connection, Listener, Request
from slices.conformance.rules import Attempt, End, Expected, Seen
from slices.conformance.script import ACCEPTING, SILENT, Effect, Fault, Script
from tools.kit.output import print_status

_SILENCE_S = 30.0
_HELD_S = 1.0
_LEAST_HELD = 0.1  # s by the wall clock: what a client's threads need to begin
_WATCHED_S = 10.0  # how long after the last answer a client is watched for what it should not send
_LEAST_WATCHED = 0.2  # s by the wall clock
_READ_S = 5.0  # s by the wall clock that a client has for reading an answer
_UPSTREAM_S = 35.0  # s by the wall clock; the gateway itself gives up after 29
_HOP_BY_HOP = {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_OWN = _HOP_BY_HOP | {"content-length", "date"}  # headers that are written anew


class Settings(NamedTuple):
    """How a run is to be."""

    seed: int
    host: str = "127.0.0.1"
    port: int = 0  # 0: any that is free
    target: str | None = None  # the URL of the stack's POST /ponto; None: answer by the contract
    scale: float = 1.0  # seconds by the wall clock for a second of the contract
    longest_wait: float = 900.0  # contract seconds


class Clock:
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


class Kit:
    """A run: the server, and what it has seen."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Listens at once; `serving` closes it too.

        Args:
            settings: of the run.
            clock: another one than the wall clock, at the settings' scale.

        Raises:
            OSError: it cannot listen there.
        """
        self.settings = settings
        self._script = Script(settings.seed)
        self._clock = clock or Clock(settings.scale)
        self._changed = 0.0  # contract seconds
        self._lock = threading.Condition()
        self._attempts: list[Attempt] = []
        self._numbers: dict[Hashable, int] = {}
        self._punches = 0
        self._held_until = 0.0  # contract seconds
        self._closing = threading.Event()
        self._api = contract.Api()
        self._target = urllib.parse.urlsplit(settings.target) if settings.target else None
        self._complained = False
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

    def seen(self, expected: Expected) -> Seen:
        """Give what was seen until now."""
        with self._lock:
            return Seen(list(self._attempts), expected, self.now(), self._changed, self.settings.longest_wait)

    def wait(self, expected: Expected, most: float | None) -> Seen:
        """Wait until nothing more is to come.

        Args:
            expected: what the client was asked to send; where it says nothing, only `most` ends the run.
            most: contract seconds after which the run ends anyway.
        """
        watched = max(_WATCHED_S, _LEAST_WATCHED / self.settings.scale)
        while True:
            seen = self.seen(expected)
            if _is_done(seen, watched):
                return seen
            if most is not None and seen.now >= most:
                return seen
            with self._lock:
                self._lock.wait(0.05)

    def _serve(self, request: Request, connection: Connection) -> None:
        if request.method == "POST" and request.path.partition("?")[0] == "/ponto":
            self._punch(request, connection)
        else:  # the preflight of a browser, a receipt, the page: no misbehaviour
            connection.send(self._pass_on(request), formatdate(usegmt=True))

    def _punch(self, request: Request, connection: Connection) -> None:
        """Serve one attempt to send a punch."""
        found = contract.read(request.body)
        with self._lock:
            begun = self.now()
            number = self._number(found, request.body)
            fault = self._script.next(number, begun)
            attempt = Attempt(number, "", None, begun, None, is_silent=fault.effect in SILENT, done=fault.text())
            if isinstance(found, Punch):
                attempt = attempt._replace(id=found.id, what=(found.employee_id, getattr(found, INSTANT_COLUMN)))
            index = len(self._attempts)
            self._attempts.append(attempt)
            if fault.held:
                self._held_until = max(self._held_until, begun + max(_HELD_S, _LEAST_HELD / self.settings.scale))
            delay = self._held_until - begun
        if delay > 0:
            self._clock.wait(delay, self._closing.wait)
        answer = self._outcome(fault, request)
        if fault.effect in SILENT:
            self._clock.wait(_SILENCE_S, lambda most: connection.wait_until_gone(most, self._closing))
        attempt = attempt._replace(is_stored=fault.effect in ACCEPTING and _ok(answer))
        attempt = self._answered(index, attempt, fault, answer, connection)
        self._note(index, attempt, fault)
        if attempt.status and attempt.is_sure and not connection.was_read(_READ_S, self._closing):
            with self._lock:
                self._attempts[index] = attempt._replace(is_sure=False)

    def _note(self, index: int, attempt: Attempt, fault: Fault) -> None:
        with self._lock:
            self._attempts[index] = attempt
            if (
                fault.effect is not Effect.ACCEPT or attempt.accepted
            ):  # else it is the stack that refuses, perhaps for ever
                self._changed = max(self._changed, (attempt.ended or 0) + (attempt.retry_after or 0))
            self._lock.notify_all()

    def _number(self, found: Punch | str, body: bytes) -> int:
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

    def _outcome(self, fault: Fault, request: Request) -> Response | None:
        """Do what is to be done before the answer; None: there is none."""
        if fault.effect is Effect.ANSWER:
            return contract.made_up(fault.status, fault.retry_after)
        if fault.effect not in ACCEPTING:
            return None
        if fault.effect is Effect.TWICE:
            self._pass_on(request)
        return self._pass_on(request)

    def _answered(
        self, index: int, attempt: Attempt, fault: Fault, answer: Response | None, connection: Connection
    ) -> Attempt:
        """Answer as the fault has it, and give the attempt with what the client could know."""
        if answer is None or self._closing.is_set():
            ended = self.now()
            connection.reset()
            return attempt._replace(ended=ended)
        if fault.effect in SILENT or (fault.effect is Effect.DROP and _ok(answer)):
            return attempt._replace(ended=self.now())
        is_sure = not connection.has_gone()
        retry_after = answer.headers.get("retry-after", "")
        attempt = attempt._replace(
            status=answer.status,
            retry_after=float(retry_after) if retry_after.isdecimal() else None,
            ended=self.now(),  # before it is sent: whoever answers at once did not answer earlier
        )
        self._note(index, attempt, fault)  # before it is sent, too: whoever has it may end the run at once
        date = formatdate(time.time() + fault.clock, usegmt=True)
        if fault.effect is Effect.CUT and _ok(answer):
            connection.send(answer, date, whole=False)
            connection.reset()
            return attempt._replace(is_sure=False)
        return attempt._replace(is_sure=connection.send(answer, date, whole=True) and is_sure)

    def _pass_on(self, request: Request) -> Response:
        method, path, headers, body = request
        if self._target is None:
            return self._api.answer(method, path.partition("?")[0], headers, body)
        if ".." in urllib.parse.unquote(path) or not path.startswith("/"):  # it is not below the API's address
            return contract.message(403, "Forbidden")
        make = http.client.HTTPSConnection if self._target.scheme == "https" else http.client.HTTPConnection
        upstream = make(self._target.netloc, timeout=_UPSTREAM_S)
        kept = {name: value for name, value in headers.items() if name not in _OWN}
        try:
            upstream.request(method, self._target.path.removesuffix("/ponto") + path, body or None, kept)
            answer = upstream.getresponse()
            given = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _OWN}
            return Response(answer.status, given, answer.read())
        except (OSError, http.client.HTTPException) as error:
            if not self._complained:
                self._complained = True
                print_status(f"ponto conformance: {self.settings.target} does not answer ({error}); clients get a 502")
            return contract.message(502, "there was an error handling your request")
        finally:
            upstream.close()


@contextmanager
def serving(settings: Settings, clock: Clock | None = None) -> Iterator[Kit]:
    """Listen for as long as the context lasts; the arguments are those of `Kit`."""
    kit = Kit(settings, clock)
    try:
        yield kit
    finally:
        kit.close()


def _is_done(seen: Seen, watched: float) -> bool:
    """Whether all that the client was asked to send has come to an end, or nothing has gone on for too long.

    At the end a client is watched for so many contract seconds for what it should not send.
    """
    if seen.expected == Expected() or any(attempt.ended is None for attempt in seen.attempts):
        return False
    if seen.is_over(seen.changed):
        return True
    punches = seen.punches().values()
    return (
        all(rules.end_of(each, seen) is not End.WAITING for each in punches)
        and not rules.missing(seen)
        and seen.now - max((attempt.ended or 0) for attempt in seen.attempts) >= watched
    )


def _ok(answer: Response | None) -> bool:
    return answer is not None and answer.status == 202
