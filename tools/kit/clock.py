"""The clock by which commands measure and wait; tests pass one whose waits take no time."""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Return seconds that only grow; see `time.monotonic`."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Wait until an event is set, for so many seconds at most."""
        event.wait(seconds)


CLOCK = Clock()
