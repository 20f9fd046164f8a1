"""The API as a client sees it: what is sent is tried again until it is answered for good (docs/clients.md)."""

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
"""What no further try changes: accepted, refused, or closed to this key. Any other status may pass; so may a 5xx
that has a Retry-After, wherever it is said to be final."""

PUBLICATION_SECONDS = 90
"""For which API Gateway may not know a new stage, method or key everywhere."""

MAX_CONCURRENT_PUNCHES = 4
"""Punches that a client may have on their way at the same time, however many wait."""

_TIMEOUT_SECONDS = 30  # s: the gateway itself gives up after 29
_MAX_RESPONSE_BYTES = 1 << 16  # bytes; the connection of a longer one is given up
_MAX_MESSAGE_CHARACTERS = 300  # characters


class ApiResponse(NamedTuple):
    """An answer, or why there was none."""

    status: int  # 0: none
    text: str
    failed_attempts: tuple[str, ...] = ()  # the tries before it: the status of each, or the name of the error

    @property
    def message(self) -> str:
        """What the API says in it, or else why there is none: a part, if it is long."""
        if not self.status:
            return self.text[:_MAX_MESSAGE_CHARACTERS]
        try:
            return str(orjson.loads(self.text)["message"])[:_MAX_MESSAGE_CHARACTERS]
        except (ValueError, KeyError, TypeError):
            return ""


class NoFinalResponseError(Exception):
    """No answer for good came in time, or nobody waits for it any more."""

    def __init__(self, response: ApiResponse) -> None:
        self.response = response
        super().__init__(f"answered {response.status}" if response.status else f"no answer: {response.message}")


class Client:
    """Sends to one address. For several threads, each of which finds a connection that is open."""

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
            url: where to; a proxy of the environment's is used, but not for this machine.
            headers: of every request; they are shown nowhere.
            timeout_seconds: seconds after which an answer is given up, as soon as it has to be waited for.
            threads: how many connections are kept.
            final_statuses: statuses after which nothing is tried again, but for a 5xx with a Retry-After.
            first_wait_seconds: seconds before the second try; then twice as long each time, and a random part.
            max_wait_seconds: seconds, the random part aside.
            on_wait: told the last answer before each wait.

        Raises:
            CommandError: a header or the proxy's address is none.
        """
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise CommandError(f"{name} cannot be sent: it holds a line break, or a character that is not ASCII")
        self._url, self._timeout_seconds, self._final_statuses = url, timeout_seconds, final_statuses
        self._first_wait_seconds, self._max_wait_seconds = first_wait_seconds, max_wait_seconds
        self._on_wait, self._clock = on_wait, clock
        self._stopped = threading.Event()
        self._pool = _pool(url, {"maxsize": threads, "timeout": _TIMEOUT_SECONDS, "headers": headers})

    def stop(self) -> None:
        """End all waits."""
        self._stopped.set()

    def send(self, body: bytes | None, method: str = "POST") -> ApiResponse:
        """Send until there is an answer for good.

        Raises:
            GivenUpError: there is none within the patience, or the client was stopped.
        """
        ends = self._clock.monotonic() + self._timeout_seconds
        answer, failed = ApiResponse(0, "stopped"), tuple[str, ...]()
        while not self._stopped.is_set():
            wait = min(self._first_wait_seconds * 2 ** min(len(failed), 20), self._max_wait_seconds)
            wait += random.random() * self._first_wait_seconds  # noqa: S311  no secret
            try:
                # A redirect is an answer like any other.
                response = self._pool.request(
                    method, self._url, body=body, retries=False, redirect=False, preload_content=False
                )
                wait = max(wait, _retry_after_seconds(response))
                answer = _read(response)
                is_asked_again = answer.status >= 500 and "Retry-After" in response.headers
                if answer.status in self._final_statuses and not is_asked_again:
                    return answer._replace(failed_attempts=failed)
                failed += (str(answer.status),)
            except (HTTPError, OSError) as error:
                # urllib3 wraps what happened.
                cause = next((each for each in error.args if isinstance(each, BaseException)), error)
                answer = ApiResponse(0, f"{type(cause).__name__}: {cause}")
                failed += (type(cause).__name__,)
            if self._clock.monotonic() + wait > ends:
                break
            self._on_wait(answer)
            self._clock.wait(self._stopped, wait)
        raise NoFinalResponseError(answer)


def _retry_after_seconds(response: urllib3.BaseHTTPResponse) -> float:
    """Return the seconds that Retry-After asks for; 0 without one, or if it is invalid."""
    with suppress(InvalidHeader, ValueError, OverflowError):
        return urllib3.Retry().get_retry_after(response) or 0
    return 0


def _read(response: urllib3.BaseHTTPResponse) -> ApiResponse:
    text = response.read(_MAX_RESPONSE_BYTES).decode(errors="replace")
    if not response.closed:  # there is more
        response.close()
    response.release_conn()
    return ApiResponse(response.status, text)


def _pool(url: str, settings: dict[str, Any]) -> urllib3.PoolManager:
    """Make what keeps connections: to the proxy that the environment names for this address, or to the address."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    proxy = None if host in ("127.0.0.1", "localhost") or proxy_bypass(host) else getproxies().get(parts.scheme)
    if not proxy:
        return urllib3.PoolManager(**settings)
    try:
        address = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        signed_in = make_headers(proxy_basic_auth=urllib.parse.unquote(address.auth)) if address.auth else None
        return urllib3.ProxyManager(address._replace(auth=None).url, proxy_headers=signed_in, **settings)
    except (HTTPError, ValueError):  # whose words quote it, password included
        raise CommandError("the proxy that the environment names is no address: expected http://HOST:PORT") from None
