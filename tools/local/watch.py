"""What goes through the system, as it happens: read from the queues and from the function's own log lines."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.kit import queues

if TYPE_CHECKING:  # the emulator's own process reads the log too, and has no stack
    from tools.local.stack import Stack


class Watch:
    """Follows a running stack."""

    def __init__(self, stack: "Stack") -> None:
        self._batches = Batches(stack.aws.log)
        self._sqs = stack.client("sqs")
        self._address = stack.address

    def line(self) -> str:
        """Say what has happened since the watch began, and how much is in the two queues now.

        Raises:
            botocore.exceptions.BotoCoreError, ClientError: SQS did not answer, or refused.
        """
        totals = self._batches.totals()
        queued = queues.depth(self._sqs, self._address.queue_url).total  # waiting or being stored
        dead_letters = queues.depth(self._sqs, self._address.dlq_url).total
        stored, duplicates, failed = totals["stored"], totals["duplicates"], totals["failed"]
        line = (
            f"accepted {queued + stored + duplicates + totals['rejected']:,}  queued {queued:,}  stored {stored:,}  "
            f"duplicates {duplicates:,}  dead letters {dead_letters:,}"
        )
        return f"{line}  failed tries {failed:,}" if failed else line


class Batches:
    """The function's lines among the emulator's, each read once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0  # bytes
        self._totals: Counter[str] = Counter()

    def totals(self) -> Counter[str]:
        """Add up what all batches did: stored, rejected (dead letters), failed (tries), duplicates.

        A message that found its own row counts among the duplicates.
        """
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.splitlines():
            if line.startswith(b"{") and (batch := _batch(line)):
                self._totals.update({name: batch[name] for name in ("stored", "duplicates", "rejected", "failed")})
                self._totals["duplicates"] += batch["redelivered"]
        return self._totals


def _batch(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None  # another process's words
    return found if isinstance(found, dict) and found.get("message") == "batch" else None
