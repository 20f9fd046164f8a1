"""`make mutants`: change the deployed code in one place after the other, and see whether a test fails."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
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
_OUTCOMES = _KEPT / "outcomes.jsonl"
_CONFIGURATION = FOLDER / "cosmic-ray.toml"
_COSMIC_RAY = ROOT / ".venv-mutants" / "bin"
_SUITE = ("tests/unit", "tests/postgres")

_EPILOG = """examples:
  make mutants                                   all, in two hours; broken off, the next run goes on
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
    quickest first, ten seconds of them. What lives is compared with results.json.
    """
    commit = _output("git", "rev-parse", "--verify", f"{commit}^{{commit}}")
    if not (_KEPT / "commit").exists() or (_KEPT / "commit").read_text() != commit:
        _begin(commit)
    _run(["git", "checkout", "--quiet", "--", "."])  # what a run that was killed left
    chosen = _choose(only, sample, seed)
    (_KEPT / "chosen.json").write_text(json.dumps(chosen))
    print_status(f"{len(chosen)} mutants to try; broken off, the next run goes on")
    _run([sys.executable, FOLDER / "trial.py"])
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
    measured = ["coverage", "run", "--branch", "--source=ponto,handler", f"--data-file={_KEPT / 'coverage'}"]
    _run([sys.executable, "-m", *measured, "-m", "pytest", "-p", "recorder", "-p", "no:randomly", "-n", "0", *_SUITE])
    session = _KEPT / "session.sqlite"
    _run([_COSMIC_RAY / "cosmic-ray", "init", _CONFIGURATION, session])
    _run([_COSMIC_RAY / "cr-filter-operators", session, _CONFIGURATION])
    _run([_COSMIC_RAY / "python", FOLDER / "listed.py", session, _KEPT / "mutants.json"])
    _take_over(commit)
    (_KEPT / "commit").write_text(commit)


def _take_over(commit: str) -> None:
    """Take what results.json says of the same commit: another machine may have tried a part."""
    results = _results()
    known = results["tried"].items() if results["commit"] == commit else ()
    lines = [
        json.dumps([file, place, None if outcome == "lived" else RESULTS.name])
        for file, tried in known
        for outcome, places in tried.items()
        for place in places
    ]
    _OUTCOMES.write_text("".join(f"{line}\n" for line in lines))


def _choose(only: Sequence[str], sample: int | None, seed: int) -> list[dict[str, Any]]:
    """Give those that are asked for and not tried yet."""
    tried = _outcomes()
    listed = json.loads((_KEPT / "mutants.json").read_text())
    waiting = [each for each in listed if (each["file"], each["place"]) not in tried]
    chosen = [each for each in waiting if not only or each["file"] in only]
    return chosen if sample is None else Random(seed).sample(chosen, min(sample, len(chosen)))  # noqa: S311


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
    outcomes = _outcomes()
    known = [name for name in Mutant._fields if name != "lives"]
    return [
        Mutant(**{name: each[name] for name in known}, lives=outcomes[each["file"], each["place"]] is None)
        for each in json.loads((_KEPT / "mutants.json").read_text())
        if (each["file"], each["place"]) in outcomes
    ]


def _outcomes() -> dict[tuple[str, str], str | None]:
    """Give what found each mutant that was tried, by its file and place; None if nothing did."""
    rows = map(json.loads, _OUTCOMES.read_text(encoding="utf-8").splitlines())
    return {(file, place): by for file, place, by in rows}


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
