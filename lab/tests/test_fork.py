"""Copies that `make fork` tests, and the tests that `.ci/run` leaves to it."""

import re
import subprocess
from pathlib import Path

from lab import fork
from tools.kit.project import ROOT


def test_tests_that_ci_leaves_to_the_fork_mention_no_slice() -> None:
    program = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (arrays,) = re.findall(r"^left=\(.*?^here=.*?$", program, re.MULTILINE | re.DOTALL)
    options = subprocess.check_output(["bash", "-c", f'{arrays}; echo "$here"'], cwd=ROOT, text=True).split()
    files = [option.removeprefix("--ignore=") for option in options]
    assert files
    assert [file for file in files if re.search(r"\bslices\b", (ROOT / file).read_text(encoding="utf-8"))] == []


def test_a_copy_installs_nothing_even_if_its_files_are_newer(tmp_path: Path) -> None:
    project = fork.copy_project(tmp_path / "project")
    (project / "pyproject.toml").touch()
    command = [*fork.CHECK_COMMAND, "--dry-run"]
    output = subprocess.check_output(command, cwd=project, env=fork.get_environment(project), text=True)
    assert "mypy" in output
    assert "setup:" not in output
