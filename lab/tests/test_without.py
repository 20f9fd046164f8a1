"""What remains without a slice, or without any: every test of it is collected, and the commands run.

`python -m lab.without` runs them, too.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import without
from tests.commands import Result
from tools.kit import slices
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

ALL = [each.name for each in slices.installed()]


def run(project: Path, *words: str) -> Result:
    command = [sys.executable, "-m", *words]
    done = subprocess.run(
        command, cwd=project, env=without.environment(project), capture_output=True, text=True, check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy with all slices: one for all tests, so that its code is compiled once."""
    return without.copied(tmp_path_factory.mktemp("without") / "project")


@contextmanager
def removed(copy: Path, names: list[str]) -> Iterator[set[str]]:
    """Remove slices, and those that need them, for a while; give their names."""
    gone = without.removed(names)
    kept = shutil.copytree(copy / "slices", copy.with_name("slices"))
    try:
        without.remove(copy, gone)
        yield {each.name for each in gone}
    finally:
        shutil.rmtree(copy / "slices")
        kept.rename(copy / "slices")


@pytest.mark.parametrize("names", [[], *([name] for name in ALL)], ids=lambda names: " ".join(names) or "any")
def test_every_remaining_test_is_collected_and_the_commands_run(copy: Path, names: list[str]) -> None:
    without.require_own_code(copy)
    with removed(copy, names) as gone:
        assert {path.name for path in copy.glob("slices/*/")} - {"__pycache__"} == set(ALL) - gone
        helped = run(copy, "tools.cli", "--help")
        assert helped.status == 0, helped.err
        collected = run(copy, "pytest", "--collect-only", "-q")
        assert collected.status == 0, collected.out
        of = set(re.findall(r"^slices/(\w+)/.*: \d", collected.out, re.MULTILINE))
        assert not of & gone
        assert "tests/unit/test_schema.py: " in collected.out


def test_ci_runs_all_tests_of_the_reference_in_a_fork_and_here_those_that_slices_may_change(copy: Path) -> None:
    program = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^ *(.*\bmake(?:_as_user)? (?:test|fork)\b.*)", program, re.MULTILINE) == [
        *('make test ARGS="$here"', "exec make fork"),  # as anybody; and as root:
        *('make_as_user test ARGS="$here" || status=$?', "make_as_user fork || status=$?"),
    ]
    (named,) = re.findall(r"^left=\(\n.*?^here=.*?$", program, re.MULTILINE | re.DOTALL)
    options = subprocess.check_output(["bash", "-c", f'{named}; echo "$here"'], cwd=ROOT, text=True).split()
    left = [option.removeprefix("--ignore=") for option in options]
    assert [file for file in left if re.search(r"\bslices\b", (ROOT / file).read_text(encoding="utf-8"))] == []
    collect = ("pytest", "--collect-only", "-q", "-p", "no:randomly", *left)
    with removed(copy, []):
        alone = run(copy, *collect)
    assert alone.status == 0, alone.out
    assert run(copy, *collect).out == alone.out


def test_those_that_need_a_slice_go_with_it(tmp_path: Path) -> None:
    for name, needs in {"a": "[]", "b": "[a]", "c": "[b]", "d": "[]"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "aws.yml").write_text(f"needs: {needs}\n")
    (tmp_path / "enabled.txt").write_text("a\nb\nc\nd\n")
    there = slices.read(tmp_path)
    assert [each.name for each in without.removed(["a"], there)] == ["c", "b", "a"]
    assert {each.name for each in without.removed([], there)} == {"a", "b", "c", "d"}
    with pytest.raises(CommandError, match="there is no slice e; there are a, b, c, d"):
        without.removed(["e"], there)


def test_a_copy_installs_nothing_though_its_files_are_newer(tmp_path: Path) -> None:
    project = without.copied(tmp_path / "project")
    (project / "pyproject.toml").touch()
    command = [*without.CHECK, "--dry-run"]
    shown = subprocess.check_output(command, cwd=project, env=without.environment(project), text=True)
    assert "mypy" in shown
    assert "setup:" not in shown
