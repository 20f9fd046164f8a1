"""A copy of the project that runs as `make run` does, with its own code and commands."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, cast

from tests.commands import Result
from tests.e2e.client import Client
from tests.waiting import DEADLINE, started, wait_for
from tools.kit import local_stack
from tools.local import emulator
from tools.local.stack import Stack


class Copy(NamedTuple):
    """A copy, as it runs."""

    project: Path
    state: Path
    client: Client
    printed: str  # by make run, until it was ready

    def run(self, *words: str) -> Result:
        """Run the copy's Python."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.project,
            env=emulator.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ponto(self, *words: str) -> Result:
        """Run a command of the copy's, on the copy that runs."""
        return self.run("-m", "tools.cli", *words, "--state", str(self.state))


@contextmanager
def running(project: Path) -> Iterator[Copy]:
    """Run a copy of the project, as `make run` does; its state is beside it."""
    state, log = project.parent / "state", project.parent / "log"
    words = ["--port", str(emulator.free_port()), "--state", str(state)]
    with (
        log.open("wb") as output,
        started(
            [sys.executable, "-m", "tools.local", *words], cwd=project, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            wait_for(lambda: "accepted 0" in log.read_text() or process.poll() is not None, "the copy to run")
            assert process.poll() is None, log.read_text()
            address = local_stack.find(state)
            stack = cast("Stack", SimpleNamespace(address=address, client=address.client))
            yield Copy(project, state, Client(stack), log.read_text())
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE)
