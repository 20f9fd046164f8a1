"""The test suite: a seed repeats a run, and a skip is counted, and fails on CI."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tools.kit.project import ROOT

# Prints what a run drew, and in which order.
SUITE = """
import random
import pytest
from hypothesis import Phase, given, settings, strategies as st

@pytest.mark.parametrize("number", range(20))
def test_order(number):
    print("order", number, random.random())

@settings(max_examples=5, database=None, phases=[Phase.generate])
@given(st.integers())
def test_draw(number):
    print("drawn", number)

@pytest.mark.nightly
def test_takes_long():
    print("order nightly")

@pytest.mark.skip(reason="no moon")
@pytest.mark.parametrize("number", range(2))
def test_of_the_night(number):
    pass
"""


def test_a_seed_repeats_a_run_is_printed_first_and_a_skip_is_listed_and_fails_on_ci(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "tests.suite", "-s"]

    def run(ci: str = "") -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "pytest", *options, "--randomly-seed=7", str(tmp_path)]
        environment = {"PATH": os.environ["PATH"], "CI": ci}
        return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def draws(output: str) -> list[str]:
        return re.findall(r"^[.sE]*((?:order|drawn) .*)", output, re.MULTILINE)  # behind what pytest prints of a test

    first, on_ci = run(), run(ci="1")

    lines = first.stdout.splitlines()
    assert lines[0].endswith(f'make test ARGS="{" ".join([*options, str(tmp_path)])} --randomly-seed=7"')
    assert len(draws(first.stdout)) >= 21
    assert "nightly" not in first.stdout
    assert draws(on_ci.stdout) == draws(first.stdout)
    numbers = [int(line.split()[1]) for line in draws(first.stdout) if line.startswith("order")]
    assert numbers != sorted(numbers)
    assert (first.returncode, on_ci.returncode) == (0, 1)
    assert "2 skipped: no moon" in lines
    assert "skipped on CI, where nothing may be: Skipped: no moon" in on_ci.stdout
