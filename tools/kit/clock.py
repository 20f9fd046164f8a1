"""Clock with which commands measure time and wait; tests pass a clock whose waits return at once."""

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back; see `time.monotonic`."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


CLOCK = Clock()
