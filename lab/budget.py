"""Count lines of tests for each line of code, and refuse more than CONTRIBUTING.md allows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.kit.project import ROOT

MAX_TEST_LINES = 35_500
CODE_SUFFIXES = {".css", ".html", ".js", ".mjs", ".py", ".sql", ".yml"}


class Area(NamedTuple):
    """Code, its tests, and the most lines of tests for each line of it."""

    name: str
    paths: tuple[str, ...]  # tests are in their folders `tests`
    tests: tuple[str, ...]  # other folders of tests
    max_ratio: float


AREAS = (
    Area("deployed code", ("handler.py", "serverless.yml", "ponto", "resources"), ("tests",), 1.5),
    Area("slices", ("slices",), (), 1.2),
    Area("tools, load test, laboratory", ("tools", "loadtest", "lab"), (), 1.0),
)


def _files(*paths: str) -> Iterator[Path]:
    for path in paths:
        root = ROOT / path
        candidates = root.rglob("*") if root.is_dir() else [root]
        yield from (file for file in candidates if file.is_file() and "__pycache__" not in file.parts)


def _count(*files: Path) -> int:
    return sum(len(file.read_bytes().splitlines()) for file in files if file.suffix not in {".png", ".gif"})


def main() -> int:
    """Print the lines of each area, and return 1 if one has too many tests, or all together."""
    total, is_exceeded = 0, False
    for area in AREAS:
        files = [(file, "tests" in file.relative_to(ROOT).parts) for file in _files(*area.paths)]
        code = _count(*(file for file, is_test in files if not is_test and file.suffix in CODE_SUFFIXES))
        tests = _count(*(file for file, is_test in files if is_test), *_files(*area.tests))
        total += tests
        is_exceeded |= tests > area.max_ratio * code
        print(
            f"{area.name}: {tests} lines of tests, {tests / max(code, 1):.2f} a line of code (at most {area.max_ratio})"
        )
    print(f"all: {total} lines of tests (at most {MAX_TEST_LINES})")
    if is_exceeded or total > MAX_TEST_LINES:
        print("Delete or merge tests by the rules of CONTRIBUTING.md.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
