"""Commands that run outside the environment of `make setup`."""

import subprocess
import sys

import pytest

from tools.kit.project import ROOT


@pytest.mark.parametrize(
    "module",
    [
        "tools.cli",
        "tools.local",
        "tools.local.rows",
        "loadtest",
        *("lab.chaos", "lab.bench"),  # only in the reference
    ],
)
def test_missing_package_is_reported_with_what_to_do(module: str) -> None:
    # -S: without site-packages, like a Python that has none of the packages.
    command = [sys.executable, "-S", "-m", module, "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert run.stderr.endswith("is not installed for this Python. Run make setup, then: . .venv/bin/activate\n")
    assert run.stderr.count("\n") == 1
