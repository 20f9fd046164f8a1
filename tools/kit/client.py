"""HTTP client of the punch API, which retries as docs/clients.md requires."""

import sys
import urllib.parse
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.request import getproxies, proxy_bypass

import orjson
import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import make_headers, parse_url

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.output import print_status

FINAL_STATUSES = frozenset({202, 400, 401, 403, 413, 415})
"""Statuses after which a retry is useless: the punch was accepted or refused, or the key may not send any.

A 5xx with a Retry-After header is always retried, and a redirect never, for urllib3 would not wait before it."""

PUBLICATION_SECONDS = 90
"""Time that API Gateway may take until a new stage, method or key works everywhere."""

_TIMEOUT_SECONDS = 30  # the gateway itself gives up after 29 s
_MAX_MESSAGE_CHARACTERS = 300
_RETRIED_STATUSES = frozenset({*range(200, 300), *range(400, 1000)})


class ApiResponse(NamedTuple):
    """Response of the API, or the reason why there is none."""

    status: int  # 0: no response
    text: str  # body of the response, or the error

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
    """No final response came in time."""

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
        backoff_seconds: float = 1,
        max_backoff_seconds: float = 30,
        notice: str = "",
        clock: Clock = CLOCK,
    ) -> None:
        """Create a client; it connects when it sends.

        Args:
            url: address of every request. A proxy of the environment is used, except for this machine.
            headers: headers of every request; they are never printed.
            timeout_seconds: `send` gives up if the next attempt would start later than this after its call.
            threads: number of connections that the pool keeps.
            final_statuses: statuses that are not retried, except a 5xx with a Retry-After.
            backoff_seconds: factor of urllib3's waits: 0, 2, 4, 8, ... times this, plus a random part.
            max_backoff_seconds: limit of such a wait; that of Retry-After has none but `timeout_seconds`.
            notice: text printed before the first wait, after what the API answered.

        Raises:
            CommandError: a header, or the address of the proxy, is invalid.
        """
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise CommandError(
                    f"the header {name} cannot be sent: it has a line break or a character that is not ASCII"
                )
        self._url, self._timeout_seconds, self._notice, self._clock = url, timeout_seconds, notice, clock
        self._retry_settings: dict[str, Any] = {
            "total": sys.maxsize,  # the deadline ends the attempts
            "allowed_methods": None,  # also POST: it repeats the same punch
            "status_forcelist": _RETRIED_STATUSES - final_statuses,
            "backoff_factor": backoff_seconds,
            "backoff_jitter": backoff_seconds,
            "backoff_max": max_backoff_seconds,
        }
        self._pool = _pool(url, {"maxsize": threads, "timeout": _TIMEOUT_SECONDS, "headers": headers})

    def send(self, body: bytes | None, method: str = "POST") -> ApiResponse:
        """Send a request until it gets a final response.

        Raises:
            NoFinalResponseError: there was none within `timeout_seconds`.
        """
        clock, notice = self._clock, self._notice
        deadline = clock.monotonic() + self._timeout_seconds

        class Retry(urllib3.Retry):
            """Retries until the deadline; urllib3 itself only counts attempts."""

            RETRY_AFTER_STATUS_CODES = frozenset(range(500, 600))

            def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
                seconds = self.get_backoff_time()
                with suppress(InvalidHeader, ValueError, OverflowError):
                    seconds = (response and self.get_retry_after(response)) or seconds
                answer = _to_answer(response, self)
                if clock.monotonic() + seconds > deadline:
                    raise NoFinalResponseError(answer)
                if notice and len(self.history) == 1:
                    problem = f"answered {answer.status}" if answer.status else "does not answer"
                    print_status(f"ponto: the API {problem}{answer.message and f': {answer.message}'}. {notice}")
                clock.sleep(seconds)

        response = self._pool.request(
            method, self._url, body=body, retries=Retry(**self._retry_settings), redirect=False
        )
        return _to_answer(response, response.retries)


def _to_answer(response: urllib3.BaseHTTPResponse | None, retries: urllib3.Retry | None) -> ApiResponse:
    if response is None:
        return ApiResponse(0, str(retries.history[-1].error) if retries else "")
    return ApiResponse(response.status, response.data.decode(errors="replace"))


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
