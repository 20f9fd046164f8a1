"""Run the tests that reach what a mutant changed, the quickest first: the test command of cosmic-ray.

Ends with 0 when all of them pass, so that the mutant survives.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from coverage import CoverageData

BUDGET_S = 20.0
"""Seconds that the tests of a mutant took when they were recorded, in sum: the quickest, as many as fit."""

KEPT = Path(os.environ.get("MUTANTS", ".local/mutants"))
"""The folder with what recorder.py recorded."""

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? ")


def changed() -> tuple[str, list[int]]:
    """Return the file that the mutant is in, and the lines of it that changed, as they are numbered without it."""
    diff = subprocess.run(
        ["git", "diff", "-U0", "--no-ext-diff", "HEAD", "--", "ponto", "handler.py"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    path, lines = "", list[int]()
    for line in diff.splitlines():
        if line.startswith("--- a/"):
            path = line.removeprefix("--- a/")
        elif found := _HUNK.match(line):
            first, count = int(found[1]), int(found[2] or 1)
            lines.extend(range(first, first + max(1, count)))
    if not path:
        raise SystemExit("nothing is mutated: git diff shows no change of ponto or handler.py")
    return path, lines


def reached_by(source: str, line: int) -> set[int] | None:
    """Return the lines whose tests can see a change of this one; None: all tests of the file.

    Args:
        source: the file without the mutant.
        line: the line that was changed.
    """
    statement, function = _innermost(ast.parse(source), line)
    if function is None:
        return None  # runs at import
    if statement is function:  # its decorators and defaults run at import too; its body is what they are for
        return set(range(function.body[0].lineno, (function.end_lineno or line) + 1))
    return {statement.lineno}


def _innermost(tree: ast.Module, line: int) -> tuple[ast.stmt, ast.FunctionDef | None]:
    found: ast.stmt | None = None
    function: ast.FunctionDef | None = None
    for node in ast.walk(tree):  # breadth first: the innermost comes last
        if isinstance(node, ast.stmt) and _start(node) <= line <= (node.end_lineno or node.lineno):
            found = node
            if isinstance(node, ast.FunctionDef):
                function = node
    if found is None:
        raise SystemExit(f"line {line} is in no statement")
    return found, function


def _start(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def tests_of(path: str, lines: list[int]) -> Iterator[str]:
    """Give the tests that reach these lines, the quickest first, as many as fit into BUDGET_S."""
    data = CoverageData(str(KEPT / "coverage"))
    data.read()
    source = subprocess.run(["git", "show", f"HEAD:{path}"], check=True, capture_output=True, text=True).stdout
    contexts = data.contexts_by_lineno(str(Path(path).resolve()))
    seen = set[str]()
    for line in lines:
        wanted = reached_by(source, line)
        for number, tests in contexts.items():
            if wanted is None or number in wanted:
                seen |= set(tests)
    durations: dict[str, float] = json.loads((KEPT / "durations.json").read_text())
    spent = 0.0
    for test in sorted(seen & set(durations), key=durations.__getitem__):
        spent += durations[test]
        if spent > BUDGET_S:
            return
        yield test


def main() -> int:
    """Run them; return pytest's status, 0 when nothing failed, or no test reaches the mutant."""
    path, lines = changed()
    tests = list(tests_of(path, lines))
    if not tests:
        return 0
    chosen = KEPT / "chosen"
    chosen.write_text("\n".join(tests))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--durations=0", "--durations-min=999"]
    command += ["-p", "no:randomly", "-p", "no:cacheprovider", f"@{chosen}"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
