"""GitHub workflows: the permissions of jobs, and the release and deploy of a tag.

zizmor, which `make check` runs, checks that actions are pinned and that no untrusted code is run.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ponto import __version__
from tools.develop.notes import release_notes
from tools.kit.project import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"


def read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  strings only: otherwise `on` would be a boolean


def jobs(workflow: str) -> Any:
    return read(WORKFLOWS / f"{workflow}.yml")["jobs"]


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_permissions_are_declared_and_only_the_deploy_gets_an_id_token(file: Path) -> None:
    permissions = {"": read(file)["permissions"]} | {
        name: job.get("permissions", {}) for name, job in jobs(file.stem).items()
    }
    assert all(isinstance(permission, dict) for permission in permissions.values())
    granted = {(name, *permission) for name, each in permissions.items() for permission in each.items()}
    assert {permission for permission in granted if permission[1:] != ("contents", "read")} == (
        {("release", "contents", "write"), ("deploy", "id-token", "write")} if file.stem == "deploy" else set()
    )


def test_only_a_tested_tag_is_deployed_and_in_an_environment() -> None:
    workflow = read(WORKFLOWS / "deploy.yml")
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    job = workflow["jobs"]["deploy"]
    assert (workflow["jobs"]["release"]["needs"], job["needs"], job["environment"]) == ("test", "release", "prod")


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

    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as GitHub runs it
    run = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    assert (run.returncode, file.read_text()) == (status, output)
    assert run.stdout.startswith(message)
    assert {step["if"] for step in others} == {"steps.role.outputs.there"}


def test_release_notes_are_of_one_dated_version() -> None:
    before, own, after = (
        "## [Unreleased]\n\n- x\n",
        f"## [{__version__}] - 2026-11-29\n\n- y\n",
        "## [0.1.0] - 2020-01-01\n",
    )
    assert release_notes(f"v{__version__}", before + own + after) == "- y\n"
    assert release_notes(f"v{__version__}", own) == "- y\n"
    for changelog in (before + after, own.replace("2026-11-29", "unreleased")):
        with pytest.raises(ValueError, match="has no heading"):
            release_notes(f"v{__version__}", changelog)
    with pytest.raises(ValueError, match="the tag is v0"):
        release_notes("v0.0.1", own)
