"""GitHub workflows: the permissions of jobs, and the release and deploy of a tag.

zizmor, which `make check` runs, checks that actions are pinned and that no untrusted code is run.
"""

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ponto import __version__
from tools.develop.notes import release_notes
from tools.develop.sbom import bill_of_materials
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


def test_release_has_the_attested_source_and_its_bill_of_materials(tmp_path: Path) -> None:
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    copied = ["package-lock.json", "locks", "ponto/__init__.py", "tools/develop"]
    for name in copied:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", ROOT / name, checkout / name], check=True)
    (checkout / "CHANGELOG.md").write_text(f"## [{__version__}] - 2026-11-29\n\n- y\n", encoding="utf-8")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for words in (["git", "init", "--quiet"], ["git", "add", "--all"], [*git, "commit", "--quiet", "-m", "Test"]):
        subprocess.run(words, cwd=checkout, check=True)
    programs.mkdir()
    (programs / "gh").write_text('#!/bin/sh\n[ "$2" = create ] && echo "$@" > ../created\n')  # `gh release view` fails
    (programs / "gh").chmod(0o700)
    tag, name = f"v{__version__}", f"project-v{__version__}"
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "GITHUB_REF_NAME": tag, "NAME": name}

    steps = jobs("deploy")["release"]["steps"]
    for step in steps:
        if "run" in step:
            subprocess.run([*BASH, step["run"]], cwd=checkout, env=environment, check=True)

    archive, materials = f"release/{name}.tar.gz", f"release/{name}.cdx.json"
    created = (tmp_path / "created").read_text().split()
    assert created[:3] == ["release", "create", tag]
    assert created[-2:] == [materials, archive]
    (attested,) = (step["with"]["subject-path"] for step in steps if "actions/attest" in step.get("uses", ""))
    assert sorted(map(str, (checkout / "release").iterdir())) == sorted(map(str, checkout.glob(attested)))
    with tarfile.open(checkout / archive) as source:
        assert f"{name}/tools/develop/sbom.py" in source.getnames()
    assert json.loads((checkout / materials).read_text())["metadata"]["component"]["version"] == __version__


VALIDATE_BILL = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))
"""


def test_bill_of_materials_is_valid_and_has_every_locked_package() -> None:
    bill = bill_of_materials(ROOT)

    validator = [str(ROOT / ".venv-audit" / "bin" / "python"), "-c", VALIDATE_BILL]  # pip-audit requires cyclonedx
    subprocess.run(validator, input=json.dumps(bill), text=True, check=True)
    pinned = {
        line.split()[0].replace("==", "@")
        for lock in (ROOT / "locks").glob("*.txt")
        for line in lock.read_text(encoding="utf-8").splitlines()
        if "==" in line.partition(" ")[0]
    }
    purls = {component["purl"] for component in bill["components"]}
    assert {purl.removeprefix("pkg:pypi/") for purl in purls if purl.startswith("pkg:pypi/")} == pinned
    osls = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]["osls"]
    assert f"pkg:npm/osls@{osls}" in purls
    deployed = {component["name"] for component in bill["components"] if component["scope"] == "required"}
    assert deployed == set(re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE))


def test_release_notes_are_of_one_dated_version() -> None:
    before, own, after = (
        "## [Unreleased]\n\n- x\n",
        f"## [{__version__}] - 2026-11-29\n\n- y\n",
        "## [0.0.1] - 2020-01-01\n",
    )
    assert release_notes(f"v{__version__}", before + own + after) == "- y\n"
    assert release_notes(f"v{__version__}", own) == "- y\n"
    for changelog in (before + after, own.replace("2026-11-29", "unreleased")):
        with pytest.raises(ValueError, match="has no heading"):
            release_notes(f"v{__version__}", changelog)
    with pytest.raises(ValueError, match="the tag is v0"):
        release_notes("v0.0.2", own)
