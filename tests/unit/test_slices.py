"""The slices as the commands see them."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import cli
from tools.kit import slices
from tools.kit.errors import CommandError
from tools.kit.packaging import copy_project
from tools.kit.project import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield an empty folder in the place of slices/."""
    with slices.in_folder(tmp_path):
        yield tmp_path


def make(folder: Path, **needs: list[str]) -> None:
    for name, others in needs.items():
        (folder / name).mkdir()
        (folder / name / "slice.yml").write_text(f"needs: {others}\n")


def test_a_slice_comes_behind_those_that_it_needs(folder: Path) -> None:
    make(folder, a=["c"], b=[], c=["d"], d=[])
    assert [each.name for each in slices.installed()] == ["d", "c", "a", "b"]


def test_slices_that_need_one_another_are_refused(folder: Path) -> None:
    make(folder, a=["b"], b=["a"])
    with pytest.raises(CommandError, match="slices/a needs itself"):
        slices.installed()


def test_a_slice_that_is_needed_and_not_there_is_named(folder: Path) -> None:
    make(folder, a=["b"])
    with pytest.raises(CommandError, match="slices/a needs slices/b, which is not there: bring it back, or delete"):
        slices.installed()


@pytest.mark.parametrize("target", ["run", "check", "test", "docs"])
def test_make_reports_a_missing_slice_in_one_line(target: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "copy", with_slices=False)
    (project / "slices" / "a").mkdir()
    (project / "slices" / "a" / "slice.yml").write_text("needs: [b]\n")
    (project / ".venv").symlink_to(ROOT / ".venv")
    installed = [".venv/.installed", "node_modules/.installed", ".venv-audit/.installed"]
    words = ["make", *(word for file in installed for word in ("-o", file)), target]

    path = {"PATH": os.environ["PATH"]}  # nothing of the make that runs the tests
    done = subprocess.run(words, cwd=project, env=path, capture_output=True, text=True, check=False)

    message, of_make = done.stderr.splitlines()
    assert message == "slices/a needs slices/b, which is not there: bring it back, or delete both"
    assert of_make.startswith("make: ***")
    assert (done.returncode, done.stdout) == (2, "")


def test_two_commands_of_one_name_are_refused(folder: Path) -> None:
    make(folder, a=[], b=[])
    for name in ("a", "b"):
        (folder / name / "slice.yml").write_text(f"commands: {{ listen: {{ from: {name} }} }}\n")
    with pytest.raises(CommandError, match=r"slices/b/slice\.yml: commands: there is a 'listen' already"):
        slices.said_by_name("commands")
    with pytest.raises(CommandError, match=r"slices/a/slice\.yml: commands: there is a 'listen' already"):
        slices.said_by_name("commands", {"listen": {}})


@pytest.mark.parametrize("text", ["needs: [", "a list: a: b", "- needs"])
def test_a_slice_whose_yaml_is_broken_is_named(folder: Path, text: str) -> None:
    make(folder, a=[])
    (folder / "a" / "slice.yml").write_text(text)
    with pytest.raises(CommandError, match=r"^slices/a/slice\.yml: "):
        slices.installed()


def test_the_readme_has_every_key_of_the_slices() -> None:
    """One that is misspelt would be passed over."""
    text = (ROOT / "slices" / "README.md").read_text(encoding="utf-8")
    named = {
        name for cell in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    }
    assert {f"{each.name}: {key}" for each in slices.installed() for key in each.says if key not in named} == set()


def test_all_that_a_slice_names_in_its_code_is_there() -> None:
    """Some of it is looked up after a deploy only."""
    missing = []
    for each in slices.installed():
        for name in re.findall(r"\bslices\.[\w.]+:\w+", (each.folder / "slice.yml").read_text(encoding="utf-8")):
            try:
                slices.found(name)
            except (ImportError, AttributeError) as error:
                missing.append(f"{each.name}: {error}")
    assert missing == []


def test_every_command_says_which_slice_is_not_there(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    make(project / "slices", another=["one_that_went"])
    run = [sys.executable, "-m", "tools.cli", "--help"]
    done = subprocess.run(run, cwd=project, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"ponto: slices/another needs slices/one_that_went, which is not there: .*\n", done.stderr)


def test_without_slices_the_commands_are_the_references(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", with_slices=False)
    program = (
        "import tools, tools.cli as cli; print(tools.__file__); print(list(cli.ponto.commands));"
        "raise SystemExit(cli.main(['--help']))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file, names, *_ = done.stdout.splitlines()
    assert Path(file).is_relative_to(project)
    brought = {name.partition(" ")[0] for name in slices.said_by_name("commands")}
    assert not brought & set(ast.literal_eval(names))


PLACES = {name: command["from"].partition(":")[0] for name, command in cli.COMMANDS.items()}


@pytest.mark.parametrize("name", sorted({*cli.ponto.commands, *PLACES}))
def test_the_help_of_one_command_waits_for_no_other_and_not_for_boto3(name: str) -> None:
    program = (
        f"import sys, tools.cli as cli; cli.main({[*name.split(), '--help']});"
        f"print(*sys.modules.keys() & {set(PLACES.values())}, 'boto3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    *imported, is_slow = done.stdout.splitlines()[-1].split()
    group = name.partition(" ")[0]  # itself, or the one that it is in
    assert set(imported) == {
        place for other, place in PLACES.items() if other in (name, group) or other.startswith(f"{name} ")
    }
    assert is_slow == "False"
