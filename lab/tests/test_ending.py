"""How the laboratory's commands end when they are told to."""

import subprocess
import sys

import pytest

from tests.waiting import DEADLINE, started
from tools.kit.project import ROOT

# Says that it is up, and undoes what it began until it is told that it may end.
PROGRAM = """
import sys
from tools.kit import commands
commands.end_on_sigterm()
try:
    print("up", flush=True)
    sys.stdin.readline()
finally:
    print("undoing", flush=True)
    sys.stdin.readline()
    print("undone", flush=True)
"""


# Runs a module, and prints what SIGTERM does then.
HANDLER = """
import contextlib, runpy, signal
with contextlib.suppress(SystemExit):
    runpy.run_module("{module}", run_name="__main__")
print(signal.getsignal(signal.SIGTERM).__name__)
"""


@pytest.mark.parametrize("module", ["lab.bench", "lab.chaos", "lab.crashes", "lab.interleavings", "lab.simulate"])
def test_a_command_undoes_what_it_began_on_sigterm(module: str) -> None:
    words = [sys.executable, "-c", HANDLER.format(module=module), "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "exit_on_signal"


def test_a_second_sigterm_does_not_interrupt_the_undoing() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with started([sys.executable, "-c", PROGRAM], text=True, **pipes) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.stdout.readline() == "undoing\n"

        process.terminate()

        assert process.communicate("\n", DEADLINE)[0] == "undone\n"
        assert process.returncode == 143
