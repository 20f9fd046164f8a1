"""A command that is run outside the environment of `make setup` says what to do, in one line."""

import subprocess
import sys

import pytest

from tools.kit.project import ROOT


@pytest.mark.parametrize(
    "module", ["tools.cli", "tools.local", "tools.local.rows", "lab.chaos", "loadtest", "lab.bench"]
)
def test_without_the_packages_a_command_says_what_to_do(module: str) -> None:
    # -S: without site-packages, as the Python of the system is.
    command = [sys.executable, "-S", "-m", module, "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert run.stderr.endswith("is not installed for this Python. Run make setup, then: . .venv/bin/activate\n")
    assert run.stderr.count("\n") == 1
