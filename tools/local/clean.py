"""Check of `make clean` that no stack of this checkout is running."""

import sys
from pathlib import Path

import psutil

_ROOT = Path(__file__).parents[2]
_STATE = _ROOT / ".local"
_PARTS = {
    "tools.local": "make run",
    "tools.local.serve": "the emulator",
    "lab.chaos": "make chaos",  # only in the reference
    "loadtest": "make loadtest",
}


def main() -> int:
    """Print a running part of the stack and return 1; return 0 if no part runs."""
    for process in psutil.process_iter():
        try:
            part = _part(process)
        except psutil.Error:  # it has just ended, or belongs to another user
            continue
        if part:
            print(f"make clean: {part} still runs as process {process.pid}; end it first", file=sys.stderr)
            return 1
    return 0


def _part(process: psutil.Process) -> str | None:
    """Return the part of this checkout's stack that a process is, with any data folder; None for other processes."""
    words = process.cmdline()
    if not words or process.status() == psutil.STATUS_ZOMBIE:
        return None
    if "-m" in words[:-1] and Path(process.cwd()) == _ROOT:
        return _PARTS.get(words[words.index("-m") + 1])
    if "postgres" in Path(words[0]).name and _STATE in Path(process.cwd()).parents:
        return "PostgreSQL"
    return None


if __name__ == "__main__":
    sys.exit(main())
