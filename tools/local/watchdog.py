"""Process that ends the emulator and PostgreSQL once the command that started them has ended, even after kill -9.

    python -m tools.local.watchdog STATE

Its standard input is a pipe that only that command can write to, so that the pipe closes when the command ends.
"""

import contextlib
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
"""Environment variable of the emulator, of sls and of their children: the folder of their stack."""

EMULATOR_MODULE = "tools.local.serve"
MAX_SAVE_SECONDS = 300  # then the emulator is killed, and its queued punches are lost


@contextlib.contextmanager
def watch(state: Path, lock_descriptor: int) -> Iterator[None]:
    """Run the watchdog while the context is open. It ends the stack when the context closes or this process is killed.

    Args:
        state: folder of the stack.
        lock_descriptor: descriptor of the file whose lock is held until everything has ended.
    """
    with (state / "watchdog.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.local.watchdog", str(state)],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # other children do not inherit the end of this process
            stdout=log,
            stderr=log,
            pass_fds=[lock_descriptor],
            start_new_session=True,  # so that neither Ctrl-C nor a signal for the process group reaches it
        )
    with process:  # closes the pipe and waits
        yield


def end_stack(state: Path) -> None:
    """End the processes of a stack that still run: the emulator once it has saved, sls, and PostgreSQL.

    Raises:
        LocalError: one of PostgreSQL's processes does not end.
    """
    deadline = time.monotonic() + MAX_SAVE_SECONDS
    for emulator in _list_processes(state, EMULATOR_MODULE):
        with contextlib.suppress(psutil.NoSuchProcess):
            emulator.terminate()
            emulator.resume()  # it may be suspended
    while _list_processes(state, EMULATOR_MODULE) and time.monotonic() < deadline:
        time.sleep(0.05)
    postgres.end(
        state / "postgres"
    )  # before the kill: if the emulator has restarted PostgreSQL, it has STATE_VARIABLE, too
    while processes := _list_processes(state):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.05)


def _list_processes(state: Path, word: str | None = None) -> list[psutil.Process]:
    """Return this user's processes with the folder in STATE_VARIABLE, and optionally a word in the command line."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, is a zombie, or belongs to another user
            is_own = process.environ().get(STATE_VARIABLE) == str(state) and process.status() != psutil.STATUS_ZOMBIE
            if is_own and (word is None or word in process.cmdline()):
                processes.append(process)
    return processes


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
