"""A process of tests whose output goes to a file, and the line about it."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.kit.project import ROOT


def run(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> tuple[bool, str]:
    """Run once, write what it printed to a file, and return whether it passed, and seconds, result and last line.

    Args:
        command: runs pytest.
        log: the file; its folder is made if it is not there.
        environment: all of its variables; None: this process' own.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("wb") as output:
        status = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
    last = (log.read_text(errors="replace").splitlines() or ["nothing was printed"])[-1]
    result = "passed" if status == 0 else f"failed, exit status {status}, see {log}"
    return status == 0, f"{time.monotonic() - began:4.0f} s  {result}: {last}"


def print_line(line: str) -> None:
    """Print a line at once, also into a file or pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
