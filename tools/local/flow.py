"""The view for operators and demonstrations: what goes through the running stack, second by second.

It is served by the emulator's process, where the queues are, and it is not deployed: on AWS there is the dashboard.
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

from ponto.parser import FIELDS
from ponto.punch import INSTANT_COLUMN, SUBJECT_COLUMN
from tools.kit import dead_letters, event
from tools.kit.clock import CLOCK, Clock
from tools.local import postgres, verdict
from tools.local.faults import DatabaseFaults
from tools.local.watch import BatchTotals

FOLDER = Path(__file__).parent / "view"
PATH = "/flow/"
_MAX_STOP_SECONDS = 60  # s that the database may be stopped for
_MAX_DEAD_LETTERS = 8  # dead letters that are shown
_MAX_SAMPLES = 121  # looks, one a second: two minutes have one at each end


Messages = Callable[[str], Sequence[Mapping[str, Any]]]
"""Gives the emulator's messages of a queue by its URL, oldest first, without receiving them."""


JsonResponse = tuple[int, dict[str, Any]]
"""The status, and the body."""


def key(access_key_id: str) -> str:
    """Return the key of a run's view, which opens nothing else, and no other run.

    An open tab sends it every second, also when the stack has stopped and somebody else listens on its port. The run's
    own key does not follow from it.
    """
    return hmac.digest(access_key_id.encode(), b"view", "sha256").hex()


class Flow:
    """Reads the numbers of one stack, and stops its database when it is asked to."""

    def __init__(
        self,
        state: Path,
        key: str,
        messages: Messages,
        accepted: Mapping[str, Mapping[str, str | None]],
        clock: Clock = CLOCK,
    ) -> None:
        """Create a view; the stack may still be starting.

        `accepted` has the messages that each queue has taken in this run, by its URL, without those that came back from
        the dead-letter queue: message ids with the id of the punch, None if it is not known.
        """
        self.key = key
        self._state = state
        self._messages = messages
        self._accepted = accepted
        self._clock = clock
        self._batches = BatchTotals(state / "emulator.log")
        self._samples: deque[tuple[float, dict[str, int]]] = deque(
            maxlen=_MAX_SAMPLES
        )  # with `time.monotonic()`, oldest first
        self._dead: set[str] = set()  # messages that the queue took in this run, and that were dead letters at a look
        self._lock = threading.Lock()
        self._stopping: threading.Thread | None = None
        self._error = ""

    def watch(self) -> None:
        """Look once a second, for as long as the process lives: a tab that is opened later shows what was before it."""
        while True:
            self.record()
            time.sleep(1)

    def record(self) -> None:
        """Keep the numbers of this moment, once the stack is ready."""
        with self._lock, contextlib.suppress(OSError):  # whoever asks for the numbers is told what cannot be read
            address = self._address()
            self._samples.append((self._clock.monotonic(), self._counts(address)))
            self._note_dead_letters(address)

    def answer(self, method: str, name: str) -> JsonResponse:
        """Answer a request for what is no file; `name` is its path without PATH."""
        stop = re.fullmatch(r"stop-database/(\d{1,2})", name)
        if (method, name) == ("GET", "numbers"):
            try:
                address = self._address()
            except FileNotFoundError:
                return 503, {"message": "the stack is starting or stopping"}
            with self._lock:
                return self._numbers(address)
        if (method, name) == ("GET", "verdict"):
            return self._judge()
        if method == "POST" and stop and 1 <= int(stop[1]) <= _MAX_STOP_SECONDS:
            with self._lock:
                return self._stop_database(int(stop[1]))
        return 404, {"message": f"there is no {method} {PATH}{name}"}

    def _address(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._state / "stack.json").read_text(encoding="utf-8"))
        return found

    def _counts(self, address: dict[str, Any]) -> dict[str, int]:
        accepted = len(self._accepted.get(address["queue_url"], ()))
        return {
            "accepted": accepted,
            "waiting": len(self._messages(address["queue_url"])),
            **self._batches.totals(),
        }

    def _numbers(self, address: dict[str, Any]) -> JsonResponse:
        now = self._clock.monotonic()
        dead = self._messages(address["dlq_url"])
        waiting = self._messages(address["queue_url"])
        return 200, {
            **self._counts(address),
            "deadLetters": len(dead),
            "ageSeconds": max((time.time() - message["sent_at"] for message in waiting), default=0),
            "looks": [{"secondsAgo": round(now - at, 2), **counts} for at, counts in self._samples],
            "databaseStopped": self._stopping is not None and self._stopping.is_alive(),
            "error": self._error,
            "lastDeadLetters": [_dead_letter_to_json(message) for message in reversed(dead[-_MAX_DEAD_LETTERS:])],
            "api": {"url": address["api_url"], "key": address["api_key"]},
            "example": {
                "body": event.body(1, ""),
                "whose": FIELDS[SUBJECT_COLUMN].name,
                "when": FIELDS[INSTANT_COLUMN].name,
            },
        }

    def _note_dead_letters(self, address: dict[str, Any]) -> None:
        accepted = self._accepted.get(address["queue_url"], {})
        letters = map(_read, self._messages(address["dlq_url"]))
        self._dead.update(letter.message_id for letter in letters if letter.message_id in accepted)

    def _judge(self) -> JsonResponse:
        """Judge what the queue has taken in this run; `lost` is None if it is not known: punches wait, say."""
        try:
            with self._lock:
                address = self._address()
                accepted = dict(self._accepted.get(address["queue_url"], {}))
                self._note_dead_letters(address)
                dead = frozenset(self._dead)
            if self._messages(address["queue_url"]):
                return 200, {"lost": None}
            found = verdict.judge(address["database_url"], accepted, dead)
        except FileNotFoundError:
            return 503, {"message": "the stack is starting or stopping"}
        except psycopg2.Error:
            return 200, {"lost": None}
        return 200, found.to_json()

    def _stop_database(self, seconds: int) -> JsonResponse:
        if self._stopping is not None and self._stopping.is_alive():
            return 409, {"message": "the database is stopped already"}
        # When the stack stops meanwhile, its next start lets the database be reached again.
        self._stopping = threading.Thread(target=self._stop_for, args=(seconds,), daemon=True)
        self._stopping.start()
        return 202, {"seconds": seconds}

    def _stop_for(self, seconds: int) -> None:
        self._error = ""
        try:
            with DatabaseFaults(postgres.attach(self._state / "postgres")).refusing():
                time.sleep(seconds)
        except Exception as error:  # noqa: BLE001  the view shows it; nobody waits for this thread
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
