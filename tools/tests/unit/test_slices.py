"""Reading of the enabled slices and of their commands."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tools import cli
from tools.kit import slice_manifests
from tools.kit.errors import CommandError
from tools.kit.project import ROOT


def create_slices(folder: Path, **needs: list[str]) -> None:
    """Create and enable slices, in this order.

    Args:
        folder: Folder of the slices.
        needs: Name of each slice -> names of the slices that it needs.
    """
    for name, others in needs.items():
        (folder / name).mkdir()
        (folder / name / "aws.yml").write_text(f"needs: {others}\n")
    with (folder / "enabled.txt").open("a") as file:
        file.writelines(f"{name}\n" for name in needs)


def test_slices_are_in_the_order_of_the_list(tmp_path: Path) -> None:
    create_slices(tmp_path, b=[], a=["b"], c=[])
    assert [manifest.name for manifest in slice_manifests.read_manifests(tmp_path)] == ["b", "a", "c"]


def test_slice_in_a_comment_is_disabled(tmp_path: Path) -> None:
    create_slices(tmp_path, a=[], b=[])
    (tmp_path / "enabled.txt").write_text("# The slices\n\n#a\nb  # the second\n")
    assert [manifest.name for manifest in slice_manifests.read_manifests(tmp_path)] == ["b"]


@pytest.mark.parametrize(
    ("needs", "listed", "error"),
    [
        ({"a": ["b"], "b": []}, "a b", r"^`a` needs `b`, which .* does not list before it\. Add it above `a`, or"),
        ({"a": ["b"]}, "a", r"^slices/a/aws\.yml: needs: there is no folder slices/b"),
        ({"a": []}, "a a", "lists `a` twice"),
        ({}, "a", r"lists `a`, but there is no folder slices/a\. Remove the line, or restore"),
    ],
)
def test_invalid_list_of_slices_is_refused(
    tmp_path: Path, needs: dict[str, list[str]], listed: str, error: str
) -> None:
    create_slices(tmp_path, **needs)
    (tmp_path / "enabled.txt").write_text(listed.replace(" ", "\n"))
    with pytest.raises(CommandError, match=error):
        slice_manifests.read_manifests(tmp_path)


LOADED_COMMANDS = {name: command.load() for name, command in cli.COMMANDS.items()}


def test_list_of_commands_imports_no_command() -> None:
    program = "import sys, tools.cli as cli; cli.main(['--help']); print([*sys.modules])"
    completed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(ast.literal_eval(completed.stdout.splitlines()[-1]))
    modules = {command.callback.__module__ for command in LOADED_COMMANDS.values() if command.callback}
    assert imported & {*modules, "botocore", "psycopg2", "rich", "jinja2"} == set()


def test_help_does_not_import_boto3() -> None:
    lines = [[*name.split(), "--help"] for name in sorted({*cli.ponto.commands, *LOADED_COMMANDS})]
    program = f"import sys, tools.cli as cli; print([cli.main(line) for line in {lines}], 'boto3' in sys.modules)"
    completed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert completed.stdout.splitlines()[-1] == f"{[0] * len(lines)} False"
