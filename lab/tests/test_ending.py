"""How the laboratory's commands end when they are told to."""

import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.waiting import DEADLINE, started
from tools.kit import commands

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


@pytest.fixture
def _handler() -> Iterator[None]:
    """Restore what SIGTERM does to this process."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_handler")
@pytest.mark.parametrize("module", ["lab.bench", "lab.chaos", "lab.crashes", "lab.interleavings", "lab.simulate"])
def test_a_command_undoes_what_it_began_on_sigterm(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    monkeypatch.delitem(sys.modules, f"{module}.__main__", raising=False)  # which other tests import

    with pytest.raises(SystemExit):
        runpy.run_module(module, run_name="__main__")

    assert signal.getsignal(signal.SIGTERM) is commands.exit_on_signal


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
