"""HTTP client of the punch API, which retries as docs/clients.md requires."""

import random
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.request import getproxies, proxy_bypass

import orjson
import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import make_headers, parse_url

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError

FINAL_STATUSES = frozenset({202, 400, 401, 403, 413, 415})
"""Statuses after which a retry is useless: the punch was accepted or refused, or the key may not send any.

A 5xx with a Retry-After header is always retried."""

PUBLICATION_SECONDS = 90
"""Time that API Gateway may take until a new stage, method or key works everywhere."""

_TIMEOUT_SECONDS = 30  # the gateway itself gives up after 29 s
_MAX_RESPONSE_BYTES = 1 << 16  # the connection of a longer response is closed
_MAX_MESSAGE_CHARACTERS = 300


class ApiResponse(NamedTuple):
    """Response of the API, or the reason why there is none."""

    status: int  # 0: no response
    text: str  # body of the response, or the error
    failed_attempts: tuple[str, ...] = ()  # status or error name of each earlier attempt

    @property
    def message(self) -> str:
        """Message of the API, or the error; cut to 300 characters, and empty if the body has no message."""
        if not self.status:
            return self.text[:_MAX_MESSAGE_CHARACTERS]
        try:
            return str(orjson.loads(self.text)["message"])[:_MAX_MESSAGE_CHARACTERS]
        except (ValueError, KeyError, TypeError):
            return ""


class NoFinalResponseError(Exception):
    """No final response came in time, or the client was stopped."""

    def __init__(self, response: ApiResponse) -> None:
        self.response = response
        super().__init__(f"answered {response.status}" if response.status else f"no answer: {response.message}")


class Client:
    """Client of one URL, with a connection pool; safe to use from several threads."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        threads: int = 1,
        final_statuses: frozenset[int] = FINAL_STATUSES,
        first_wait_seconds: float = 1,
        max_wait_seconds: float = 30,
        on_wait: Callable[[ApiResponse], None] = lambda _: None,
        clock: Clock = CLOCK,
    ) -> None:
        """Create a client; it connects when it sends.

        Args:
            url: address of every request. A proxy of the environment is used, except for this machine.
            headers: headers of every request; they are never printed.
            timeout_seconds: `send` gives up if the next attempt would start later than this after its call.
            threads: number of connections that the pool keeps.
            final_statuses: statuses that are not retried, except a 5xx with a Retry-After.
            first_wait_seconds: wait before the second attempt; it doubles each time, and a random part is added.
            max_wait_seconds: limit of a wait, without its random part.
            on_wait: called with the last response before each wait.

        Raises:
            CommandError: a header, or the address of the proxy, is invalid.
        """
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise CommandError(
                    f"the header {name} cannot be sent: it has a line break or a character that is not ASCII"
                )
        self._url, self._timeout_seconds, self._final_statuses = url, timeout_seconds, final_statuses
        self._first_wait_seconds, self._max_wait_seconds = first_wait_seconds, max_wait_seconds
        self._on_wait, self._clock = on_wait, clock
        self._stopped = threading.Event()
        self._pool = _pool(url, {"maxsize": threads, "timeout": _TIMEOUT_SECONDS, "headers": headers})

    def stop(self) -> None:
        """Make every `send` that waits raise `NoFinalResponseError`."""
        self._stopped.set()

    def send(self, body: bytes | None, method: str = "POST") -> ApiResponse:
        """Send a request until it gets a final response.

        Raises:
            NoFinalResponseError: there was none within `timeout_seconds`, or the client was stopped.
        """
        deadline = self._clock.monotonic() + self._timeout_seconds
        answer, failed_attempts = ApiResponse(0, "stopped"), tuple[str, ...]()
        while not self._stopped.is_set():
            wait = min(self._first_wait_seconds * 2 ** min(len(failed_attempts), 20), self._max_wait_seconds)
            wait += random.random() * self._first_wait_seconds  # noqa: S311  no secret
            try:
                # A redirect is not followed: it is a response like any other.
                response = self._pool.request(
                    method, self._url, body=body, retries=False, redirect=False, preload_content=False
                )
                wait = max(wait, _retry_after_seconds(response))
                answer = _read(response)
                should_retry = answer.status >= 500 and "Retry-After" in response.headers
                if answer.status in self._final_statuses and not should_retry:
                    return answer._replace(failed_attempts=failed_attempts)
                failed_attempts += (str(answer.status),)
            except (HTTPError, OSError) as error:
                # urllib3 wraps the original error.
                cause = next((arg for arg in error.args if isinstance(arg, BaseException)), error)
                answer = ApiResponse(0, f"{type(cause).__name__}: {cause}")
                failed_attempts += (type(cause).__name__,)
            if self._clock.monotonic() + wait > deadline:
                break
            self._on_wait(answer)
            self._clock.wait(self._stopped, wait)
        raise NoFinalResponseError(answer)


def _retry_after_seconds(response: urllib3.BaseHTTPResponse) -> float:
    """Return the seconds in Retry-After; 0 if the header is missing or invalid."""
    with suppress(InvalidHeader, ValueError, OverflowError):
        return urllib3.Retry().get_retry_after(response) or 0
    return 0


def _read(response: urllib3.BaseHTTPResponse) -> ApiResponse:
    text = response.read(_MAX_RESPONSE_BYTES).decode(errors="replace")
    if not response.closed:  # the rest of the body is not read
        response.close()
    response.release_conn()
    return ApiResponse(response.status, text)


def _pool(url: str, settings: dict[str, Any]) -> urllib3.PoolManager:
    """Create the pool of connections, to the proxy that the environment names for this URL, or directly."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    proxy = None if host in ("127.0.0.1", "localhost") or proxy_bypass(host) else getproxies().get(parts.scheme)
    if not proxy:
        return urllib3.PoolManager(**settings)
    try:
        address = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        proxy_headers = make_headers(proxy_basic_auth=urllib.parse.unquote(address.auth)) if address.auth else None
        return urllib3.ProxyManager(address._replace(auth=None).url, proxy_headers=proxy_headers, **settings)
    except (HTTPError, ValueError):  # not quoted: their messages contain the address with its password
        raise CommandError("the environment names an invalid proxy address; expected http://HOST:PORT") from None
