"""The GitHub workflow that releases a tag."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ponto import __version__
from tools.kit.project import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"


def read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  strings only: otherwise `on` would be a boolean


def jobs(workflow: str) -> Any:
    return read(WORKFLOWS / f"{workflow}.yml")["jobs"]


BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]  # as GitHub runs a step
ROLE = {"ROLE": "arn:aws:iam::1:role/r", "BOUNDARY": "arn:aws:iam::1:policy/b", "REGION": "us-east-1"}


@pytest.mark.parametrize(
    ("tag", "heading", "is_released"),
    [
        (f"v{__version__}", f"## [{__version__}] - 2026-11-29", True),
        (f"v{__version__}", "## [Unreleased]", False),
        ("v0.0.2", "## [0.0.2] - 2026-11-29", False),
    ],
    ids=["its version", "no section", "another version"],
)
def test_tag_is_released_with_source_and_bill_of_materials(
    tmp_path: Path, tag: str, heading: str, is_released: bool
) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "ponto", checkout / "ponto")
    (checkout / "CHANGELOG.md").write_text(f"{heading}\n\n- y\n\n## [0.0.1] - 2020-01-01\n\n- x\n", encoding="utf-8")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "Test"]):
        subprocess.run([*git, *words], cwd=checkout, check=True)
    functions = 'pipx() { echo "{}"; }; gh() { [ "$2" != view ] && echo "$@" > created; }\n'  # no release exists
    environment = {"PATH": os.environ["PATH"], "GITHUB_REF_NAME": tag, "NAME": "project"}

    statuses = [
        subprocess.run([*BASH, functions + step["run"]], cwd=checkout, env=environment, check=False).returncode
        for step in jobs("deploy")["release"]["steps"]
        if "run" in step
    ]

    assert (statuses == [0, 0, 0]) is is_released
    if is_released:
        assert (checkout / "notes.md").read_text(encoding="utf-8").strip() == "- y"
        assert (checkout / "created").read_text(encoding="utf-8").split()[-2:] == [
            "release/project.cdx.json",
            "release/project.tar.gz",
        ]
