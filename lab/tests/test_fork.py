"""The copies that `make fork` tests, and which tests `.ci/run` leaves to it."""

import re
import subprocess
import sys
from pathlib import Path

from lab import fork
from tools.kit.project import ROOT


def collect(project: Path, files: list[str]) -> str:
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", *files]
    return subprocess.check_output(words, cwd=project, env=fork.environment(project), text=True)


def test_ci_runs_all_tests_of_the_reference_in_a_fork_and_here_those_that_slices_may_change(tmp_path: Path) -> None:
    program = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^ *(.*\bmake(?:_as_user)? (?:test|fork)\b.*)", program, re.MULTILINE) == [
        *('make test ARGS="$here"', "exec make fork"),  # as anybody; and as root:
        *('make_as_user test ARGS="$here" || status=$?', "make_as_user fork || status=$?"),
    ]
    (named,) = re.findall(r"^left=\(\n.*?^here=.*?$", program, re.MULTILINE | re.DOTALL)
    options = subprocess.check_output(["bash", "-c", f'{named}; echo "$here"'], cwd=ROOT, text=True).split()
    left = [option.removeprefix("--ignore=") for option in options]
    assert [file for file in left if re.search(r"\bslices\b", (ROOT / file).read_text(encoding="utf-8"))] == []
    project = fork.copy_project(tmp_path / "project")
    fork.require_own_code(project)
    with_slices = collect(project, left)

    (project / "slices" / "enabled.txt").write_text("")

    assert collect(project, left) == with_slices


def test_a_copy_installs_nothing_though_its_files_are_newer(tmp_path: Path) -> None:
    project = fork.copy_project(tmp_path / "project")
    (project / "pyproject.toml").touch()
    command = [*fork.CHECK, "--dry-run"]
    shown = subprocess.check_output(command, cwd=project, env=fork.environment(project), text=True)
    assert "mypy" in shown
    assert "setup:" not in shown
