"""Copies that `make fork` tests, and the tests that `.ci/run` leaves to it."""

import re
import subprocess
from pathlib import Path

from lab import fork
from tools.kit.project import ROOT


def test_what_ci_leaves_to_the_fork_speaks_of_no_slice() -> None:
    program = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (named,) = re.findall(r"^left=\(.*?^here=.*?$", program, re.MULTILINE | re.DOTALL)
    options = subprocess.check_output(["bash", "-c", f'{named}; echo "$here"'], cwd=ROOT, text=True).split()
    left = [option.removeprefix("--ignore=") for option in options]
    assert left
    assert [file for file in left if re.search(r"\bslices\b", (ROOT / file).read_text(encoding="utf-8"))] == []


def test_a_copy_installs_nothing_though_its_files_are_newer(tmp_path: Path) -> None:
    project = fork.copy_project(tmp_path / "project")
    (project / "pyproject.toml").touch()
    command = [*fork.CHECK_COMMAND, "--dry-run"]
    shown = subprocess.check_output(command, cwd=project, env=fork.copy_environment(project), text=True)
    assert "mypy" in shown
    assert "setup:" not in shown
