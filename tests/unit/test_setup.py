"""What `make` says where the machine lacks something, and how a setup goes on that did not end well."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import started
from tools.kit.project import ROOT

INSTALL = [sys.executable, "-I", str(ROOT / "tools" / "develop" / "install.py")]
REFUSED = "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a folder with what the Makefile needs for a setup."""
    for name in ("Makefile", "tools/develop/install.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("locks/requirements-dev.txt", "pyproject.toml", "package.json", "package-lock.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def make(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"]}  # nothing of the make that runs the tests
    return subprocess.run(["make", *words], cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_an_interpreter_that_is_not_there_is_one_line(project: Path) -> None:
    done = make(project, "PYTHON=python9.9", "run")

    said, of_make = done.stderr.splitlines()
    assert said == "python9.9 is not installed. Name a Python of 3.11 or newer: make PYTHON=python3.13 run"
    assert of_make.startswith("make: ***")
    assert done.stdout == ""
    assert not (project / ".venv").exists()


def test_an_unfinished_setup_is_made_again_and_a_finished_one_is_updated(project: Path) -> None:
    # Given a Python, and an npm, that note how an environment is made; pip fails while there is a file `offline`.
    python = project / "python"
    python.write_text(f"""#!/bin/sh
case "$*" in
  -I*) exec {sys.executable} "$@" ;;
  *"-m venv"*) echo "$*" >>made; mkdir -p .venv/bin; cp python .venv/bin/; cp python .venv/bin/npm ;;
  *"-m pip"*) if [ -e offline ]; then echo "{REFUSED}" >&2; echo "ERROR: No matching distribution" >&2; exit 1; fi ;;
  ci*) mkdir -p node_modules ;;
esac
""")
    python.chmod(0o755)
    (project / "offline").touch()

    failed = make(project, f"PYTHON={python}", "setup")
    (project / "offline").unlink()
    repaired = make(project, f"PYTHON={python}", "setup")
    os.utime(project / "locks" / "requirements-dev.txt", (2**32, 2**32))  # newer packages
    updated = make(project, f"PYTHON={python}", "setup")

    said, of_make = failed.stderr.splitlines()
    assert said.startswith("setup: no network, or no way through it to the packages (Connection refused).")
    assert of_make.startswith("make: ***")
    assert (repaired.returncode, updated.returncode) == (0, 0)
    assert (project / "made").read_text().splitlines() == ["-m venv --clear .venv"] * 2 + ["-m venv .venv"]


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (REFUSED, "setup: no network, .* \\(Connection refused\\)"),
        ("Temporary failure in name resolution", "setup: no network, .* \\(Temporary failure in name resolution\\)"),
        ("npm error code ENOTFOUND", "setup: no network, .* \\(ENOTFOUND\\)"),
        ("ERROR: hashes do not match", "ERROR: hashes do not match"),
    ],
)
def test_a_failed_installer_that_had_no_network_is_one_line(printed: str, line: str) -> None:
    code = f"import sys; sys.stderr.write({printed + chr(10)!r}); sys.exit(3)"

    done = subprocess.run([*INSTALL, sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 3
    assert re.match(line, done.stderr)
    assert done.stderr.count("\n") == 1


def test_what_an_installer_warns_of_is_printed() -> None:
    code = "import sys; sys.stderr.write('WARNING: timed out, tried again\\n')"

    done = subprocess.run([*INSTALL, sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "WARNING: timed out, tried again\n")


def test_ctrl_c_is_one_line_and_waits_for_the_installer(tmp_path: Path) -> None:
    code = """
import pathlib, time
try:
    print("here", flush=True)
    time.sleep(60)
finally:
    pathlib.Path("cleaned").touch()
"""
    command = [*INSTALL, sys.executable, "-c", code]
    with started(
        command, cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()

    assert (process.returncode, said) == (130, "setup: stopped; the next make starts it again\n")
    assert (tmp_path / "cleaned").exists()
