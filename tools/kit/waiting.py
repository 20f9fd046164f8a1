"""Retries of requests to a service that is not ready yet."""

from collections.abc import Iterator

from tools.kit.clock import CLOCK, Clock
from tools.kit.output import print_status


def retry_pauses(
    notice: str, *, timeout_seconds: float, pause_seconds: float = 0, clock: Clock = CLOCK
) -> Iterator[bool]:
    """Yield True after each pause, until `timeout_seconds` have passed since the first pause began.

    Args:
        notice: sentence that is printed before the first pause.
    """
    deadline = clock.monotonic() + timeout_seconds
    print_status(f"{notice} Waiting for at most {timeout_seconds} s ...")
    while clock.monotonic() <= deadline:
        clock.sleep(pause_seconds)
        yield True
