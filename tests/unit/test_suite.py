"""How the tests run: what goes side by side, that a seed repeats a run, that a skip is told."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import orders
from tests.suite import WORKERS, pytest_xdist_auto_num_workers, unit_of
from tools.develop import logged
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
def test_of_the_night():
    pass

@pytest.mark.skip(reason="no moon")
def test_of_the_tide():
    pass

@pytest.mark.skip(reason="no sun")
def test_of_the_day():
    pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_it.py").write_text(SUITE)
    return tmp_path


def run(folder: Path, *words: str, ci: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the project's hooks and options on another folder."""
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "tests.suite", "-s"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *words, str(folder)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "CI": ci, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def drawn(output: str) -> list[str]:
    return re.findall(r"^[.sE]*((?:order|drawn) .*)", output, re.MULTILINE)  # behind what pytest prints of a test


def test_a_seed_repeats_a_run_is_printed_first_and_a_skip_is_listed_and_fails_on_ci(suite: Path) -> None:
    first = run(suite, "--randomly-seed=7")
    on_ci = run(suite, "--randomly-seed=7", ci="1")
    other = run(suite, "--randomly-seed=8")

    assert len(drawn(first.stdout)) >= 21
    assert "nightly" not in first.stdout
    assert drawn(on_ci.stdout) == drawn(first.stdout)
    assert sorted(drawn(other.stdout)) != sorted(drawn(first.stdout))
    numbers = [[line.split()[1] for line in drawn(each.stdout) if "order" in line] for each in (first, other)]
    assert sorted(numbers[0]) == sorted(numbers[1])
    assert numbers[0] != numbers[1]

    lines = first.stdout.splitlines()
    assert str(suite) in lines[0]
    assert [line for line in lines if "--randomly-seed" in line] == lines[:1]
    assert not any(line.startswith("files of the failed tests") for line in lines)

    assert first.returncode == 0
    assert [line for line in lines if "no moon" in line or "no sun" in line] == [
        "2 skipped: no moon",
        "1 skipped: no sun",
    ]
    assert on_ci.returncode == 1
    assert "skipped on CI, where nothing may be: Skipped: no moon" in on_ci.stdout


def test_after_a_failure_the_command_that_repeats_the_run_is_printed_again(suite: Path) -> None:
    (suite / "test_it.py").write_text(
        "import pytest\ndef test_it(): assert 0\ndef test_of_the_night(): pytest.skip('no moon')"
    )
    failed = run(suite, "--randomly-seed=7").stdout.splitlines()

    again = [line for line in failed if re.search(r'make test ARGS="[^"]* --randomly-seed=7"$', line)]
    assert len(again) == 2
    assert failed[0] == again[0]
    assert any(re.match(r"files of the failed tests: /.*/pytest-of-\*; ", line) for line in failed)
    assert "1 skipped: no moon" in failed[:-2]
    assert re.match(r"FAILED .*test_it.py::test_it", failed[-2])


