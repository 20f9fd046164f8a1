"""Make a fork for another event, as docs/adapt.md says, check it, and run the reference's tests in it.

It runs the page's own commands in a copy, with the files of examples/orders.
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

PAGE = ROOT / "docs" / "adapt.md"
_SHARED = (".venv", ".venv-audit", "node_modules")
CHECK_COMMAND = ["make", "--old-file=setup-dev", "--no-print-directory", "check"]
"""That installs nothing, whatever is newer in a copy."""
_EPILOG = """examples:
  make fork                                    make check and all tests, in a fork
  make fork ARGS="tests/unit tests/postgres"   a part of the tests

exit status: 0 all of it passed, 1 something did not, 2 the request is wrong
"""


def copy_project(project: Path) -> Path:
    """Copy what git knows of this project, as it is here, to a folder that does not exist yet; return the folder.

    The copy has this project's packages and its own code: PYTHONPATH comes before what pip installed.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if name not in _SHARED and (ROOT / name).exists():  # or it was removed, and not committed yet
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, project / name)
    for name in _SHARED:
        (project / name).symlink_to(ROOT / name)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)  # its tests make copies, too
    return project


def copy_environment(project: Path) -> dict[str, str]:
    """Return the environment in which a copy's own code runs."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTEST", "STAGE"))}
    return given | {"PYTHONPATH": str(project)}


def run(project: Path, words: Sequence[str]) -> bool:
    """Run a command in a copy; return whether it succeeded."""
    return subprocess.run(words, cwd=project, env=copy_environment(project), check=False).returncode == 0


def read_steps() -> list[str]:
    """Give the commands of the page that make the fork, in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if not block.startswith("make ")]


def make_fork(project: Path) -> None:
    """Make a fork of a copy of this project.

    Args:
        project: the copy.

    Raises:
        subprocess.CalledProcessError: a step failed; it has printed why.
    """
    git = ["git", "-c", "user.name=fork", "-c", "user.email=fork@localhost"]
    for words in (["git", "add", "--all"], [*git, "commit", "--quiet", "-m", "A copy"]):
        subprocess.run(words, cwd=project, check=True)
    for step in read_steps():
        subprocess.run(["sh", "-ec", step], cwd=project, check=True)
    own = copy_environment(project)
    for words in (
        [sys.executable, "-m", "tools.develop.docs"],
        ["ruff", "format", "--quiet", "."],
        ["ruff", "check", "--quiet", "--fix", "."],
    ):
        subprocess.run(words, cwd=project, env=own, stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)


@commands.command(epilog=_EPILOG)
@click.option("--no-check", is_flag=True, help="Run the tests alone, without make check.")
@click.argument("words", nargs=-1)
def fork(no_check: bool, words: tuple[str, ...]) -> int:
    """Make a fork that takes orders, run make check in it, and the reference's tests.

    WORDS are paths for pytest, and its options after --.
    """
    with tempfile.TemporaryDirectory(prefix="ponto-fork-") as temporary:
        project = copy_project(Path(temporary) / "project")
        make_fork(project)
        checked = no_check or run(project, CHECK_COMMAND)
        return 0 if run(project, [sys.executable, "-m", "pytest", *words]) and checked else 1


def main() -> int:
    """Run the command line of the process."""
    return commands.run(fork, "make fork")


if __name__ == "__main__":
    sys.exit(main())
