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
    response = urllib3.request("GET", url, headers={"x-run": key}, retries=False, timeout=_TIMEOUT_SECONDS)
    if response.status != HTTPStatus.OK:
        raise urllib3.exceptions.HTTPError(f"{response.status} {response.data.decode(errors='replace')}")
    numbers: dict[str, Any] = response.json()
    return numbers


class BatchTotals:
    """Totals of the function's log lines in the emulator's log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0  # bytes
        self._totals = Counter(dict.fromkeys(_COUNTERS, 0))

    def totals(self) -> Counter[str]:
        """Return the totals of all batches: stored, duplicates, redelivered (the row already existed), failed."""
        with self._log.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._offset += len(complete)
        for line in complete.splitlines():
            if line.startswith(b"{") and (batch := _parse_batch(line)):
                self._totals.update({name: batch[name] for name in _COUNTERS})
        return self._totals


def _parse_batch(line: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None  # a line of another process
    return fields if isinstance(fields, dict) and fields.get("message") == "batch" else None
