"""Waiting in tests, with one deadline that is far longer than any of these waits takes.

A test has a shorter limit only where it tests that limit.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 300


def wait_for(condition: Callable[[], object], description: str) -> None:
    """Poll until a condition holds.

    Args:
        condition: Called again and again until its result is true.
        description: The event, for the error "waited 300 s for DESCRIPTION".

    Raises:
        AssertionError: The condition does not hold after `DEADLINE_SECONDS`.
    """
    end = time.monotonic() + DEADLINE_SECONDS
    pause = 0.02  # seconds; grows, because each poll takes processor time from the process under test
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_SECONDS} s for {description}")
        time.sleep(pause)
        pause = min(1.1 * pause, 0.1)


@contextmanager
def background_process(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a process; kill it at the end of the context, even if the test fails.

    Args:
        command: Program and arguments.
        options: Further arguments of `subprocess.Popen`.
    """
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()
