"""What goes through the system, as it happens: the numbers of the emulator's process, and the function's log lines."""

import contextlib
import http.client
import json
from collections import Counter
from pathlib import Path
from typing import Any

_PATIENCE = 60  # s
_COUNTED = ("stored", "duplicates", "failed")


def line(numbers: dict[str, Any]) -> str:
    """Say what has happened since the stack started, and how much is in the two queues now.

    Args:
        numbers: as `ask` gives them.
    """
    said = (
        f"accepted {numbers['accepted']:,}  queued {numbers['waiting']:,}  stored {numbers['stored']:,}  "
        f"duplicates {numbers['duplicates']:,}  dead letters {numbers['deadLetters']:,}"
    )
    return f"{said}  failed tries {numbers['failed']:,}" if numbers["failed"] else said


def ask(host: str, port: int, path: str, key: str) -> dict[str, Any]:
    """Ask the running stack for the numbers that its view shows.

    Args:
        host: where it listens.
        port: there.
        path: of the numbers.
        key: the view's.

    Raises:
        OSError, http.client.HTTPException: it did not answer, or refused.
    """
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=_PATIENCE)) as connection:
        connection.request("GET", path, headers={"x-run": key})
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != http.client.OK:
        raise http.client.HTTPException(f"{answer.status} {body.decode(errors='replace')}")
    found: dict[str, Any] = json.loads(body)
    return found


class Batches:
    """The function's lines among the emulator's, each read once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0  # bytes
        self._totals = Counter(dict.fromkeys(_COUNTED, 0))

    def totals(self) -> Counter[str]:
        """Add up what all batches did: stored, duplicates, failed (tries).

        A message that found its own row counts among the duplicates.
        """
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.splitlines():
            if line.startswith(b"{") and (batch := _batch(line)):
                self._totals.update({name: batch[name] for name in _COUNTED})
                self._totals["duplicates"] += batch["redelivered"]
        return self._totals


def _batch(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None  # another process's words
    return found if isinstance(found, dict) and found.get("message") == "batch" else None
