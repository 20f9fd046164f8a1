"""`ponto remove`: emptied buckets, protected stacks, and the confirmation."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.aws import Calls
from tests.commands import Run, runner
from tests.events import aws
from tools.kit.collaborators import Collaborators
from tools.tests.sls import FakeSls

STACK = "batida-ponto-dev"
BUCKETS = {
    "ServerlessDeploymentBucket": {"Type": "AWS::S3::Bucket"},
    "SiteBucket": {"Type": "AWS::S3::Bucket"},
    "UploadBucket": {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Delete",
        "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
    },
    "KeptBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"},
    "Queue": {"Type": "AWS::SQS::Queue"},
}


class Stage:
    """A stage in moto, whose buckets have two objects, one of them written twice."""

    def __init__(self, resources: dict[str, Any], *, is_protected: bool = False, **outputs: str) -> None:
        cloudformation = boto3.client("cloudformation")
        template = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
        cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(template),
            EnableTerminationProtection=is_protected,
        )
        stack_resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        self.buckets = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in stack_resources
            if each["ResourceType"] == "AWS::S3::Bucket"
        }
        self.s3: Any = boto3.client("s3")
        for name in self.buckets.values():
            self.s3.put_object(Bucket=name, Key="a", Body=b"1")
            self.s3.put_object(Bucket=name, Key="a", Body=b"2")
            self.s3.put_object(Bucket=name, Key="b", Body=b"3")
        if "UploadBucket" in self.buckets:
            self.s3.delete_object(Bucket=self.buckets["UploadBucket"], Key="b")

    def full_buckets(self) -> set[str]:
        """Return the logical ids of the buckets that have any version or delete marker."""
        return {
            logical_id
            for logical_id, name in self.buckets.items()
            if {"Versions", "DeleteMarkers"} & self.s3.list_object_versions(Bucket=name).keys()
        }


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with aws():
        yield


@pytest.fixture
def sls() -> FakeSls:
    return FakeSls()


@pytest.fixture
def run(sls: FakeSls, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys, "remove", "--stage", "dev", collaborators=Collaborators(run_sls=sls))


def test_buckets_of_the_stack_are_emptied_before_its_removal(run: Run, sls: FakeSls) -> None:
    stage = Stage(BUCKETS)
    result = run("--yes")
    assert result.status == 0
    assert stage.full_buckets() == {"ServerlessDeploymentBucket", "KeptBucket"}  # osls empties its own
    assert result.err.splitlines()[0].startswith("stage dev: account 123456789012, region us-east-1, as arn:")
    assert sls.invocations == [("remove", ["--stage", "dev", "--region", "us-east-1"])]
    assert result.out == "removed    dev, account 123456789012, region us-east-1\n"


def test_nothing_is_removed_without_confirmation(run: Run, sls: FakeSls) -> None:
    stage = Stage(BUCKETS)
    without_terminal, another = run(), run(typed="prod\n")
    assert (without_terminal.status, another.status) == (2, 2)
    assert "--yes" in without_terminal.err
    assert another.err.endswith("ponto: not removed\n")
    (prompt,) = (line for line in another.err.splitlines() if "Type dev" in line)
    assert "the contents of SiteBucket, UploadBucket." in prompt
    assert "to remove it from account 123456789012, region us-east-1:" in prompt
    assert (stage.full_buckets(), sls.invocations) == (set(stage.buckets), [])


def test_keys_of_devices_are_listed_and_then_deleted_with_their_usage_plans(run: Run, sls: FakeSls) -> None:
    gateway = boto3.client("apigateway")
    api = gateway.create_rest_api(name="ponto")
    method: Any = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="MOCK")
    gateway.create_deployment(restApiId=api["id"], stageName="dev")
    tags = {"batida-ponto:key": "site-1"}
    key = gateway.create_api_key(name=f"{STACK}/site-1", tags=tags)
    gateway.create_api_key(name="of-another-project")
    gateway.create_usage_plan(name="site-1", apiStages=[{"apiId": api["id"], "stage": "dev"}], tags=tags)
    Stage({"Queue": {"Type": "AWS::SQS::Queue"}}, ApiId=api["id"])

    asked, removed = run(typed="prod\n"), run("--yes")

    assert f"key site-1 ({key['id']})" in asked.err
    assert (removed.status, sls.commands) == (0, ["remove"])
    assert [each["name"] for each in gateway.get_api_keys()["items"]] == ["of-another-project"]
    assert gateway.get_usage_plans()["items"] == []


def test_protected_stack_and_its_buckets_are_kept(run: Run, sls: FakeSls) -> None:
    stage = Stage(BUCKETS, is_protected=True)
    result = run("--yes")
    assert result.status == 2
    assert "--param terminationProtection=false" in result.err
    assert (stage.full_buckets(), sls.invocations) == (set(stage.buckets), [])


def test_object_that_cannot_be_deleted_is_named(run: Run, sls: FakeSls, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(BUCKETS)
    refused = {"Key": "a", "Code": "AccessDenied", "Message": "not you"}
    Calls(monkeypatch).stubs["DeleteObjects"] = {"Errors": [refused]}
    result = run("--yes")
    assert (result.status, sls.invocations) == (1, [])
    assert f"S3 refused to delete a of {stage.buckets['SiteBucket']}: AccessDenied: not you" in result.err
