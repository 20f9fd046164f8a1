"""What goes through the system, as it happens: read from the queues and from the function's own log lines."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.kit import queues

if TYPE_CHECKING:  # the emulator's own process reads the log too, and has no stack
    from tools.local.stack import Stack


class Flow(NamedTuple):
    """Punches since the watch began, but for the two queues, whose depth is what it is now."""

    queued: int  # waiting or being stored
    stored: int
    duplicates: int
    rejected: int  # dead-lettered by the function
    failed: int  # tries that will be repeated
    dead_letters: int

    def __str__(self) -> str:
        line = (
            f"accepted {self.accepted:,}  queued {self.queued:,}  stored {self.stored:,}  "
            f"duplicates {self.duplicates:,}  dead letters {self.dead_letters:,}"
        )
        return f"{line}  failed tries {self.failed:,}" if self.failed else line

    @property
    def accepted(self) -> int:
        """All that the gateway took, by where it is now."""
        return self.queued + self.stored + self.duplicates + self.rejected


class Watch:
    """Follows a running stack."""

    def __init__(self, stack: "Stack") -> None:
        self._log = LogLines(stack.aws.log)
        self._sqs = stack.client("sqs")
        self._address = stack.address
        self._totals = {"stored": 0, "duplicates": 0, "rejected": 0, "failed": 0}

    def look(self) -> Flow:
        """Read what has happened since the last look."""
        for line in self._log.new():
            for name in self._totals:
                self._totals[name] += line[name]
        return Flow(
            queued=queues.depth(self._sqs, self._address.queue_url).total,
            dead_letters=queues.depth(self._sqs, self._address.dlq_url).total,
            **self._totals,
        )


class LogLines:
    """The function's lines among the emulator's, each read once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0  # bytes

    def new(self) -> list[dict[str, Any]]:
        """Return the batches logged since the last call."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read += len(complete)
        lines = (_batch(line) for line in complete.splitlines() if line.startswith(b"{"))
        return [line for line in lines if line]


def _batch(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None  # another process's words
    return found if isinstance(found, dict) and found.get("message") == "batch" else None
