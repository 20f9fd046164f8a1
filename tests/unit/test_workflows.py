"""What GitHub runs for those who fork: pinned, with few rights, and commands that exist."""

import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.versions import VERSIONS
from ponto import __version__
from tests.iam import Documents, as_list, deploying_role, may, trusts_token
from tools.develop.notes import notes
from tools.kit import osls
from tools.kit.project import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

each = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: path.name)


def read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only: `on` is no boolean


def jobs(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = read(file)["jobs"]
    return found


def steps(file: Path) -> list[Any]:
    return list(chain.from_iterable(job.get("steps", []) for job in jobs(file).values()))


@each
def test_every_action_is_pinned_by_commit_and_says_which_version_that_is(file: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    for action in used:
        if action.startswith("./"):
            assert (ROOT / action).exists(), action
        else:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_an_action_has_one_version_in_all_workflows() -> None:
    used = {re.sub(r"^\s*(- )?", "", line) for file in WORKFLOWS for line in file.read_text().splitlines()}
    actions = [line.partition("@")[0] for line in used if line.startswith("uses: ") and "@" in line]
    assert len(actions) == len(set(actions))


@each
def test_rights_are_named_and_only_deploying_may_prove_who_it_is(file: Path) -> None:
    rights = {"": read(file)["permissions"]} | {name: job.get("permissions", {}) for name, job in jobs(file).items()}
    assert all(isinstance(right, dict) for right in rights.values())
    granted = {(name, *right) for name, each in rights.items() for right in each.items()}
    assert {right for right in granted if right[1:] != ("contents", "read")} == (
        {("release", "contents", "write"), ("deploy", "id-token", "write")} if file.stem == "deploy" else set()
    )


@each
def test_nothing_runs_for_ever_or_beside_itself(file: Path) -> None:
    assert "group" in read(file)["concurrency"]
    for name, job in jobs(file).items():
        assert "uses" in job or int(job["timeout-minutes"]) <= 60, name


@each
def test_a_checkout_leaves_no_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(file) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert {step["with"]["persist-credentials"] for step in checkouts} == {"false"}


@each
def test_every_make_target_exists(file: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    named = {word for step in steps(file) for word in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    assert named
    assert named <= targets


def test_tests_run_on_the_oldest_and_on_the_deployed_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    deployed = read(ROOT / "serverless.yml")["provider"]["runtime"].removeprefix("python")
    matrix = jobs(GITHUB / "workflows" / "test.yml")["test"]["strategy"]["matrix"]
    assert matrix["python-version"] == [oldest, deployed]
    versions = [
        step["with"]["python-version"]
        for step in steps(GITHUB / "workflows" / "deploy.yml")
        if "setup-python" in step.get("uses", "")
    ]
    assert versions == [deployed]


def test_the_database_is_tested_on_the_versions_that_the_suite_does_not_run_on() -> None:
    matrix = jobs(GITHUB / "workflows" / "test.yml")["versions"]["strategy"]["matrix"]
    assert matrix["postgres"] == list(VERSIONS)
    cluster = read(ROOT / "resources" / "cluster.yml")["Resources"]["DatabaseCluster"]["Properties"]
    assert cluster["EngineVersion"].partition(".")[0] in VERSIONS


def test_only_a_tag_that_was_tested_is_deployed_and_only_by_an_environment() -> None:
    workflow = read(GITHUB / "workflows" / "deploy.yml")
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    job = workflow["jobs"]["deploy"]
    assert (workflow["jobs"]["release"]["needs"], job["needs"], job["environment"]) == ("test", "release", "prod")
    assert job["steps"][-1] == {
        "if": "steps.role.outputs.there",
        "run": 'make deploy STAGE=prod ARGS="--yes --param=permissionsBoundary=$BOUNDARY"',
        "env": {"BOUNDARY": "${{ vars.AWS_PERMISSIONS_BOUNDARY }}"},
    }


def ran(step: Any, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as GitHub does, in a folder that has what it writes."""
    given = {"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(folder / "output")} | environment
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(words, cwd=folder, env=given, capture_output=True, text=True, check=False)


ROLE = {"ROLE": "arn:aws:iam::1:role/r", "BOUNDARY": "arn:aws:iam::1:policy/b", "REGION": "us-east-1"}


@pytest.mark.parametrize(
    ("given", "status", "said", "there"),
    [
        ({}, 0, "::notice::Nothing is deployed: ", ""),
        ({"ROLE": ROLE["ROLE"]}, 1, "::error::Set AWS_DEPLOY_ROLE, ", ""),
        (ROLE, 0, "", "there=yes\n"),
    ],
    ids=["none", "not all of it", "a role"],
)
def test_where_there_is_no_role_nothing_is_deployed_and_that_is_no_failure(
    tmp_path: Path, given: dict[str, str], status: int, said: str, there: str
) -> None:
    (tmp_path / "output").touch()
    asks, *others = jobs(GITHUB / "workflows" / "deploy.yml")["deploy"]["steps"]

    done = ran(asks, tmp_path, **dict.fromkeys(ROLE, "") | given)

    assert (done.returncode, (tmp_path / "output").read_text()) == (status, there)
    assert done.stdout.startswith(said)
    assert {step["if"] for step in others} == {f"steps.{asks['id']}.outputs.there"}


@pytest.mark.parametrize(
    ("tag", "is_there", "made"),
    [
        ("v1.0.0-rc.1", False, "--notes-file notes.md --prerelease"),
        ("v1.0.0", False, "--notes-file notes.md --latest"),
        ("v1.0.0", True, None),
    ],
)
def test_a_tag_becomes_one_release(tmp_path: Path, tag: str, is_there: bool, made: str | None) -> None:
    (tmp_path / "gh").write_text(f'#!/bin/sh\necho "$*" >> asked\n[ "$2" != view ] || exit {int(not is_there)}\n')
    (tmp_path / "gh").chmod(0o755)
    *_, step = jobs(GITHUB / "workflows" / "deploy.yml")["release"]["steps"]

    assert ran(step, tmp_path, GITHUB_REF_NAME=tag).returncode == 0

    viewed, *rest = (tmp_path / "asked").read_text().splitlines()
    assert viewed == f"release view {tag}"
    assert rest == ([f"release create {tag} --verify-tag --title {tag} {made}"] if made else [])


def test_a_release_says_what_the_changelog_says_of_its_version_by_a_bare_python() -> None:
    *_, step, _ = jobs(GITHUB / "workflows" / "deploy.yml")["release"]["steps"]
    command, _, target = step["run"].partition(" > ")
    assert target == "notes.md"
    bare = command.replace("python3", f"{sys.executable} -S")  # -S: without the environment's packages

    def printed(tag: str) -> subprocess.CompletedProcess[str]:
        words, given = ["bash", "-c", bare], {"GITHUB_REF_NAME": tag}
        return subprocess.run(words, cwd=ROOT, env=given, capture_output=True, text=True, check=False)

    assert notes(f"v{__version__}", CHANGELOG) == printed(f"v{__version__}").stdout
    refused = printed("v0.0.1")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"the tag is v0.0.1, and the code's version {__version__}" in refused.stderr


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


def test_the_deploying_role_may_read_and_delete_a_managed_policy() -> None:
    """What CloudFormation's handlers of AWS::IAM::ManagedPolicy call, without those for groups and users."""
    role = read(GITHUB / "deploy-role.yml")["Resources"]["DeployRole"]["Properties"]
    statements = chain.from_iterable(policy["PolicyDocument"]["Statement"] for policy in role["Policies"])
    rights = set(chain.from_iterable(statement["Action"] for statement in statements))
    reading = {"GetPolicy", "GetPolicyVersion", "ListEntitiesForPolicy"}
    deleting = {"DetachRolePolicy", "ListPolicyVersions", "DeletePolicyVersion", "DeletePolicy"}
    assert {f"iam:{name}" for name in reading | deleting} <= rights


def test_the_deploying_role_makes_no_role_without_the_boundary_and_cannot_change_its_own() -> None:
    resources = read(GITHUB / "deploy-role.yml")["Resources"]
    role = resources["DeployRole"]["Properties"]
    assert role["PermissionsBoundary"] == "DeployBoundary"
    (policy,) = role["Policies"]
    widening = {"AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"}
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = {action.removeprefix("iam:") for action in statement["Action"]}
        if actions & widening:
            assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": "RoleBoundary"}}
            widening -= actions
        assert "DeleteRolePermissionsBoundary" not in actions
        # What it may write to has no path; itself, both boundaries and its limits have one.
        assert re.fullmatch(
            rf"arn:\$\{{AWS::Partition\}}:iam::\$\{{AWS::AccountId\}}:(role|policy)/{osls.service()}-.*",
            statement["Resource"],
        )
    assert not widening
    assert {name: each["Properties"]["Path"] for name, each in resources.items() if name != "Provider"} == {
        "DeployLimits": "/boundaries/",
        "DeployRole": "/deploy/",
        "DeployBoundary": "/boundaries/",
        "RoleBoundary": "/boundaries/",
    }
    # All but roles, so that it may deploy and ask for quotas.
    everything, *_ = resources["DeployBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    assert everything["NotAction"] == ["account:*", "iam:*", "organizations:*"]
    for statement in resources["RoleBoundary"]["Properties"]["PolicyDocument"]["Statement"]:
        assert not [action for action in statement["Action"] if action.startswith(("iam:", "sts:", "*"))]


_AWS = "arn:aws:%s:*:123456789012:%s"
_BOUNDARY = {  # the most that a role of the stage may do, by what it may do that to
    _AWS % ("sqs", "batida-ponto-prod-*"): {
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
    _AWS % ("logs", "log-group:/aws/lambda/batida-ponto-prod-*"): {"logs:CreateLogStream", "logs:PutLogEvents"},
    "arn:aws:s3:::batida-ponto-prod-*": {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"},
    _AWS % ("lambda", "function:batida-ponto-prod-*"): {"lambda:InvokeFunction"},
    _AWS % ("execute-api", "*/prod/*"): {"execute-api:Invoke"},
    _AWS % ("cloudformation", "stack/batida-ponto-prod/*"): {"cloudformation:DescribeStacks"},
    # As the stage's own roles of the database, and as nobody else.
    _AWS % ("rds-db", "dbuser:*/ponto"): {"rds-db:connect"},
    _AWS % ("rds-db", "dbuser:*/ponto_*"): {"rds-db:connect"},
    "*": {
        "secretsmanager:GetSecretValue",
        "kms:Decrypt",
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    },
}
_OWN = {  # of the role that deploys, besides what PowerUserAccess allows
    "role": {
        *("AttachRolePolicy", "CreateRole", "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "GetRole"),
        *("GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies", "PassRole", "PutRolePermissionsBoundary"),
        *("PutRolePolicy", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole"),
    },
    "policy": {
        *("CreatePolicy", "CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "GetPolicy"),
        *("GetPolicyVersion", "ListEntitiesForPolicy", "ListPolicyVersions", "TagPolicy", "UntagPolicy"),
    },
}


def by_resource(documents: Documents) -> dict[str, set[str]]:
    """What policies allow, by resource."""
    found: dict[str, set[str]] = {}
    for statement in (each for document in documents for each in document["Statement"]):
        assert statement["Effect"] == "Allow"
        for resource in as_list(statement["Resource"]):
            found.setdefault(resource, set()).update(statement["Action"])
    return found


def test_the_deploying_role_and_the_roles_that_it_makes_may_do_exactly_this() -> None:
    made = deploying_role(Repository="acme/clock", Stage="prod")
    assert by_resource(made.stages_boundary) == _BOUNDARY
    powers, limits, *own = made.principal.policies
    assert limits in made.limits
    assert {statement["Effect"] for statement in limits["Statement"]} == {"Deny"}
    assert powers["Statement"][0]["NotAction"] == ["iam:*", "organizations:*", "account:*"]
    assert by_resource(own) == {
        f"arn:aws:iam::123456789012:{kind}/batida-ponto-prod-*": {f"iam:{name}" for name in names}
        for kind, names in _OWN.items()
    }


def test_the_deploying_role_may_make_change_and_delete_an_express_cluster() -> None:
    """That has no need of a right of its own: PowerUserAccess and the boundary have them."""
    deployer = deploying_role(Repository="acme/clock", Stage="prod").principal
    rds = "arn:aws:rds:us-east-1:123456789012:"
    for action, resource in (
        ("rds:CreateDBCluster", f"{rds}cluster:batida-ponto-prod"),
        ("rds:CreateDBCluster", f"{rds}subgrp:default"),
        ("rds:CreateDBInstance", f"{rds}db:batida-ponto-prod-instance-1"),
        ("rds:EnableInternetAccessGateway", f"{rds}cluster:batida-ponto-prod"),
        ("rds:AddTagsToResource", f"{rds}cluster:batida-ponto-prod"),
        ("rds:ModifyDBCluster", f"{rds}cluster:batida-ponto-prod"),
        ("rds:ModifyDBInstance", f"{rds}db:batida-ponto-prod-instance-1"),
        ("rds:RebootDBInstance", f"{rds}db:batida-ponto-prod-instance-1"),
        ("rds:CreateDBClusterParameterGroup", f"{rds}cluster-pg:batida-ponto-prod"),
        ("rds:ModifyDBClusterParameterGroup", f"{rds}cluster-pg:batida-ponto-prod"),
        ("rds:DeleteDBClusterParameterGroup", f"{rds}cluster-pg:batida-ponto-prod"),
        ("rds:DeleteDBInstance", f"{rds}db:batida-ponto-prod-instance-1"),
        ("rds:DeleteDBCluster", f"{rds}cluster:batida-ponto-prod"),
        ("rds:DescribeDBClusters", f"{rds}cluster:*"),
        ("ec2:DescribeAvailabilityZones", "*"),
        ("freetier:GetAccountPlanState", "*"),
        (
            "iam:CreateServiceLinkedRole",
            "arn:aws:iam::123456789012:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS",
        ),
    ):
        assert may(deployer, action, resource), action
    assert not may(deployer, "iam:CreateUser", "*")


BY_NAME = "repo:acme/clock:environment:prod"
BY_NUMBER = "repo:acme@11/clock@22:environment:prod"  # of repositories made, renamed or transferred since 2026-07-15


@pytest.mark.parametrize(
    ("numbers", "given"),
    [({}, {BY_NAME}), ({"OwnerId": "11", "RepositoryId": "22"}, {BY_NAME, BY_NUMBER})],
)
def test_the_deploying_role_is_given_to_this_repositorys_environment_and_to_no_other(
    numbers: dict[str, str], given: set[str]
) -> None:
    trust = deploying_role(Repository="acme/clock", **numbers).trust
    others = [subject.replace("prod", "dev") for subject in (BY_NAME, BY_NUMBER)]
    others += ["repo:acme@11/clock@23:environment:prod", "repo:acme@12/clock@22:environment:prod", "repo:acme/clock"]
    subjects = {BY_NAME, BY_NUMBER, *others}
    key = "token.actions.githubusercontent.com"
    claims = {subject: {f"{key}:sub": subject, f"{key}:aud": "sts.amazonaws.com"} for subject in subjects}
    assert {subject for subject in subjects if trusts_token(trust, claims[subject])} == given
    assert not trusts_token(trust, claims[BY_NAME] | {f"{key}:aud": "https://example.com"})


@pytest.mark.parametrize("one", ["OwnerId", "RepositoryId"])
def test_of_a_repositorys_numbers_both_are_given_or_none(one: str) -> None:
    with pytest.raises(ValueError, match="OwnerId and RepositoryId go together"):
        deploying_role(Repository="acme/clock", **{one: "11"})


def test_the_rules_of_the_environment_are_told_where_they_are_needed() -> None:
    section = (
        (ROOT / "docs" / "deploy.md")
        .read_text(encoding="utf-8")
        .split("\n## Deploy from GitHub\n")[1]
        .split("\n## ")[0]
    )
    assert "Required reviewers" in section
    assert section.index("the tag pattern `v*`") < section.index("aws cloudformation deploy")


def test_nothing_is_taken_from_whoever_opens_a_pull_request() -> None:
    for file in WORKFLOWS:
        assert "pull_request_target" not in read(file)["on"]
        for step in steps(file):
            assert "${{" not in step.get("run", ""), "give it as an environment variable: it is text to the shell there"


def test_dependabot_watches_all_that_is_pinned() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"]: update["directory"] for update in updates} == {
        "pip": "/",
        "npm": "/",
        "github-actions": "/",
    }


def test_the_form_for_a_report_offers_each_way_to_the_database() -> None:
    form = {field.get("id"): field for field in read(GITHUB / "ISSUE_TEMPLATE" / "deployed.yml")["body"]}
    table = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").partition("| `database` | `dbLogin` |")[2]
    ways = re.findall(r"^\| `(\w+)`[^|]*\| `(\w+)`", table, re.MULTILINE)

    assert len(ways) == 5
    assert form["database"]["attributes"]["options"] == [", ".join(way) for way in ways]
