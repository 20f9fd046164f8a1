"""GitHub workflows: the permissions of jobs, and the release and deploy of a tag.

zizmor, which `make check` runs, checks that actions are pinned and that no untrusted code is run.
"""

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
RELEASE_PERMISSIONS = {("release", name, "write") for name in ("contents", "id-token", "attestations")}


def read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  strings only: otherwise `on` would be a boolean


def jobs(workflow: str) -> Any:
    return read(WORKFLOWS / f"{workflow}.yml")["jobs"]


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_permissions_are_declared_and_only_release_and_deploy_may_write(file: Path) -> None:
    permissions = {"": read(file)["permissions"]} | {
        name: job.get("permissions", {}) for name, job in jobs(file.stem).items()
    }
    assert all(isinstance(permission, dict) for permission in permissions.values())
    granted = {(name, *permission) for name, each in permissions.items() for permission in each.items()}
    assert {permission for permission in granted if permission[1:] != ("contents", "read")} == (
        {*RELEASE_PERMISSIONS, ("deploy", "id-token", "write")} if file.stem == "deploy" else set()
    )


def test_only_a_tested_tag_is_deployed_and_in_an_environment() -> None:
    workflow = read(WORKFLOWS / "deploy.yml")
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    job = workflow["jobs"]["deploy"]
    assert (workflow["jobs"]["release"]["needs"], job["needs"], job["environment"]) == ("test", "release", "prod")


BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]  # as GitHub runs a step
ROLE = {"ROLE": "arn:aws:iam::1:role/r", "BOUNDARY": "arn:aws:iam::1:policy/b", "REGION": "us-east-1"}


@pytest.mark.parametrize(
    ("variables", "status", "message", "output"),
    [
        ({}, 0, "::notice::Nothing is deployed: ", ""),
        ({"ROLE": ROLE["ROLE"]}, 1, "::error::Set AWS_DEPLOY_ROLE, ", ""),
        (ROLE, 0, "", "there=yes\n"),
    ],
    ids=["none", "incomplete", "a role"],
)
def test_without_a_role_the_deploy_is_skipped(
    tmp_path: Path, variables: dict[str, str], status: int, message: str, output: str
) -> None:
    step, *others = jobs("deploy")["deploy"]["steps"]
    file = tmp_path / "output"
    file.touch()
    environment = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(file), **dict.fromkeys(ROLE, ""), **variables}

    run = subprocess.run([*BASH, step["run"]], env=environment, capture_output=True, text=True, check=False)

    assert (run.returncode, file.read_text()) == (status, output)
    assert run.stdout.startswith(message)
    assert {step["if"] for step in others} == {"steps.role.outputs.there"}


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
