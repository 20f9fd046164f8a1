"""Saved state of the emulator, which writes a file for each service when it stops.

While there are unsaved changes, a file `running` exists, so that the next run can report the loss.
"""

import time
from pathlib import Path

_MARKER = "running"


def folder(state: Path) -> Path:
    """Return the folder of the services' files, in the emulator's folder."""
    return state / "services"


def mark_running(state: Path) -> None:
    """Mark the state as unsaved."""
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
