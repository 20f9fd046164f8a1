"""The API as a client sees it: what is sent is tried again until it is answered for good (docs/clients.md)."""

import random
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Self, cast
from urllib.request import getproxies, proxy_bypass

import orjson
import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader

from tools.kit.errors import CommandError

FINAL = frozenset({202, 400, 401, 403, 413, 415})
"""What no further try changes: accepted, refused, or closed to this key. Any other status may pass; so may a 5xx
that has a Retry-After, wherever it is said to be final."""

PUBLISHED_SECONDS = 90
"""For which API Gateway may not know a new stage, method or key everywhere."""

MOST_AT_ONCE = 4
"""Punches that a client may have on their way at the same time, however many wait."""

_TIMEOUT = 30  # s: the gateway itself gives up after 29
_LONGEST_ANSWER = 1 << 16  # bytes; the connection of a longer one is given up
_LONGEST_MESSAGE = 300  # characters


class Response(NamedTuple):
    """An answer, or why there was none."""

    status: int  # 0: none
    text: str
    failed: tuple[str, ...] = ()  # the tries before it: the status of each, or the name of the error

    @property
    def message(self) -> str:
        """What the API says in it, or else why there is none: a part, if it is long."""
        if not self.status:
            return self.text[:_LONGEST_MESSAGE]
        try:
            return str(orjson.loads(self.text)["message"])[:_LONGEST_MESSAGE]
        except (ValueError, KeyError, TypeError):
            return ""


class GivenUpError(Exception):
    """No answer for good came in time, or nobody waits for it any more."""

    def __init__(self, answer: Response) -> None:
        """Takes the last answer."""
        self.answer = answer
        super().__init__(f"answered {answer.status}" if answer.status else f"no answer: {answer.message}")


class Client:
    """Sends to one address. For several threads, each of which finds a connection that is open."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        patience: float,
        threads: int = 1,
        final: frozenset[int] = FINAL,
        first_wait: float = 1,
        longest_wait: float = 30,
        on_wait: Callable[[Response], None] = lambda _: None,
    ) -> None:
        """Connects to nothing.

        Args:
            url: where to; a proxy of the environment's is used, but not for this machine.
            headers: of every request; they are shown nowhere.
            patience: seconds after which an answer is given up, as soon as it has to be waited for.
            threads: how many connections are kept.
            final: statuses after which nothing is tried again, but for a 5xx with a Retry-After.
            first_wait: seconds before the second try; then twice as long each time, and a random part.
            longest_wait: seconds, the random part aside.
            on_wait: told the last answer before each wait.

        Raises:
            CommandError: a header or the proxy's address is none.
        """
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise CommandError(f"{name} cannot be sent: it holds a line break, or a character that is not ASCII")
        self._url, self._patience = url, patience
        self._tried_again = frozenset(range(100, 1000)) - final
        self._first_wait, self._longest_wait = first_wait, longest_wait
        self._on_wait = on_wait
        self._stopped = threading.Event()
        self._pool = _pool(url, {"maxsize": threads, "timeout": _TIMEOUT, "headers": headers})

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._stopped.set()

    def send(self, body: bytes | None, method: str = "POST") -> Response:
        """Send until there is an answer for good.

        Raises:
            GivenUpError: there is none within the patience, or the client was stopped.
        """
        if self._stopped.is_set():
            raise GivenUpError(Response(0, "stopped"))
        retries = _Waiting(
            total=None,
            allowed_methods=None,
            status_forcelist=self._tried_again,
            backoff_factor=self._first_wait,
            backoff_max=self._longest_wait,
            backoff_jitter=self._first_wait,
        )
        retries.ends, retries.stopped = time.monotonic() + self._patience, self._stopped
        retries.on_wait = self._on_wait
        while True:
            # A redirect is an answer like any other.
            how: dict[str, Any] = {"body": body, "retries": retries, "redirect": False, "preload_content": False}
            response = self._pool.request(method, self._url, **how)
            retries = cast(_Waiting, response.retries)
            try:
                return _read(response)._replace(failed=tuple(map(_failed, retries.history)))
            except (HTTPError, OSError) as error:  # it breaks off
                retries = retries.increment(method, self._url, error=error)
                retries.sleep()


class _Waiting(urllib3.Retry):
    """urllib3's retries, which wait before the second try, too, as long as Retry-After asks, and can be ended."""

    ends: float  # monotonic
    stopped: threading.Event
    on_wait: Callable[[Response], None]
    last: Response

    def new(self, **changes: Any) -> Self:
        after = super().new(**changes)
        after.ends, after.stopped, after.on_wait = self.ends, self.stopped, self.on_wait
        return after

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return (has_retry_after and status_code >= 500) or super().is_retry(method, status_code, has_retry_after)

    def increment(self, *given: Any, **more: Any) -> Self:
        after = super().increment(*given, **more)
        response = more.get("response")
        if response:
            after.last = Response(response.status, "")
            with suppress(HTTPError, OSError):
                after.last = _read(response)
        else:
            cause = _cause(more["error"])
            after.last = Response(0, f"{type(cause).__name__}: {cause}")
        return after

    def get_backoff_time(self) -> float:
        wait: float = self.backoff_factor * 2 ** min(len(self.history) - 1, 20)
        return min(wait, self.backoff_max) + random.random() * self.backoff_jitter  # noqa: S311  no secret

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        wait = self.get_backoff_time()
        with suppress(InvalidHeader, ValueError, OverflowError):  # no time that there is
            wait = max(wait, (response and self.get_retry_after(response)) or 0)
        if time.monotonic() + wait > self.ends:
            raise GivenUpError(self.last)
        self.on_wait(self.last)
        if self.stopped.wait(wait):
            raise GivenUpError(self.last)


def _read(response: urllib3.BaseHTTPResponse) -> Response:
    text = response.read(_LONGEST_ANSWER).decode(errors="replace")
    if not response.closed:  # there is more
        response.close()
    response.release_conn()
    return Response(response.status, text)


def _cause(error: Exception) -> BaseException:
    """Give what urllib3 wrapped."""
    return next((each for each in error.args if isinstance(each, BaseException)), error)


def _failed(tried: Any) -> str:
    return str(tried.status) if tried.status else type(_cause(tried.error)).__name__


def _pool(url: str, given: dict[str, Any]) -> urllib3.PoolManager:
    """Make what keeps connections: to the proxy that the environment names for this address, or to the address."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    proxy = None if host in ("127.0.0.1", "localhost") or proxy_bypass(host) else getproxies().get(parts.scheme)
    if not proxy:
        return urllib3.PoolManager(**given)
    scheme, there_is, rest = proxy.partition("://")
    user, _, address = (rest if there_is else proxy).rpartition("@")
    signed_in = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(user)) if user else None
    try:
        return urllib3.ProxyManager(f"{scheme if there_is else 'http'}://{address}", proxy_headers=signed_in, **given)
    except (HTTPError, ValueError):  # whose words quote it, password included
        raise CommandError("the proxy that the environment names is no address: expected http://HOST:PORT") from None
