"""`make fork`: creates a fork that stores orders, as docs/adapt.md describes, and runs the reference's tests in it.

The commands of that page run in a copy of the project, with the files of examples/orders.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from tools.kit import commands
from tools.kit.project import ROOT

GUIDE = ROOT / "docs" / "adapt.md"
_LINKED_FOLDERS = (".venv", ".venv-audit", "node_modules")
CHECK_COMMAND = ["make", "--old-file=setup-dev", "--no-print-directory", "check"]
"""`make check` without setup-dev, which make would run because files in the copy are newer than its last run."""

_EPILOG = """examples:
  make fork                                    make check and all tests
  make fork ARGS="tests/unit tests/postgres"   make check and some of the tests

exit status: 0 everything passed, 1 a check or test failed, 2 the request is wrong
"""


def copy_project(destination: Path) -> Path:
    """Copy the files of the working tree, except ignored ones, to a new folder, and return the folder.

    The copy shares this project's installed packages; with `get_environment`, it imports the copied code.
    """
    paths = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, paths.split("\0")):
        if name not in _LINKED_FOLDERS and (ROOT / name).exists():  # a tracked file may have been deleted
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, destination / name)
    for name in _LINKED_FOLDERS:
        (destination / name).symlink_to(ROOT / name)
    subprocess.run(["git", "init", "--quiet"], cwd=destination, check=True)  # for the tests that copy the project
    return destination


def get_environment(project: Path) -> dict[str, str]:
    """Return the environment in which Python imports the code of a copy, not this project's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTEST", "STAGE"))}
    return inherited | {"PYTHONPATH": str(project)}


def run(project: Path, command: Sequence[str]) -> bool:
    """Run a command in a copy; return whether it succeeded."""
    return subprocess.run(command, cwd=project, env=get_environment(project), check=False).returncode == 0


def read_steps() -> list[str]:
    """Return the commands of docs/adapt.md that create a fork, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if not block.startswith("make ")]


def make_fork(project: Path) -> None:
    """Turn a copy of this project into a fork.

    Raises:
        subprocess.CalledProcessError: a command failed; it has printed the reason.
    """
    git = ["git", "-c", "user.name=fork", "-c", "user.email=fork@localhost"]
    for command in (["git", "add", "--all"], [*git, "commit", "--quiet", "-m", "A copy"]):
        subprocess.run(command, cwd=project, check=True)
    for step in read_steps():
        subprocess.run(["sh", "-ec", step], cwd=project, check=True)
    environment = get_environment(project)
    for command in (
        [sys.executable, "-m", "tools.develop.docs"],
        ["ruff", "format", "--quiet", "."],
        ["ruff", "check", "--quiet", "--fix", "."],
    ):
        subprocess.run(command, cwd=project, env=environment, stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)


@commands.command(epilog=_EPILOG)
@click.option("--no-check", is_flag=True, help="Run the tests without make check.")
@click.argument("pytest_arguments", nargs=-1)
def fork(no_check: bool, pytest_arguments: tuple[str, ...]) -> int:
    """Create a fork that stores orders, and run make check and the reference's tests in it.

    PYTEST_ARGUMENTS are paths and, after --, options of pytest.
    """
    with tempfile.TemporaryDirectory(prefix="ponto-fork-") as temporary:
        project = copy_project(Path(temporary) / "project")
        make_fork(project)
        has_passed = no_check or run(project, CHECK_COMMAND)
        return 0 if run(project, [sys.executable, "-m", "pytest", *pytest_arguments]) and has_passed else 1


def main() -> int:
    """Run the command line of the process."""
    return commands.run(fork, "make fork")


if __name__ == "__main__":
    sys.exit(main())