@pytest.mark.parametrize(
    "words", [["tests/unit", "-k", "a or b"], ["test_x.py::test_y[$HOME `id` \\\\ ! 'a' \"b\"]", "--randomly-seed=7"]]
)
def test_the_command_that_repeats_a_run_gets_through_a_shell_make_and_a_shell(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("test:\n\t@printf '%s\\0' $(ARGS)\n")

    # Nothing of the make that runs the tests.
    printed = subprocess.check_output(
        ["bash", "-c", logged.again(words)], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, text=True
    )

    assert printed.split("\0")[:-1] == words


def test_what_the_tests_start_finds_node_keeps_compiled_code_and_can_be_hung_up_on_under_nohup_too(suite: Path) -> None:
    (suite / "test_it.py").write_text("""
import os, shutil, subprocess, sys
from pathlib import Path

def test_node_is_found_without_make():
    assert Path(shutil.which("node")).parent == Path(sys.executable).parent
    assert shutil.which("sls")

def test_compiled_code_is_kept():
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ

def test_what_is_started_can_be_hung_up_on():
    for number in (1, 2):
        code = f"import os; os.kill(os.getpid(), {number})"
        assert subprocess.run([sys.executable, "-c", code]).returncode == -number
""")
    # As nohup does, and a shell's &; what is started inherits it.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
    try:
        done = run(suite, PYTHONDONTWRITEBYTECODE="1")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert done.returncode == 0, done.stdout


def run_in_terminal(words: Sequence[str], columns: int, **environment: str) -> tuple[int, str]:
    """Run pytest with a terminal as standard input and error; return its exit status and its standard output."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with os.fdopen(controller, "rb", buffering=0) as screen, tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *words],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment},
            stdin=terminal,
            stdout=output,
            stderr=terminal,
        )
        os.close(terminal)
        with contextlib.suppress(OSError):  # Linux's end of a terminal's output
            while screen.read(4096):
                pass
        status = process.wait()
        output.seek(0)
        return status, output.read()


def test_tables_and_sentences_are_the_same_in_a_terminal() -> None:
    names = ("test_output.py", "test_plan.py", "test_tables.py", "test_widths.py")
    files = [
        str(file)
        for name in names
        for file in (*ROOT.glob(f"tests/unit/{name}"), *ROOT.glob(f"slices/*/tests/unit/{name}"))
    ]

    status, output = run_in_terminal(["-n", "1", *files], 120)

    assert status == 0, output


def test_terminal_variables_reach_neither_tests_nor_their_processes(suite: Path) -> None:
    (suite / "test_it.py").write_text("""
import os, subprocess
from tests.suite import TERMINAL_VARIABLES

def test_it():
    inherited = subprocess.check_output(["env"], text=True)
    for name in TERMINAL_VARIABLES:
        assert name not in os.environ
        assert f"{name}=" not in inherited
""")
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(suite), "-p", "tests.suite", str(suite)]

    for workers in "01":
        status, output = run_in_terminal(["-n", workers, *options], 120, FORCE_COLOR="1", TTY_COMPATIBLE="1")

        assert status == 0, output


@pytest.mark.parametrize(
    ("source", "option", "workers"),
    [
        (pytest.Config.ArgsSource.TESTPATHS, "", WORKERS),
        (pytest.Config.ArgsSource.TESTPATHS, "keyword", 0),
        (pytest.Config.ArgsSource.ARGS, "", 0),
    ],
)
def test_workers_are_for_the_whole_suite(source: pytest.Config.ArgsSource, option: str, workers: int) -> None:
    config: Any = SimpleNamespace(args_source=source, getoption=option.__eq__)

    assert pytest_xdist_auto_num_workers(config) == workers


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/e2e/test_dlq.py::test_x[a::b/c]", "tests/e2e"),
        ("slices/one/tests/e2e/test_it.py::test_x", "tests/e2e"),
        ("tests/e2e/test_faults.py::test_x", "tests/e2e/harmed"),
        ("lab/tests/test_chaos.py::test_x", "tests/e2e/harmed"),
        ("tests/e2e/test_command.py::test_x", "tests/e2e/test_command.py"),
        ("tests/template/test_zip.py::test_x", "tests/template"),
        ("tests/postgres/test_store.py::test_x", "tests/postgres/test_store.py"),
    ],
)
def test_tests_that_share_what_is_dear_run_in_one_process(test: str, unit: str) -> None:
    assert unit_of(test) == unit


def test_orders_go_on_after_a_failure_and_end_with_a_summary(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "test_it.py").write_text("import sys\ndef test_it(): assert '--randomly-seed=7' not in sys.argv")

    status = orders.main(["--seed", "7", "--seed", "8", str(suite)], suite / "logs")

    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert [line.split()[1] for line in lines[:2]] == ["7", "8"]
    assert ["failed" in line for line in lines[:2]] == [True, False]
    assert lines[2] == "1 of 2 orders passed"
    assert lines[3] == f'again: make test ARGS="-n 0 --randomly-seed=7 {suite}"'
    assert "assert" in (suite / "logs" / "7.log").read_text()
    assert orders.main(["--seed", "8", str(suite)], suite / "logs") == 0
