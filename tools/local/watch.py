"""Progress of a running stack: the numbers of its view, and the totals in the function's log lines."""

import json
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

import urllib3

_TIMEOUT_SECONDS = 60
_COUNTERS = ("stored", "duplicates", "redelivered", "failed")


def format_numbers(numbers: dict[str, Any]) -> str:
    """Format the result of `fetch_numbers` as a line: totals since the start, and messages in the two queues."""
    line = (
        f"accepted {numbers['accepted']:,}  queued {numbers['waiting']:,}  stored {numbers['stored']:,}  "
        f"duplicates {numbers['duplicates'] + numbers['redelivered']:,}  dead letters {numbers['deadLetters']:,}"
    )
    return f"{line}  failed tries {numbers['failed']:,}" if numbers["failed"] else line


def fetch_numbers(url: str, key: str) -> dict[str, Any]:
    """Return the numbers of the running stack's view, with the view's key.

    Raises:
        urllib3.exceptions.HTTPError: the stack did not answer, or refused the request.
    """
    answer = urllib3.request("GET", url, headers={"x-run": key}, retries=False, timeout=_TIMEOUT_SECONDS)
    if answer.status != HTTPStatus.OK:
        raise urllib3.exceptions.HTTPError(f"{answer.status} {answer.data.decode(errors='replace')}")
    found: dict[str, Any] = answer.json()
    return found


class BatchTotals:
    """Totals of the function's log lines in the emulator's log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0  # bytes
        self._totals = Counter(dict.fromkeys(_COUNTERS, 0))

    def totals(self) -> Counter[str]:
        """Return the totals of all batches: stored, duplicates, redelivered (the row existed already), failed."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.splitlines():
            if line.startswith(b"{") and (batch := _batch(line)):
                self._totals.update({name: batch[name] for name in _COUNTERS})
        return self._totals


def _batch(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None  # a line of another process
    return found if isinstance(found, dict) and found.get("message") == "batch" else None
