"""The API as a client of punches sees it: each is sent until it is accepted, or is known never to be."""

import http.client
import threading
import time
import urllib.parse
from collections.abc import Sequence

import orjson

from ponto.batches import NotSent
from ponto.lines import Line

_TIMEOUT = 30  # s: the gateway itself gives up after 29
_PATIENCE = 300  # s without an answer but 429 and 5xx, after which the import stops, to be gone on with
_FIRST_DELAY = 0.5  # s, then twice as long each time
_LONGEST_DELAY = 30.0  # s
_LONGEST_ANSWER = 1 << 16  # bytes; the connection of a longer one is given up
_LONGEST_MESSAGE = 300  # characters
_ACCEPTED = 202
_REFUSED = {400, 413, 415}  # this punch; the next may go
_CLOSED = {
    401: "the stage asks for a sign-in, which a file has not: put the file into the stage's bucket (docs/imports.md)",
    403: "the key is wrong, or was revoked",
    404: "there is no such address",
}


class Api:
    """Where punches are posted. For several threads, each of which keeps a connection."""

    def __init__(self, url: str, key: str) -> None:
        """Connects to nothing.

        Args:
            url: of `POST /ponto`.
            key: the API key; it is sent and never shown.
        """
        self._url = urllib.parse.urlsplit(url)
        self._headers = {"content-type": "application/json", "x-api-key": key}
        self._local = threading.local()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._stopped.set()

    def send(self, punches: Sequence[Line], _: float) -> dict[int, str]:
        """Send punches one after the other; see `ponto.batches.Send`.

        Raises:
            NotSent: the API is closed to this key, or has not accepted one for minutes.
        """
        answers = {punch.number: self._refusal(punch.body) for punch in punches}
        return {number: why for number, why in answers.items() if why}

    def _refusal(self, body: str) -> str:
        """Send a punch until the API has it; return why it never will, or nothing."""
        delay = _FIRST_DELAY
        end = time.monotonic() + _PATIENCE
        while True:
            status, text, retry_after = self._post(body)
            if status == _ACCEPTED:
                return ""
            if status in _REFUSED:
                return text or f"answered {status}"
            if status in _CLOSED:
                raise NotSent(f"answered {status}: {_CLOSED[status]}")
            wait = max(delay, retry_after)
            if time.monotonic() + wait > end or self._stopped.wait(wait):
                raise NotSent(f"answered {status}" if status else f"no answer: {text}")
            delay = min(2 * delay, _LONGEST_DELAY)

    def _post(self, body: str) -> tuple[int, str, float]:
        """Return the answer's status, 0 for none, its message, and for how long it asks to wait, s."""
        try:
            connection = self._connection()
            connection.request("POST", self._url.path, body.encode(), self._headers)
            answer = connection.getresponse()
            return answer.status, _message(answer.read(_LONGEST_ANSWER)), _seconds(answer.getheader("retry-after"))
        except (OSError, http.client.HTTPException) as error:
            self._local.connection = None  # whatever became of it, the next try has its own
            return 0, f"{type(error).__name__}: {error}"[:_LONGEST_MESSAGE], 0.0

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
            connection = self._local.connection = kind(self._url.hostname or "", self._url.port, timeout=_TIMEOUT)
        return connection


def _message(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["message"])[:_LONGEST_MESSAGE]
    except (ValueError, KeyError, TypeError):
        return ""


def _seconds(text: str | None) -> float:
    return min(float(text), _PATIENCE) if text and text.isascii() and text.isdecimal() else 0.0
