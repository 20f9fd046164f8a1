"""Plants the faults of planted.toml, one at a time, and runs the tests that should find each.

It works in a copy of what git tracks, with what is not committed yet, beside links to .venv and node_modules. At first
the tests have to pass without a fault. What the results hold already is not run again.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import click

from tools.kit import commands
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import print_result
from tools.kit.project import ROOT

FAULTS = Path(__file__).with_suffix(".toml")
RESULTS = Path(__file__).with_suffix(".json")

# Not the 300 s for which tests wait in vain: with a fault that would be most of the time.
_OPTIONS = "-x -n 0 -p no:randomly -p no:cacheprovider --timeout=120 -o timeout_func_only=true"
_first_failure = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE).search

_EPILOG = """examples:
  .venv/bin/python -m lab.mutants.planted --only web/outbox.js
  .venv/bin/python -m lab.mutants.planted --again --output all.json

exit status: 0 all is found that was found at the last commit, 1 something is not any
more, 2 a fault cannot be applied, or a test fails without any
"""


class Fault(NamedTuple):
    """A mistake that a person could make."""

    what: str
    file: str
    old: str  # stands in the file once
    new: str
    tests: list[str]

    @property
    def digest(self) -> str:
        """Tell it from one of another text."""
        return hashlib.sha256("\0".join((self.file, self.old, self.new)).encode()).hexdigest()[:16]

    def is_applicable(self, project: Path) -> bool:
        """Whether there is what it would change."""
        file = project / self.file
        return self.old != self.new and file.is_file() and file.read_bytes().count(self.old.encode()) == 1


def copy(target: Path) -> None:
    """Copy the project, without what git ignores."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for name in (".venv", "node_modules"):
        (target / name).symlink_to(ROOT / name)


def run(project: Path, tests: Iterable[str]) -> tuple[str | None, str]:
    """Run tests; return the first that failed, None if all passed, and what they printed.

    Raises:
        RuntimeError: they did not run.
    """
    path = f"{project}/.venv/bin:{project}/node_modules/.bin:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *_OPTIONS.split(), *tests],
        cwd=project,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(project)},  # before what is installed, which is ROOT
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    failure = _first_failure(done.stdout)
    if done.returncode not in (0, 1, 2) or bool(failure) != bool(done.returncode):
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return failure and failure[1], done.stdout[-3000:]


def union(faults: Iterable[Fault]) -> list[str]:
    """Name each test once: of a file that is named as a whole no single test."""
    named = {name for fault in faults for name in fault.tests}
    return sorted(name for name in named if "::" not in name or name.partition("::")[0] not in named)


def plant(project: Path, fault: Fault) -> dict[str, Any]:
    """Run a fault's tests with the fault, and take it back."""
    file, began = project / fault.file, time.monotonic()
    whole = file.read_bytes()
    file.write_bytes(whole.replace(fault.old.encode(), fault.new.encode()))
    failed, _ = run(project, fault.tests)
    file.write_bytes(whole)
    result = {"what": fault.what, "file": fault.file, "found": failed is not None, "test": failed}
    return result | {"seconds": round(time.monotonic() - began, 1), "digest": fault.digest}


def results_of(text: str) -> dict[str, Any]:
    """Give results by what is wrong."""
    return {each["what"]: each for each in json.loads(text or "[]")}


@commands.command("planted", epilog=_EPILOG)
@click.option("--only", default="", metavar="TEXT", show_default=False, help="Faults with this in the file or words.")
@click.option("--output", type=opt.FILE, default=RESULTS, show_default=False, help="The results; else planted.json.")
@click.option("--again", is_flag=True, help="Run what the results hold already, too.")
def planted(only: str, output: Path, *, again: bool) -> int:
    """Plant each fault of planted.toml in a copy of the project, and run the tests that should find it.

    At first these tests have to pass without a fault. What is not committed yet is copied along.
    """
    everything = [Fault(**each) for each in tomllib.loads(FAULTS.read_text(encoding="utf-8"))["fault"]]
    if len({fault.what for fault in everything}) < len(everything):
        raise CommandError("planted.toml: two faults have the same `what`, by which their results are known")
    faults = [fault for fault in everything if only in f"{fault.file} {fault.what}"]
    kept = results_of(output.read_text(encoding="utf-8") if output.exists() else "")
    results = {
        each.what: kept[each.what] for each in everything if kept.get(each.what, {}).get("digest") == each.digest
    }
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        project = Path(folder) / "project"
        copy(project)
        if wrong := [fault.what for fault in faults if not fault.is_applicable(project)]:
            raise CommandError("cannot be applied, for its text is not in its file once: " + "; ".join(wrong))
        waiting = [each for each in faults if again or each.what not in results]
        failed, printed = run(project, union(waiting)) if waiting else (None, "")
        if failed:
            raise CommandError(f"without any fault fails {failed}:\n{printed}")
        for fault in waiting:
            result = results[fault.what] = plant(project, fault)
            word = "found" if result["found"] else "NOT FOUND"
            print_result(f"{word:9} {result['seconds']:5.1f} s  {fault.file}: {fault.what}")
            ordered = [results[each.what] for each in everything if each.what in results]
            output.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    chosen = [results[fault.what] for fault in faults]
    found = {each["what"] for each in chosen if each["found"]}
    print_result(f"{len(found)} of {len(faults)} found, in {sum(each['seconds'] for each in chosen):.0f} s")
    show = ["git", "show", f"HEAD:{RESULTS.relative_to(ROOT)}"]
    committed = results_of(subprocess.run(show, cwd=ROOT, capture_output=True, encoding="utf-8", check=False).stdout)
    lost = {fault.what for fault in faults if committed.get(fault.what, {}).get("found")} - found
    for what in sorted(lost):
        print_result(f"was found before, and is not any more: {what}")
    return 1 if lost else 0


def main() -> int:
    """Run the command line of the process."""
    return commands.run(planted, ".venv/bin/python -m lab.mutants.planted")


if __name__ == "__main__":
    sys.exit(main())
