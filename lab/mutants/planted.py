"""Plants the faults of planted.toml, one at a time, and runs the tests that should find each.

It works in a copy of what git tracks, with what is not committed yet, beside links to .venv and node_modules. At first
the tests have to pass without a fault. What the results hold already is not run again.
"""

import argparse
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

ROOT = Path(__file__).parents[2]
FAULTS = Path(__file__).with_suffix(".toml")
RESULTS = Path(__file__).with_suffix(".json")

# Not the 300 s for which tests wait in vain: with a fault that would be most of the time.
_OPTIONS = "-x -n 0 -p no:randomly -p no:cacheprovider --timeout=120 -o timeout_func_only=true"
_first_failure = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE).search

_EPILOG = """example:
  python -m lab.mutants.planted --only web/outbox.js --output /tmp/outbox.json

exit status: 0 all is found that the committed results say is found, 1 something is
not any more, 2 a fault cannot be applied, or the tests fail without any
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


def main() -> int:
    """Run the command; see the module's docstring."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m lab.mutants.planted", None, __doc__, _EPILOG, formatter_class=as_written
    )
    parser.add_argument("--only", metavar="SUBSTRING", default="", help="of the fault's file, or of what it is")
    parser.add_argument("--output", metavar="FILE", type=Path, default=RESULTS, help="results (default: planted.json)")
    parser.add_argument("--again", action="store_true", help="run what the results hold already, too")
    given = parser.parse_args()
    everything = [Fault(**each) for each in tomllib.loads(FAULTS.read_text(encoding="utf-8"))["fault"]]
    if len({fault.what for fault in everything}) < len(everything):
        parser.error("two faults have the same `what`, by which their results are known")
    faults = [fault for fault in everything if given.only in f"{fault.file} {fault.what}"]
    show = ["git", "show", f"HEAD:{RESULTS.relative_to(ROOT)}"]
    committed = results_of(subprocess.run(show, cwd=ROOT, capture_output=True, encoding="utf-8", check=False).stdout)
    kept = results_of(given.output.read_text(encoding="utf-8") if given.output.exists() else "")
    results = {
        each.what: kept[each.what] for each in everything if kept.get(each.what, {}).get("digest") == each.digest
    }
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        project = Path(folder) / "project"
        copy(project)
        wrong = [fault.what for fault in faults if not fault.is_applicable(project)]
        waiting = [each for each in faults if each.what not in wrong and (given.again or each.what not in results)]
        failed, printed = run(project, union(waiting)) if waiting else (None, "")
        if failed:
            print(f"without any fault fails {failed}:\n{printed}")
            return 2
        for fault in waiting:
            result = results[fault.what] = plant(project, fault)
            word = "found" if result["found"] else "NOT FOUND"
            print(f"{word:17} {result['seconds']:5.1f} s  {fault.file}: {fault.what}", flush=True)
            ordered = [results[each.what] for each in everything if each.what in results]
            given.output.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for what in wrong:
        results.pop(what, None)
        print(f"cannot be applied: {what}")
    chosen = [results[fault.what] for fault in faults if fault.what in results]
    found = {each["what"] for each in chosen if each["found"]}
    print(f"{len(found)} of {len(faults)} found, in {sum(each['seconds'] for each in chosen):.0f} s")
    before = {what for what, each in committed.items() if each["found"] and given.only in f"{each['file']} {what}"}
    for what in sorted(before - found):
        print(f"was found before, and is not any more: {what}")
    return 2 if wrong else 1 if before - found else 0


if __name__ == "__main__":
    sys.exit(main())
