"""Saved state of the emulator, which writes a file for each service when it stops.

While there are unsaved changes, a file `running` exists, so that the next run can report the loss.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_MARKER = "running"
_REPORT_PIPE = "reports"  # a named pipe, which works even on a full disk


class SaveReport(NamedTuple):
    """Result of one attempt to save everything."""

    services: Sequence[str] = ()
    """Services whose state is not saved yet."""
    reason: str = ""
    """The latest error."""
    queues: Mapping[str, Sequence[int]] = {}
    """Number of unsaved messages and of all messages, by queue name."""
    unfinished_files: int = 0
    """Number of uploaded files that are not completely imported."""

    def describe(self, labels: Mapping[str, str]) -> str:
        """Describe what is not saved, as part of a sentence; `labels` has a name for the messages of each queue."""
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
    """Open the pipe to which `send_report` writes, and yield its descriptor; None if there is no pipe."""
    try:
        descriptor = os.open(state / _REPORT_PIPE, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:  # an older release, or a file system without named pipes
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def send_report(state: Path, report: SaveReport) -> None:
    """Write a report to the pipe, as a line of JSON, if a process reads it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(state / _REPORT_PIPE, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, json.dumps(report._asdict()).encode() + b"\n")
        finally:
            os.close(descriptor)


def read_report(descriptor: int | None) -> SaveReport | None:
    """Return the latest report from the pipe of `open_reports`; None if there is none."""
    if descriptor is None:
        return None
    try:
        lines = os.read(descriptor, 65_536).splitlines()
        return SaveReport(**json.loads(lines[-1])) if lines else None
    except (BlockingIOError, ValueError, TypeError):  # no report yet, an incomplete line, or another version's format
        return None


def folder(state: Path) -> Path:
    """Return the folder of the services' files, in the emulator's folder."""
    return state / "services"


def mark_running(state: Path) -> None:
    """Mark the state as unsaved, and create the pipe for reports."""
    with contextlib.suppress(OSError):
        os.mkfifo(state / _REPORT_PIPE, 0o600)
    (state / _MARKER).write_text(time.strftime("%Y-%m-%d %H:%M"))


def mark_clean(state: Path) -> None:
    """Mark the state as saved."""
    (state / _MARKER).unlink(missing_ok=True)


def unsaved_since(state: Path) -> str | None:
    """Return the local time since which changes are unsaved; None if all are saved."""
    try:
        return (state / _MARKER).read_text() or "its start"
    except FileNotFoundError:
        return None


def message_ids(queues: Any) -> dict[str, set[str]]:
    """Return the message ids of each queue, by its name, from SQS's state in memory or from its file."""
    ids: dict[str, set[str]] = {}
    for queue in _all_queues(queues["queues"]):
        ids.setdefault(queue["name"], set()).update(message["id"] for message in queue["messages"])
    return ids


def _all_queues(scoped: Any) -> Iterator[Any]:
    # In memory, a dictionary by account and region, which shows only one account; the file has all of them.
    yield from scoped["data"].values() if isinstance(scoped, dict) else [queue for _, queue in scoped.all_items()]


def count_unsaved(state: Path, in_memory: Mapping[str, set[str]]) -> dict[str, tuple[int, int]]:
    """Return for each queue the number of its messages that are missing in the file, and of all its messages.

    Args:
        state: folder of the emulator. An unreadable file counts as empty.
        in_memory: ids of the messages of each queue in memory. The file may have more, which were drained meanwhile.
    """
    in_file = _read_message_ids(folder(state) / "sqs.json") if any(in_memory.values()) else set[str]()
    return {queue: (len(ids - in_file), len(ids)) for queue, ids in sorted(in_memory.items())}


def _read_message_ids(file: Path) -> set[str]:
    try:
        return set().union(*message_ids(json.loads(file.read_text())["payload"]).values())
    except (OSError, ValueError, LookupError, TypeError):  # missing, or truncated by a power cut
        return set()
