"""Process that ends the emulator and PostgreSQL once the command that started them has ended, even after kill -9.

    python -m tools.local.watchdog STATE

Its standard input is a pipe that only that command can write to, so that the pipe closes when the command ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tools.kit.project import ROOT
from tools.local import postgres

STATE_VARIABLE = "PONTO_LOCAL_STATE"
"""Environment variable of sls and its children: the folder of their stack."""

EMULATOR_MODULE = "tools.local.serve"
SAVE_SECONDS = 300  # until an emulator that does not end is killed, and its queued punches are lost


@contextlib.contextmanager
def watch(state: Path, lock: int) -> Iterator[None]:
    """Run the process while the context is open; at its end, or if this process is killed, it ends the stack.

    Args:
        state: folder of the stack.
        lock: descriptor of the file whose lock is held until everything has ended.
    """
    with (state / "watchdog.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.local.watchdog", str(state)],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # other children do not inherit the end of this process
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,  # so that neither Ctrl-C nor a signal for the process group reaches it
        )
    with process:  # closes the pipe and waits
        yield


def end_stack(state: Path) -> None:
    """End all processes of a stack, as far as there are any: sls, the emulator once it has saved, and PostgreSQL.

    Raises:
        LocalError: one of PostgreSQL's processes does not end.
        psutil.AccessDenied: a process belongs to another user.
    """
    for process in psutil.process_iter(["environ"]):  # None for other users' processes
        if (process.info["environ"] or {}).get(STATE_VARIABLE) == str(state):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                # The process group includes pip; see `osls.run`.
                os.killpg(os.getpgid(process.pid), signal.SIGKILL)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]
        if EMULATOR_MODULE in words and words[-1] == str(state / "aws"):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
                process.resume()  # it may be suspended
                deadline = time.monotonic() + SAVE_SECONDS
                while process.status() != psutil.STATUS_ZOMBIE:  # in a container, it may stay one
                    if time.monotonic() > deadline:
                        process.kill()
                    time.sleep(0.05)
    postgres.end(state / "postgres")


def main(state: Path) -> None:
    """Wait for the end of the command, and end its stack."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_stack(state)
    for file in ("stack.json", "emulator.pid"):
        (state / file).unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
