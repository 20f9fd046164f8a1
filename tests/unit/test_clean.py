"""`make clean`, which refuses to remove the files of a running stack."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.waiting import background_process
from tools.kit.project import ROOT


def checkout(folder: Path) -> Path:
    """Write a checkout whose stack only waits; return its folder."""
    (folder / "tools" / "local").mkdir(parents=True)
    for name in ("tools/__init__.py", "tools/local/__init__.py", "tools/local/clean.py"):
        shutil.copy(ROOT / name, folder / name)
    program = "print(flush=True)\nimport signal\nsignal.pause()\n"
    (folder / "tools" / "local" / "serve.py").write_text(program, encoding="utf-8")
    return folder


def test_only_a_running_stack_of_the_checkout_stops_make_clean(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tools.local.serve", "4566", "/elsewhere/aws"]
    clean = [sys.executable, "-m", "tools.local.clean"]
    own, other = checkout(tmp_path / "own"), checkout(tmp_path / "other")

    with background_process(words, cwd=own, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()  # it is up
        refused = subprocess.run(clean, cwd=own, capture_output=True, text=True, check=False)
        passed = subprocess.run(clean, cwd=other, capture_output=True, text=True, check=False)

    assert refused.stderr == f"make clean: the emulator still runs as process {running.pid}; end it first\n"
    assert (refused.returncode, passed.returncode) == (1, 0)


def test_running_postgresql_of_the_checkout_stops_make_clean(tmp_path: Path) -> None:
    own = checkout(tmp_path)
    data = own / ".local" / "postgres"
    data.mkdir(parents=True)
    words = ["/usr/bin/postgres", "-c", "print(flush=True); import signal; signal.pause()"]

    with background_process(words, executable=sys.executable, cwd=data, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()  # it is up
        words = [sys.executable, "-m", "tools.local.clean"]
        refused = subprocess.run(words, cwd=own, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert refused.stderr == f"make clean: PostgreSQL still runs as process {running.pid}; end it first\n"
