"""Check of `make clean` that no stack runs in the folder that it removes."""

import fcntl
import sys
from pathlib import Path

_LOCK = Path(__file__).parents[2] / ".local" / "lock"


def main() -> int:
    """Return 1, with a message, if a stack runs; otherwise 0."""
    if _LOCK.exists():
        with _LOCK.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"make clean: make run still runs, as process {lock.read()}; end it first", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
