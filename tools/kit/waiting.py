"""Waiting for a service that cannot do something yet."""

from tools.kit.clock import CLOCK, Clock
from tools.kit.output import print_status


class Wait:
    """Pauses between the attempts of one call, until a deadline. The first is announced."""

    def __init__(self, notice: str, *, timeout_seconds: float, pause_seconds: float = 0, clock: Clock = CLOCK) -> None:
        """Start the time.

        Args:
            notice: what the user reads while the command waits; a sentence.
            timeout_seconds: after which no other attempt is due.
            pause_seconds: between two attempts.
        """
        self._notice = f"{notice} Waiting for {timeout_seconds} s at most ..."
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._deadline = clock.monotonic() + timeout_seconds
        self._is_announced = False

    def pause(self) -> bool:
        """Pause before another attempt.

        Returns:
            Whether one is due; False at once when the time is over.
        """
        if self._clock.monotonic() > self._deadline:
            return False
        if not self._is_announced:
            print_status(self._notice)
            self._is_announced = True
        self._clock.sleep(self._pause_seconds)
        return True
