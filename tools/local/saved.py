"""What the emulator has saved. When it stops it writes a file for each service, and goes on when it cannot.

A run that has not saved all of it leaves a mark, `running`, by which the next one knows.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOT_SAVED = "not saved: "
"""What an emulator's log has before each thing that is missing."""

NOT_IMPORTED = "not imported: "
"""What its log has before the number of uploaded files that its end cut off."""

_MARK = "running"


def folder(state: Path) -> Path:
    """Where the services' files are, below the emulator's folder."""
    return state / "services"


def mark_running(state: Path) -> None:
    """Note that what will be changed from now on is not saved yet."""
    (state / _MARK).write_text(time.strftime("%Y-%m-%d %H:%M"))


def mark_clean(state: Path) -> None:
    """Note that all is saved."""
    (state / _MARK).unlink(missing_ok=True)


def unsaved_since(state: Path) -> str | None:
    """Tell since when changes are not saved, as local time; None when all is."""
    try:
        return (state / _MARK).read_text() or "its start"
    except FileNotFoundError:
        return None


def messages(queues: Any) -> dict[str, set[str]]:
    """Give the ids of the messages of each queue, by its name; `queues` is SQS's state, in memory or of its file."""
    found: dict[str, set[str]] = {}
    for queue in _all_queues(queues["queues"]):
        found.setdefault(queue["name"], set()).update(message["id"] for message in queue["messages"])
    return found


def _all_queues(scoped: Any) -> Iterator[Any]:
    # In memory a dictionary by account and region, which shows those of one account only; the file has them all.
    yield from scoped["data"].values() if isinstance(scoped, dict) else [queue for _, queue in scoped.all_items()]


def compare(state: Path, began: float, service: str, held: dict[str, set[str]]) -> list[str]:
    """Say what of a service is not saved, a line each.

    Args:
        state: the emulator's folder.
        began: when the saving began, s since the epoch: a file that is older was not written.
        service: its name.
        held: the messages of each queue, in memory. What is drained meanwhile may be in the file still.
    """
    file = folder(state) / f"{service}.json"
    if not file.exists():
        saved, there = False, set[str]()
    else:
        saved = file.stat().st_mtime >= began - 1  # the clock of a file system may be coarse
        there = set().union(*messages(json.loads(file.read_text())["payload"]).values()) if held else set()
    missing = [] if saved else [f"the state of {service}"]
    for queue, ids in sorted(held.items()):
        if lost := len(ids - there):
            missing.append(f"{lost:,} of {len(ids):,} messages of {queue}")
    return missing
