"""GitHub's workflows: which rights a job has, which versions it tests, and what a tag releases and deploys.

That actions are pinned and that nothing of a stranger is run, zizmor says in `make check`.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.versions import VERSIONS
from ponto import __version__
from tools.develop.notes import notes
from tools.kit.project import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"


def read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only: `on` is no boolean


def jobs(workflow: str) -> Any:
    return read(WORKFLOWS / f"{workflow}.yml")["jobs"]


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_rights_are_named_and_only_deploying_may_prove_who_it_is(file: Path) -> None:
    rights = {"": read(file)["permissions"]} | {
        name: job.get("permissions", {}) for name, job in jobs(file.stem).items()
    }
    assert all(isinstance(right, dict) for right in rights.values())
    granted = {(name, *right) for name, each in rights.items() for right in each.items()}
    assert {right for right in granted if right[1:] != ("contents", "read")} == (
        {("release", "contents", "write"), ("deploy", "id-token", "write")} if file.stem == "deploy" else set()
    )


def test_oldest_and_deployed_versions_of_python_and_postgresql_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    deployed = read(ROOT / "serverless.yml")["provider"]["runtime"].removeprefix("python")
    cluster = read(ROOT / "resources" / "cluster.yml")["Resources"]["DatabaseCluster"]["Properties"]
    tested = jobs("test")

    assert tested["test"]["strategy"]["matrix"]["python-version"] == [oldest, deployed]
    assert tested["versions"]["strategy"]["matrix"]["postgres"] == list(VERSIONS)
    assert cluster["EngineVersion"].partition(".")[0] in VERSIONS


def test_only_a_tag_that_was_tested_is_deployed_and_only_by_an_environment() -> None:
    workflow = read(WORKFLOWS / "deploy.yml")
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    job = workflow["jobs"]["deploy"]
    assert (workflow["jobs"]["release"]["needs"], job["needs"], job["environment"]) == ("test", "release", "prod")
    assert job["steps"][-1] == {
        "if": "steps.role.outputs.there",
        "run": 'make deploy STAGE=prod ARGS="--yes --param=permissionsBoundary=$BOUNDARY"',
        "env": {"BOUNDARY": "${{ vars.AWS_PERMISSIONS_BOUNDARY }}"},
    }


ROLE = {"ROLE": "arn:aws:iam::1:role/r", "BOUNDARY": "arn:aws:iam::1:policy/b", "REGION": "us-east-1"}


@pytest.mark.parametrize(
    ("variables", "status", "message", "output"),
    [
        ({}, 0, "::notice::Nothing is deployed: ", ""),
        ({"ROLE": ROLE["ROLE"]}, 1, "::error::Set AWS_DEPLOY_ROLE, ", ""),
        (ROLE, 0, "", "there=yes\n"),
    ],
    ids=["none", "not all of it", "a role"],
)
def test_without_a_role_nothing_is_deployed_and_that_is_no_failure(
    tmp_path: Path, variables: dict[str, str], status: int, message: str, output: str
) -> None:
    step, *others = jobs("deploy")["deploy"]["steps"]
    file = tmp_path / "output"
    file.touch()
    environment = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(file), **dict.fromkeys(ROLE, ""), **variables}

    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as GitHub does
    run = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    assert (run.returncode, file.read_text()) == (status, output)
    assert run.stdout.startswith(message)
    assert {step["if"] for step in others} == {"steps.role.outputs.there"}


def test_notes_are_of_one_version_which_has_a_date() -> None:
    before, own, after = (
        "## [Unreleased]\n\n- x\n",
        f"## [{__version__}] - 2026-11-29\n\n- y\n",
        "## [0.1.0] - 2020-01-01\n",
    )
    assert notes(f"v{__version__}", before + own + after) == "- y\n"
    assert notes(f"v{__version__}", own) == "- y\n"
    for changelog in (before + after, own.replace("2026-11-29", "unreleased")):
        with pytest.raises(ValueError, match="has no heading"):
            notes(f"v{__version__}", changelog)
    with pytest.raises(ValueError, match="the tag is v0"):
        notes("v0.0.1", own)


def test_notes_need_no_package_and_a_tag_of_another_version_is_not_released() -> None:
    words = [sys.executable, "-S", "tools/develop/notes.py", "v0.0.1"]  # -S: without the environment's packages
    run = subprocess.run(words, cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("notes: the tag is v0.0.1")


@pytest.mark.parametrize(("tag", "kind"), [("v1.0.0-rc.1", "--prerelease"), ("v1.0.0", "--latest")])
def test_a_candidate_is_a_prerelease(tmp_path: Path, tag: str, kind: str) -> None:
    *_, step = jobs("deploy")["release"]["steps"]
    gh = tmp_path / "gh"
    gh.write_text('#!/bin/sh\n[ "$2" != view ] && echo "$*"\n')  # there is no release yet
    gh.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_REF_NAME": tag}

    printed = subprocess.check_output(["bash", "-e", "-c", step["run"]], env=environment, text=True)

    assert printed == f"release create {tag} --verify-tag --title {tag} --notes-file notes.md {kind}\n"
