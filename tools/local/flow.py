"""The view for operators and demonstrations: what goes through the running stack, second by second.

It is served by the emulator's process, where the queues are, and it is not deployed: on AWS there is the dashboard.
"""

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.dlq import dead_letters
from tools.kit.files import draft
from tools.local import postgres
from tools.local.faults import Faults
from tools.local.watch import Batches

FOLDER = Path(__file__).parent / "view"
PATH = "/flow/"
_LONGEST = 60  # s that the database may be stopped for
_LAST = 8  # dead letters that are shown


Messages = Callable[[str], Sequence[Mapping[str, Any]]]
"""Gives the emulator's messages of a queue by its URL, oldest first, without receiving them."""


Answer = tuple[int, dict[str, Any]]
"""The status, and the body."""


def key(state: Path) -> str:
    """Give the view's own key, which lets into nothing else: made once, so that a tab that is open outlives a restart.

    Args:
        state: the stack's folder.

    Raises:
        CommandError: it cannot be written.
    """
    file = state / "view.key"
    if not file.exists():
        with draft(file) as new:
            new.write(secrets.token_urlsafe(24))
    return file.read_text(encoding="utf-8")


class Flow:
    """Reads the numbers of one stack, and stops its database when it is asked to."""

    def __init__(self, state: Path, messages: Messages) -> None:
        """Reads nothing but the key yet: the stack may still be starting.

        Args:
            state: the stack's folder.
            messages: looks into a queue.
        """
        self.key = key(state)
        self._state = state
        self._messages = messages
        self._batches = Batches(state / "emulator.log")
        self.accepted = 0  # counted by who stands before the gateway
        self._lock = threading.Lock()
        self._stopping: threading.Thread | None = None
        self._error = ""

    def answer(self, method: str, name: str) -> Answer:
        """Answer a request below PATH that is not for a file.

        Args:
            method: HTTP's.
            name: what is asked for, without PATH.
        """
        stop = re.fullmatch(r"stop-database/(\d{1,2})", name)
        if (method, name) == ("GET", "numbers"):
            try:
                address = json.loads((self._state / "stack.json").read_text(encoding="utf-8"))
            except FileNotFoundError:
                return 503, {"message": "the stack is starting or stopping"}
            with self._lock:
                return self._numbers(address)
        if method == "POST" and stop and 1 <= int(stop[1]) <= _LONGEST:
            with self._lock:
                return self._stop_database(int(stop[1]))
        return 404, {"message": f"there is no {method} {PATH}{name}"}

    def _numbers(self, address: dict[str, Any]) -> Answer:
        waiting = self._messages(address["queue_url"])
        dead = self._messages(address["dlq_url"])
        totals = self._batches.totals()
        return 200, {
            "accepted": self.accepted,
            "waiting": len(waiting),
            "stored": totals["stored"],
            "duplicates": totals["duplicates"],
            "failed": totals["failed"],
            "deadLetters": len(dead),
            "ageSeconds": max((time.time() - message["sent_at"] for message in waiting), default=0),
            "databaseStopped": self._stopping is not None and self._stopping.is_alive(),
            "error": self._error,
            "lastDeadLetters": [_shown(message) for message in reversed(dead[-_LAST:])],
            "api": {"url": address["api_url"], "key": address["api_key"]},
        }

    def _stop_database(self, seconds: int) -> Answer:
        if self._stopping is not None and self._stopping.is_alive():
            return 409, {"message": "the database is stopped already"}
        # When the stack stops meanwhile, its next start lets the database be reached again.
        self._stopping = threading.Thread(target=self._stop_for, args=(seconds,), daemon=True)
        self._stopping.start()
        return 202, {"seconds": seconds}

    def _stop_for(self, seconds: int) -> None:
        self._error = ""
        try:
            with Faults(postgres.attach(self._state / "postgres")).refusing():
                time.sleep(seconds)
        except Exception as error:  # noqa: BLE001  the view shows it; nobody waits for this thread
            self._error = f"{type(error).__name__}: {error}"


def _shown(message: Mapping[str, Any]) -> dict[str, Any]:
    letter = dead_letters.read(
        {
            "MessageId": message["id"],
            "Body": message["body"],
            "Attributes": message.get("sys", {}),
            "MessageAttributes": message.get("message_attributes", {}),
        }
    )
    return {key: letter.summary()[key] for key in ("id", "reason", "detail", "received")}
