"""Waiting for a service that cannot do something yet."""

from collections.abc import Iterator

from tools.kit.clock import CLOCK, Clock
from tools.kit.output import print_status


def retry_pauses(
    notice: str, *, timeout_seconds: float, pause_seconds: float = 0, clock: Clock = CLOCK
) -> Iterator[bool]:
    """Yield True after each pause before another attempt, for `timeout_seconds` from the first failure on.

    Args:
        notice: what the user reads before the first pause; a sentence.
    """
    deadline = clock.monotonic() + timeout_seconds
    print_status(f"{notice} Waiting for {timeout_seconds} s at most ...")
    while clock.monotonic() <= deadline:
        clock.sleep(pause_seconds)
        yield True
