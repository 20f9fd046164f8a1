"""What GitHub runs for those who fork: pinned, with few rights, and commands that exist."""

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.versions import VERSIONS
from tests.iam import deploying_role, trusts_token
from tools.kit.project import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
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
    workflow = read(file)
    rights = [workflow["permissions"], *(job["permissions"] for job in jobs(file).values() if "permissions" in job)]
    assert all(isinstance(right, dict) for right in rights)
    granted = set(chain.from_iterable(right.items() for right in rights))
    assert granted == {("contents", "read")} | ({("id-token", "write")} if file.stem == "deploy" else set())


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
    assert (job["needs"], job["environment"]) == ("test", "prod")
    assert job["steps"][-1] == {
        "run": 'make deploy STAGE=prod ARGS="--yes --param=permissionsBoundary=$BOUNDARY"',
        "env": {"BOUNDARY": "${{ vars.AWS_PERMISSIONS_BOUNDARY }}"},
    }


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
        # What it may write to has no path; itself and both boundaries have one.
        assert re.fullmatch(
            r"arn:\$\{AWS::Partition\}:iam::\$\{AWS::AccountId\}:(role|policy)/batida.*", statement["Resource"]
        )
    assert not widening
    assert {name: each["Properties"]["Path"] for name, each in resources.items() if name != "Provider"} == {
        "DeployRole": "/deploy/",
        "DeployBoundary": "/boundaries/",
        "RoleBoundary": "/boundaries/",
    }
    # All but roles, so that it may deploy and ask for quotas.
    everything, *_ = resources["DeployBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    assert everything["NotAction"] == ["account:*", "iam:*", "organizations:*"]
    for statement in resources["RoleBoundary"]["Properties"]["PolicyDocument"]["Statement"]:
        assert not [action for action in statement["Action"] if action.startswith(("iam:", "sts:", "*"))]


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
