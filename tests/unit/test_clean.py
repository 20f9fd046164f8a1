"""`make clean` does not take the ground from under a running stack."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import started
from tools.kit.project import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with stacks that do nothing."""
    (tmp_path / "tools" / "local").mkdir(parents=True)
    for name in ("Makefile", "tools/__init__.py", "tools/local/__init__.py", "tools/local/clean.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("tools/local/__main__.py", "tools/local/serve.py"):
        (tmp_path / name).write_text("print(flush=True)\nimport signal\nsignal.pause()\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".venv" / ".installed-run").touch()
    (tmp_path / ".local").mkdir()
    return tmp_path


def clean(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "clean"], cwd=checkout, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["tools.local", "--state", "/elsewhere"], "make run"),
        (["tools.local.serve", "4566", "/elsewhere/aws"], "the emulator"),
    ],
)
def test_clean_removes_nothing_under_a_running_stack_of_this_checkout(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, words: list[str], part: str
) -> None:
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(checkout / "tools", other / "tools")
    for folder in (checkout, other):
        with started([sys.executable, "-m", *words], cwd=folder, stdout=subprocess.PIPE) as running:
            assert running.stdout
            running.stdout.readline()  # it is up
            run = clean(checkout)
        if folder is checkout:
            assert run.returncode != 0
            assert f"make clean: {part} still runs as process {running.pid}; end it first" in run.stderr
            assert (checkout / ".venv").exists()
            assert (checkout / ".local").exists()

    assert run.returncode == 0, run.stderr
    assert not (checkout / ".venv").exists()
    assert not (checkout / ".local").exists()
