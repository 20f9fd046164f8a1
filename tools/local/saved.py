"""The emulator's saved state. When it stops it writes a file for each service, and goes on when it cannot.

A run that has not saved all of it leaves a mark, `running`, by which the next one knows.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_MARK = "running"
_REPORTS = "reports"  # a named pipe, which a full disk does not stop


class SaveReport(NamedTuple):
    """Result of one attempt to save everything."""

    services: Sequence[str] = ()
    """Services whose state is not saved, and tried again."""
    reason: str = ""
    """Why they are not: the latest error."""
    queues: Mapping[str, Sequence[int]] = {}
    """Messages that are not saved, and all messages, by the name of their queue."""
    unfinished_files: int = 0
    """Uploaded files that are not imported to the end."""

    def describe(self, labels: Mapping[str, str]) -> str:
        """Return what is not saved, as the rest of a sentence; `labels` says what the messages of a queue are."""
        parts = [
            f"{unsaved:,} of {count:,} {labels.get(queue, f'messages of {queue}')}"
            for queue, (unsaved, count) in self.queues.items()
            if count
        ]
        if self.services:
            names = ", ".join(self.services) if len(self.services) < 4 else f"{len(self.services)} services"
            parts.append(f"the state of {names}" + (f" ({self.reason})" if self.reason else ""))
        return "; ".join(parts)


@contextlib.contextmanager
def open_reports(state: Path) -> Iterator[int | None]:
    """Open the pipe into which `send_report` writes, and yield its descriptor, or None if there is no pipe."""
    try:
        descriptor = os.open(state / _REPORTS, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:  # of a release without it, or a file system without pipes
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def send_report(state: Path, report: SaveReport) -> None:
    """Write a report into the pipe, as a line, if a process reads it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(state / _REPORTS, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, json.dumps(report._asdict()).encode() + b"\n")
        finally:
            os.close(descriptor)


def read_report(descriptor: int | None) -> SaveReport | None:
    """Return the latest report that the pipe of `open_reports` holds; None if there is none."""
    if descriptor is None:
        return None
    try:
        lines = os.read(descriptor, 65_536).splitlines()
        return SaveReport(**json.loads(lines[-1])) if lines else None
    except (BlockingIOError, ValueError, TypeError):  # nothing yet; half a line; another version's
        return None


def folder(state: Path) -> Path:
    """Return the folder of the services' files, below the emulator's."""
    return state / "services"


def mark_running(state: Path) -> None:
    """Note that what will be changed from now on is not saved yet, and create the pipe for reports on that."""
    with contextlib.suppress(OSError):
        os.mkfifo(state / _REPORTS, 0o600)
    (state / _MARK).write_text(time.strftime("%Y-%m-%d %H:%M"))


def mark_clean(state: Path) -> None:
    """Note that all is saved."""
    (state / _MARK).unlink(missing_ok=True)


def unsaved_since(state: Path) -> str | None:
    """Return since when changes are not saved, as local time; None when all is."""
    try:
        return (state / _MARK).read_text() or "its start"
    except FileNotFoundError:
        return None


def messages(queues: Any) -> dict[str, set[str]]:
    """Return the ids of the messages of each queue, by its name; `queues` is SQS's state, in memory or of its file."""
    found: dict[str, set[str]] = {}
    for queue in _all_queues(queues["queues"]):
        found.setdefault(queue["name"], set()).update(message["id"] for message in queue["messages"])
    return found


def _all_queues(scoped: Any) -> Iterator[Any]:
    # In memory a dictionary by account and region, which shows those of one account only; the file has them all.
    yield from scoped["data"].values() if isinstance(scoped, dict) else [queue for _, queue in scoped.all_items()]


def count_unsaved(state: Path, held: Mapping[str, set[str]]) -> dict[str, tuple[int, int]]:
    """Count the messages of each queue that the file of the queues lacks, and all; one that cannot be read has none.

    Args:
        held: the messages of each queue, in memory. The file may have more: those that were drained meanwhile.
    """
    in_file = _read_ids(folder(state) / "sqs.json") if any(held.values()) else set[str]()
    return {queue: (len(ids - in_file), len(ids)) for queue, ids in sorted(held.items())}


def _read_ids(file: Path) -> set[str]:
    try:
        return set().union(*messages(json.loads(file.read_text())["payload"]).values())
    except (OSError, ValueError, LookupError, TypeError):  # it does not exist, or a power cut truncated it
        return set()
