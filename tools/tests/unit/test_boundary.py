"""The boundary of a stage's roles is that of the deploying role's stack, and no deploy removes it."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from tools.operate.deploy import boundary

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

ARN = "arn:aws:iam::123456789012:policy/b"
ROLE: dict[str, Any] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}


@pytest.fixture
def cloudformation() -> Iterator["CloudFormationClient"]:
    with mock_aws():
        yield boto3.client("cloudformation", "us-east-1")


def create_role_stack(cloudformation: "CloudFormationClient") -> None:
    """Create the deploying role's stack, before it is narrowed."""
    parameters = {name: {"Type": "String", "Default": "*"} for name in ("ClusterResourceId", "VpcId")}
    resources = {"Topic": {"Type": "AWS::SNS::Topic"}}
    template = {"Parameters": parameters, "Resources": resources, "Outputs": {"BoundaryArn": {"Value": ARN}}}
    cloudformation.create_stack(StackName=boundary.role_stack_name("prod"), TemplateBody=json.dumps(template))


def test_boundary_of_the_deploying_roles_stack_is_added(cloudformation: "CloudFormationClient") -> None:
    assert boundary.add_boundary(cloudformation, "prod", ["a=1"]) == ["a=1"]

    create_role_stack(cloudformation)

    assert boundary.add_boundary(cloudformation, "prod", ["a=1"]) == ["a=1", f"permissionsBoundary={ARN}"]
    own = ["permissionsBoundary=arn:own"]
    assert boundary.add_boundary(cloudformation, "prod", own) == own


@pytest.mark.parametrize(
    ("added", "is_bounded"),
    [({"PermissionsBoundary": ARN}, True), ({"PermissionsBoundary": {"Ref": "AWS::NoValue"}}, False), ({}, False)],
    ids=str,
)
def test_removal_of_a_deployed_boundary_is_described(
    cloudformation: "CloudFormationClient", added: dict[str, object], is_bounded: bool
) -> None:
    role = ROLE | {"Properties": ROLE["Properties"] | added}
    template = json.dumps({"Resources": {"Role": role}})
    cloudformation.create_stack(StackName="batida-ponto-prod", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])

    assert ("remove" in (boundary.describe_removal(cloudformation, "prod") or "")) == is_bounded


@pytest.mark.parametrize(
    ("vpc", "resource", "narrowing"),
    [
        ({"VpcConfig": {"VpcId": "vpc-1"}}, "*", "VpcId=vpc-1"),
        (
            {},
            "arn:aws:rds-db:us-east-1:123456789012:dbuser:cluster-A1/ponto",
            "ClusterResourceId=cluster-A1 VpcId=vpc-none",
        ),
    ],
    ids=["network", "express"],
)
def test_narrowing_has_the_vpc_of_the_drain_and_the_database_of_the_roles(
    cloudformation: "CloudFormationClient",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    vpc: dict[str, Any],
    resource: str,
    narrowing: str,
) -> None:
    create_role_stack(cloudformation)
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Metadata": {"Resource": resource}}}}
    cloudformation.create_stack(StackName="batida-ponto-prod", TemplateBody=json.dumps(template))
    session = boto3.Session(region_name="us-east-1")
    functions = session.client("lambda")
    monkeypatch.setattr(functions, "get_function_configuration", lambda **_: vpc)
    clients = {"cloudformation": cloudformation, "lambda": functions}
    monkeypatch.setattr(session, "client", clients.__getitem__)

    boundary.print_narrowing(session, "prod")

    assert f"--parameter-overrides {narrowing} --region us-east-1\n" in capsys.readouterr().err


def test_network_error_while_narrowing_fails_no_deploy(capsys: pytest.CaptureFixture[str]) -> None:
    session = Mock(client=Mock(side_effect=EndpointConnectionError(endpoint_url="https://x")))
    boundary.print_narrowing(session, "prod")
    assert "not looked up: what narrows the deploying role" in capsys.readouterr().err
