"""Live view of the punches that pass through the local stack, for operators and demonstrations.

The emulator's process serves it, as it has the queues. It is not deployed: AWS has the CloudWatch dashboard.
"""

import contextlib
import hmac
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg2

from ponto.punch import EVENT
from tools.kit import dead_letters, event
from tools.local import postgres, verdict
from tools.local.faults import DatabaseFaults
from tools.local.watch import BatchTotals

FOLDER = Path(__file__).parent / "view"
PATH = "/flow/"
_MAX_STOP_SECONDS = 60  # longest stop of the database
_MAX_DEAD_LETTERS = 8  # in the view
_MAX_SAMPLES = 121  # one each second, at both ends of two minutes


Messages = Callable[[str], Sequence[Mapping[str, Any]]]
"""Returns the messages of a queue, by its URL, oldest first, without receiving them."""


JsonResponse = tuple[int, dict[str, Any]]
"""Status and body."""


def key(access_key_id: str) -> str:
    """Return the key of a run's view, which gives access to nothing else.

    An open tab sends it every second, even after another program has taken over the stack's port. The run's access
    key id cannot be derived from it.
    """
    return hmac.digest(access_key_id.encode(), b"view", "sha256").hex()


class Flow:
    """View of a stack: its current numbers, and a stop of its database on request."""

    def __init__(
        self,
        state: Path,
        key: str,
        messages: Messages,
        accepted: Mapping[str, Mapping[str, str | None]],
    ) -> None:
        """Create a view; the stack may still be starting.

        Args:
            state: folder of the stack.
            key: key of the view.
            messages: returns the messages of a queue.
            accepted: messages that each queue, by its URL, has accepted in this run, without redriven ones: punch id
                (None: unknown) by message id.
        """
        self.key = key
        self._state = state
        self._messages = messages
        self._accepted = accepted
        self._batches = BatchTotals(state / "emulator.log")
        # Oldest first, with the time of `time.monotonic`.
        self._samples: deque[tuple[float, dict[str, int]]] = deque(maxlen=_MAX_SAMPLES)
        self._dead_letter_ids: set[str] = set()  # ids of this run's messages that became dead letters
        self._lock = threading.Lock()
        self._stop_thread: threading.Thread | None = None
        self._error = ""

    def watch(self) -> None:
        """Record a sample each second, so that a tab that is opened later shows the past, too."""
        while True:
            with self._lock, contextlib.suppress(OSError):  # before the stack is ready
                address = self._address()
                self._samples.append((time.monotonic(), self._counts(address)))
                self._record_dead_letters(address)
            time.sleep(1)

    def respond(self, method: str, name: str) -> JsonResponse:
        """Respond to a request that is not for a file; `name` is its path without PATH."""
        stop = re.fullmatch(r"stop-database/(\d{1,2})", name)
        if method == "POST" and stop and 1 <= int(stop[1]) <= _MAX_STOP_SECONDS:
            with self._lock:
                return self._stop_database(int(stop[1]))
        read = {("GET", "numbers"): self._numbers, ("GET", "verdict"): self._judge}.get((method, name))
        if read is None:
            return 404, {"message": f"there is no {method} {PATH}{name}"}
        try:
            return read(self._address())
        except FileNotFoundError:
            return 503, {"message": "the stack is starting or stopping"}

    def _address(self) -> dict[str, Any]:
        addresses: dict[str, Any] = json.loads((self._state / "stack.json").read_text(encoding="utf-8"))
        return addresses

    def _counts(self, address: dict[str, Any]) -> dict[str, int]:
        accepted = len(self._accepted.get(address["queue_url"], ()))
        return {
            "accepted": accepted,
            "waiting": len(self._messages(address["queue_url"])),
            "stopped": int(self._is_stopped()),
            **self._batches.totals(),
        }

    def _numbers(self, address: dict[str, Any]) -> JsonResponse:
        with self._lock:
            now, counts, samples = time.monotonic(), self._counts(address), list(self._samples)
        dead_messages = self._messages(address["dlq_url"])
        waiting = self._messages(address["queue_url"])
        return 200, {
            **counts,
            "deadLetters": len(dead_messages),
            "ageSeconds": max((time.time() - message["sent_at"] for message in waiting), default=0),
            "samples": [{"secondsAgo": round(now - taken_at, 2), **sample} for taken_at, sample in samples],
            "databaseStopped": self._is_stopped(),
            "error": self._error,
            "lastDeadLetters": [
                _dead_letter_to_json(message) for message in reversed(dead_messages[-_MAX_DEAD_LETTERS:])
            ],
            "api": {"url": address["api_url"], "key": address["api_key"]},
            "example": {
                "body": event.body(1, ""),
                "subject": EVENT.fields[EVENT.subject].name,
                "subjects": [event.subject(number) for number in range(1, 101)],
                "instant": EVENT.fields[EVENT.instant].name,
            },
        }

    def _record_dead_letters(self, address: dict[str, Any]) -> None:
        accepted = self._accepted.get(address["queue_url"], {})
        letters = map(_read, self._messages(address["dlq_url"]))
        self._dead_letter_ids.update(letter.message_id for letter in letters if letter.message_id in accepted)

    def _judge(self, address: dict[str, Any]) -> JsonResponse:
        """Return the verdict on this run's messages; `lost` is None if unknown, for example while punches wait."""
        with self._lock:
            accepted = dict(self._accepted.get(address["queue_url"], {}))
            self._record_dead_letters(address)
            dead_letter_ids = frozenset(self._dead_letter_ids)
        if self._messages(address["queue_url"]):
            return 200, {"lost": None}
        try:
            return 200, verdict.judge(address["database_url"], accepted, dead_letter_ids)
        except psycopg2.Error:
            return 200, {"lost": None}

    def _is_stopped(self) -> bool:
        return self._stop_thread is not None and self._stop_thread.is_alive()

    def _stop_database(self, seconds: int) -> JsonResponse:
        if self._is_stopped():
            return 409, {"message": "the database is stopped already"}
        # If the stack stops meanwhile, its next start undoes this.
        self._stop_thread = threading.Thread(target=self._stop_for, args=(seconds,), daemon=True)
        self._stop_thread.start()
        return 202, {"seconds": seconds}

    def _stop_for(self, seconds: int) -> None:
        self._error = ""
        try:
            with DatabaseFaults(postgres.attach(self._state / "postgres")).refusing():
                time.sleep(seconds)
        except Exception as error:  # noqa: BLE001  the view shows it
            self._error = f"{type(error).__name__}: {error}"


def _dead_letter_to_json(message: Mapping[str, Any]) -> dict[str, Any]:
    summary = _read(message).summary()
    return {key: summary[key] for key in ("id", "reason", "detail", "received")}


def _read(message: Mapping[str, Any]) -> dead_letters.DeadLetter:
    return dead_letters.read(
        {
            "MessageId": message["id"],
            "Body": message["body"],
            "Attributes": message.get("sys", {}),
            "MessageAttributes": message.get("message_attributes", {}),
        }
    )
