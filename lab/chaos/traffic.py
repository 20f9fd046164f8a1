"""Clients of `make chaos`."""

import contextlib
import json
import threading
import time
import urllib.parse
from collections.abc import Sequence
from random import Random

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from loadtest.ledger import SentMessage
from tools.kit.client import Client
from tools.kit.local_stack import Address
from tools.local.errors import LocalError

_SPREAD_SECONDS = 36  # time over which the messages are spread: one round of all faults
_TIMEOUT_SECONDS = 30  # of a connection to the gateway
_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS, _GIVE_UP_SECONDS = 0.05, 4, 600  # of a client whose punch is not accepted
_ACCEPTED = 202
_HANG_UP_PROBABILITY = 0.01  # that a client disconnects before the answer, and sends its punch again


class Traffic:
    """Clients that send punches over HTTP as the README requires, and other messages directly to the queue."""

    def __init__(self, address: Address, messages: Sequence[SentMessage], clients: int, seed: int) -> None:
        """Create the clients, which send when `start` is called.

        Args:
            address: address of the stack.
            messages: messages to send, in order.
            clients: number of clients, each with its own connection.
            seed: determines when clients disconnect.
        """
        self.accepted: dict[str, SentMessage] = {}  # by message id
        self._address = address
        self._headers = {"content-type": "application/json", "x-api-key": address.api_key}
        # docs/clients.md requires longer waits. Shorter ones make the run faster.
        self._client = Client(
            address.api_url,
            self._headers,
            timeout_seconds=_GIVE_UP_SECONDS,
            threads=clients,
            backoff_seconds=_BACKOFF_SECONDS,
            max_backoff_seconds=_MAX_BACKOFF_SECONDS,
        )
        self._sqs = address.client("sqs")
        self._messages = messages
        self._indices = iter(range(len(messages)))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._started_at = 0.0
        self._threads = [
            threading.Thread(target=self._run, args=(Random(seed + number),), daemon=True) for number in range(clients)
        ]

    def start(self) -> None:
        """Start to send."""
        self._started_at = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop sending, even if messages remain."""
        self._stop.set()

    def is_sending(self) -> bool:
        """Return whether messages remain to be sent.

        Raises:
            LocalError: the gateway refused a good punch.
            NoFinalResponseError: a client got no 202 for ten minutes.
        """
        if self._error:
            raise self._error
        return any(thread.is_alive() for thread in self._threads)

    def _run(self, rng: Random) -> None:
        try:
            while (message := self._next()) and not self._stop.is_set():
                if message.punch:
                    self._post(message, rng)
                else:
                    with self._lock:
                        sent = self._sqs.send_message(QueueUrl=self._address.queue_url, MessageBody=message.body)
                    self.accepted[sent["MessageId"]] = message
        except Exception as error:  # noqa: BLE001  `is_sending` raises it in the main thread
            if not self._stop.is_set():  # only the first error is raised
                self._error = error
                self.stop()

    def _next(self) -> SentMessage | None:
        with self._lock:
            index = next(self._indices, None)
        if index is None:
            return None
        due = self._started_at + index * _SPREAD_SECONDS / len(self._messages)
        self._stop.wait(max(0, due - time.monotonic()))
        return self._messages[index]

    def _post(self, message: SentMessage, rng: Random) -> None:
        body = message.body.encode()
        if rng.random() < _HANG_UP_PROBABILITY:
            self._send_and_disconnect(body)
        answer = self._client.send(body)
        if answer.status != _ACCEPTED:
            raise LocalError(f"The gateway answered a good punch with {answer.status}: {answer.text}")
        self.accepted[json.loads(answer.text)["messageId"]] = message

    def _send_and_disconnect(self, body: bytes) -> None:
        """Send a request, and disconnect before the answer."""
        url = urllib.parse.urlsplit(self._address.api_url)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS)
        with contextlib.suppress(OSError, HTTPError):  # the connection may be refused
            connection.request("POST", url.path, body, self._headers)
        connection.close()
