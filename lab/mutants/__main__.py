"""`make mutants`: change the deployed code in one place after the other, and see whether a test fails."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import click

from tools.kit import commands
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import print_result, print_status
from tools.kit.project import ROOT

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
_KEPT = ROOT / ".local" / "mutants"  # of one commit: its copy, what the tests reach, what was tried
_TREE = _KEPT / "tree"
_SESSION = _KEPT / "session.sqlite"  # cosmic-ray's
_CONFIGURATION = _KEPT / "cosmic-ray.toml"
_COSMIC_RAY = ROOT / ".venv-mutants" / "bin"
_SUITE = ("tests/unit", "tests/postgres", "lab/tests")
_NOT_NOW = "not in this run"

_EPILOG = """examples:
  make mutants                                   all, in some hours; broken off, the next run goes on
  make mutants ARGS="--only ponto/store.py"      those of a file
  make mutants ARGS="--sample 20 --seed 7"       twenty, by chance
  make mutants ARGS="--accept"                   and write what came of all into results.json
  make mutants ARGS="--commit v1.0 --accept"     of another commit

It changes a copy of the commit, never this tree.

exit status: 0 no mutant lives that results.json does not name, 1 one does, 2 the request is wrong
"""


class Mutant(NamedTuple):
    """A change in one place of the code, and what came of it."""

    place: str  # of cosmic-ray: operator and occurrence, which tell the mutants of a file apart
    file: str
    function: str
    line: str  # what was changed
    changed: str  # what stood there instead
    lives: bool

    def __str__(self) -> str:
        return f"{self.file}, {self.function or 'at import'}: {self.line}  ->  {self.changed}"


@commands.command("mutants", epilog=_EPILOG)
@click.option("--only", multiple=True, metavar="FILE", show_default=False, help="Mutants of this file, repeatable.")
@click.option("--sample", type=opt.POSITIVE, metavar="N", show_default=False, help="So many, by chance.")
@click.option("--seed", type=opt.COUNT, default=0, help="Of the chance.")
@click.option("--commit", default="HEAD", help="Whose code and tests.")
@click.option("--accept", is_flag=True, help="Write what came of those that were tried into results.json.")
def mutants(only: Sequence[str], sample: int | None, seed: int, commit: str, *, accept: bool) -> int:
    """Change the deployed code in one place after the other, and see whether a test fails.

    cosmic-ray makes the changes in handler.py and ponto/. Each is tried with the tests that reach the changed line, the
    quickest first, 20 seconds of them. What lives is compared with results.json.
    """
    commit = _output("git", "rev-parse", "--verify", f"{commit}^{{commit}}")
    if not (_KEPT / "commit").exists() or (_KEPT / "commit").read_text() != commit:
        _begin(commit)
    _choose(only, sample, seed)
    _run([_COSMIC_RAY / "cosmic-ray", "exec", _CONFIGURATION, _SESSION])
    return _report(commit, accept=accept)


def _begin(commit: str) -> None:
    """Copy the commit, record which test reaches which line, and list the mutants."""
    if _TREE.exists():
        _run(["git", "worktree", "remove", "--force", _TREE], ROOT)
    shutil.rmtree(_KEPT, ignore_errors=True)
    _run(["git", "worktree", "add", "--quiet", "--force", "--detach", _TREE, commit], ROOT)
    for name in (".venv", "node_modules"):
        (_TREE / name).symlink_to(ROOT / name)
    print_status("recording which test reaches which line; this takes about ten minutes")
    suite = [folder for folder in _SUITE if (_TREE / folder).exists()]
    measured = ["coverage", "run", "--branch", "--source=ponto,handler", f"--data-file={_KEPT / 'coverage'}"]
    _run([sys.executable, "-m", *measured, "-m", "pytest", "-p", "recorder", "-p", "no:randomly", "-n", "0", *suite])
    configuration = (FOLDER / "cosmic-ray.toml").read_text(encoding="utf-8")
    _CONFIGURATION.write_text(configuration.replace("python seen.py", f"{sys.executable} {FOLDER / 'seen.py'}"))
    _run([_COSMIC_RAY / "cosmic-ray", "init", _CONFIGURATION, _SESSION])
    _run([_COSMIC_RAY / "cr-filter-operators", _SESSION, _CONFIGURATION])
    _take_over(commit)
    (_KEPT / "commit").write_text(commit)


def _take_over(commit: str) -> None:
    """Take what results.json says of the same commit: another machine may have tried a part."""
    results = _results()
    if results["commit"] != commit:
        return
    with closing(sqlite3.connect(_SESSION)) as database, database:
        for file, tried in results["tried"].items():
            for outcome, places in tried.items():
                for place in places:
                    operator, _, occurrence = place.rpartition(" ")
                    database.execute(
                        "insert into work_results (job_id, worker_outcome, test_outcome)"
                        " select job_id, 'NORMAL', ? from mutation_specs"
                        " where module_path = ? and operator_name = ? and occurrence = ?",
                        ("SURVIVED" if outcome == "lived" else "KILLED", file, operator, int(occurrence)),
                    )


def _choose(only: Sequence[str], sample: int | None, seed: int) -> None:
    """Leave out of this run what is not asked for, and take in again what an earlier one left out."""
    with closing(sqlite3.connect(_SESSION)) as database, database:
        database.execute("delete from work_results where output = ?", [_NOT_NOW])
        waiting = database.execute(
            "select job_id, module_path from mutation_specs where job_id not in (select job_id from work_results)"
            " order by module_path, operator_name, occurrence"
        ).fetchall()
        chosen = [job for job, path in waiting if not only or path in only]
        if sample is not None:
            chosen = Random(seed).sample(chosen, min(sample, len(chosen)))  # noqa: S311
        left_out = {job for job, _ in waiting} - set(chosen)
        database.executemany(
            "insert into work_results (job_id, worker_outcome, output) values (?, 'SKIPPED', ?)",
            [(job, _NOT_NOW) for job in sorted(left_out)],
        )
    print_status(f"{len(chosen)} mutants to try; broken off, the next run goes on")


def _report(commit: str, *, accept: bool) -> int:
    results, tried = _results(), list(_tried())
    known = Counter((each["line"], each["changed"]) for each in results["lived"])
    lived = [mutant for mutant in tried if mutant.lives]
    new = list[Mutant]()
    for mutant in lived:
        if mutant.line and not known[mutant.line, mutant.changed]:
            new.append(mutant)
        known[mutant.line, mutant.changed] -= 1
    for mutant in new:
        print_result(f"lives: {mutant}")
    for file in sorted({mutant.file for mutant in tried}):
        of_file = [mutant.lives for mutant in tried if mutant.file == file]
        print_result(f"{file}: {of_file.count(False)} of {len(of_file)} killed")
    print_result(f"{len(tried) - len(lived)} of {len(tried)} killed; {len(new)} live that results.json does not name")
    if not accept:
        return 1 if new else 0
    places: dict[str, dict[str, list[str]]] = {}
    for mutant in tried:
        of = places.setdefault(mutant.file, {"killed": [], "lived": []})
        of["lived" if mutant.lives else "killed"].append(mutant.place)
    kept = results["lived"] if results["commit"] == commit else []
    named = {(each["file"], each["place"]) for each in kept}
    lived = [mutant for mutant in lived if mutant.line and (mutant.file, mutant.place) not in named]
    written = kept + [mutant._asdict() | {"why": None} for mutant in lived]
    RESULTS.write_text(json.dumps({"commit": commit, "tried": places, "lived": written}, indent=1) + "\n")
    return 0


def _tried() -> list[Mutant]:
    with closing(sqlite3.connect(_SESSION)) as database:
        rows = database.execute(
            "select operator_name || ' ' || occurrence, module_path, definition_name, diff, test_outcome, output"
            " from mutation_specs join work_results using (job_id) where worker_outcome <> 'SKIPPED'"
            " order by module_path, start_pos_row, start_pos_col, operator_name, occurrence"
        ).fetchall()
    return [
        Mutant(place, file, function or "", *_lines_of(diff or ""), outcome == "SURVIVED")
        for place, file, function, diff, outcome, _ in rows
    ]


def _lines_of(diff: str) -> tuple[str, str]:
    """Give the lines that a unified diff takes away, and those that it puts there."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return before, after


def _results() -> Any:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def _run(words: Sequence[str | Path], folder: Path = _TREE) -> None:
    path = f"{FOLDER}{os.pathsep}{_TREE}"  # the commit's own modules, not those of the tree that this is
    environment = os.environ | {"MUTANTS": str(_KEPT), "PYTHONPATH": path}
    status = subprocess.run(words, cwd=folder, env=environment, check=False).returncode
    if status:
        raise CommandError(f"{' '.join(map(str, words))} failed with status {status}")


def _output(*words: str) -> str:
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CommandError(done.stderr.strip())
    return done.stdout.strip()


def main() -> int:
    """Run the command line of the process."""
    return commands.run(mutants, "make mutants")


if __name__ == "__main__":
    sys.exit(main())
