"""Progress of a running stack: the numbers of its view, and the totals in the function's log lines."""

import contextlib
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


class FunctionLog:
    """Log lines of functions in the emulator's log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0  # bytes

    def read_new_lines(self) -> list[dict[str, Any]]:
        """Return the lines since the last call."""
        with self._log.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._offset += len(complete)
        values = [_parse(line) for line in complete.splitlines() if line.startswith(b"{")]
        return [fields for fields in values if isinstance(fields, dict)]

    def read_new_failures(self) -> list[str]:
        """Return the failures since the last call, without those of batches, which `format_numbers` counts."""
        return [
            ": ".join(fields[name] for name in ("message", "error") if name in fields)
            for fields in self.read_new_lines()
            if fields.get("level") in ("WARNING", "ERROR") and fields["message"] != "batch"
        ]


class BatchTotals:
    """Totals of the drain's log lines in the emulator's log."""

    def __init__(self, log: Path) -> None:
        self._log = FunctionLog(log)
        self._totals = Counter(dict.fromkeys(_COUNTERS, 0))

    def totals(self) -> Counter[str]:
        """Return the totals of all batches: stored, duplicates, redelivered (the row already existed), failed."""
        for fields in self._log.read_new_lines():
            if fields.get("message") == "batch":
                self._totals.update({name: fields[name] for name in _COUNTERS})
        return self._totals


def _parse(line: bytes) -> Any:
    with contextlib.suppress(ValueError):  # a line of another process
        return json.loads(line)
    return None
