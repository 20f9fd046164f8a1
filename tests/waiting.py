"""Waiting for what a machine does at its own pace: one deadline for all of it, far beyond what anything takes.

How fast something is belongs to lab/bench. A shorter time stands in a test only where that time is what is promised.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 300  # s; whatever is not there by then does not come


def wait_for(condition: Callable[[], object], description: str) -> None:
    """Poll until a condition holds; fail when it never does. `description` completes "waited 300 s for ..."."""
    end = time.monotonic() + DEADLINE_SECONDS
    pause = 0.02  # s, and longer later: a look takes processor time from what is waited for
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_SECONDS} s for {description}")
        time.sleep(pause)
        pause = min(1.1 * pause, 0.1)


@contextmanager
def background_process(command: Sequence[str | Path], **how: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a process by `subprocess.Popen` beside a test, which it does not outlive, however the test ends."""
    with subprocess.Popen(command, **how) as process:
        try:
            yield process
        finally:
            process.kill()
