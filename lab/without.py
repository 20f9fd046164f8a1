"""Run what remains without some slices, or without any, in a copy from which their folders were removed.

The copy has this project's packages and its own code: PYTHONPATH comes before what pip installed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from tools.develop import logged
from tools.kit import commands, slices
from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.kit.slices import Slice

_SHARED = (".venv", ".venv-audit", "node_modules")
CHECK = ["make", *(f"--old-file={name}/.installed" for name in _SHARED), "--no-print-directory", "check"]
"""That installs nothing, whatever is newer in a copy."""
_EPILOG = """examples:
  make without                                                 the reference alone
  make without SLICE=imports ARGS="-- -k template"             without imports, and those that need it
  make without SLICE=imports ARGS="--no-check tests/unit"

exit status: 0 all of it passed, 1 something did not, 2 the request is wrong
"""


def removed(names: Sequence[str], there: Sequence[Slice] | None = None) -> list[Slice]:
    """Give the slices that go with these, the last first: themselves, and those that need one that goes.

    Args:
        names: of slices; none: all go.
        there: slices; by default those of this project.

    Raises:
        CommandError: there is no such slice.
    """
    there = slices.installed() if there is None else there
    if unknown := sorted(set(names) - {each.name for each in there}):
        raise CommandError(
            f"there is no slice {', '.join(unknown)}; there are {', '.join(each.name for each in there)}"
        )
    gone = set(names or (each.name for each in there))
    found: list[Slice] = []
    for each in there:  # behind those that it needs
        if {each.name, *each.needs} & gone:
            gone.add(each.name)
            found.insert(0, each)
    return found


def copied(project: Path) -> Path:
    """Copy what git knows of this project, as it is here, to a folder that does not exist yet; give the folder."""
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


@contextmanager
def copy(names: Sequence[str]) -> Iterator[Path]:
    """Give a copy of what git knows of this project, as it is here, without these slices; it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ponto-without-") as temporary:
        project = copied(Path(temporary) / "project")
        remove(project, removed(names))
        yield project


def remove(project: Path, gone: Sequence[Slice]) -> None:
    """Remove slices from a copy, as anybody would."""
    listed = project / "slices" / "enabled.txt"
    for each in gone:
        subprocess.run(["rm", "-r", project / "slices" / each.name], check=True)
        listed.write_text(re.sub(rf"^{each.name}\n", "", listed.read_text(encoding="utf-8"), flags=re.MULTILINE))


def environment(project: Path) -> dict[str, str]:
    """Give the environment in which a copy's own code runs."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTEST", "STAGE"))}
    return given | {"PYTHONPATH": str(project)}


def require_own_code(project: Path) -> None:
    """Make sure that the copy runs itself.

    Raises:
        CommandError: it would run this project's code.
    """
    program = "import tools; print(tools.__file__)"
    asked = [sys.executable, "-c", program]
    file = subprocess.run(asked, cwd=project, env=environment(project), stdout=subprocess.PIPE, text=True, check=True)
    if not Path(file.stdout.strip()).is_relative_to(project):
        raise CommandError(f"the copy {project} would run {file.stdout.strip()}")


@commands.command(epilog=_EPILOG)
@click.option("--slice", "names", multiple=True, metavar="NAME", help="That goes, with those that need it; repeatable.")
@click.option("--no-check", is_flag=True, help="Run the tests alone, without make check.")
@click.argument("words", nargs=-1)
def without(names: tuple[str, ...], no_check: bool, words: tuple[str, ...]) -> int:
    """Run make check and the tests in a copy without some slices; without any, unless --slice names some.

    WORDS are paths for pytest, and its options after --.
    """
    with copy(names) as project:
        require_own_code(project)
        left = sorted(each.name for each in (project / "slices").iterdir() if each.is_dir())
        logged.print_line(
            f"without {', '.join(each.name for each in removed(names))}; left: {', '.join(left) or 'none'}"
        )
        checked = no_check or run(project, CHECK)
        return 0 if run(project, [sys.executable, "-m", "pytest", *words]) and checked else 1


def run(project: Path, words: Sequence[str]) -> bool:
    """Run a command in a copy; tell whether it succeeded."""
    return subprocess.run(words, cwd=project, env=environment(project), check=False).returncode == 0


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(without, "make without", words)


if __name__ == "__main__":
    sys.exit(main())
