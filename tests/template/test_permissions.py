"""Permissions: every statement of every role."""

import json
from typing import Any

import pytest

from tests.iam import (
    ADMINISTRATOR,
    as_list,
    get_arn,
    get_role,
    is_allowed,
    resolve_policy,
)
from tests.template.compiled import ARN, CompileStage, PackageStage
from tools.develop.templates import SWITCHES
from tools.kit.packaging import Template

Permissions = dict[str, set[tuple[str, str]]]  # role or separate policy -> (action, resource)

STACK = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${AWS::StackName}/*"
DESCRIBE_STACK = ("cloudformation:DescribeStacks", json.dumps({"Fn::Sub": STACK}))


def writes_log(function: str) -> set[tuple[str, str]]:
    return {(f"logs:{action}", f"{function}LogGroup.Arn") for action in ("CreateLogStream", "PutLogEvents")}


ROLES: Permissions = {
    "ApiRole": {("sqs:SendMessage", "Queue.Arn")},
    "OperatorRole": {("sqs:SendMessage", "Queue.Arn")},
    "DrainRole": {
        ("sqs:ReceiveMessage", "Queue.Arn"),
        ("sqs:DeleteMessage", "Queue.Arn"),
        ("sqs:GetQueueAttributes", "Queue.Arn"),
        ("sqs:ChangeMessageVisibility", "Queue.Arn"),
        ("sqs:SendMessage", "DeadLetterQueue.Arn"),
        *writes_log("BatidaPonto"),
    },
    "ReadRole": writes_log("Read"),
    "ReaderRole": {("lambda:InvokeFunction", "ReadLambdaFunction.Arn"), DESCRIBE_STACK},
    "SchemaRole": writes_log("Schema"),
}
FUNCTION_ROLES = ("DrainRole", "ReadRole", "SchemaRole")
NETWORK_INTERFACES = {
    ("ec2:CreateNetworkInterface", "*"),
    ("ec2:DescribeNetworkInterfaces", "*"),
    ("ec2:DescribeSubnets", "*"),
    ("ec2:DeleteNetworkInterface", "*"),
    ("ec2:AssignPrivateIpAddresses", "*"),
    ("ec2:UnassignPrivateIpAddresses", "*"),
}
TRACING = {("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")}

CLUSTER_RESOURCE_ID = "${DatabaseCluster.DBClusterResourceId}"


def connect_permission(user: str, resource_id: str = CLUSTER_RESOURCE_ID) -> tuple[str, str]:
    """Return the permission to log in to a cluster as a database role."""
    arn = f"arn:${{AWS::Partition}}:rds-db:${{AWS::Region}}:${{AWS::AccountId}}:dbuser:{resource_id}/{user}"
    return "rds-db:connect", json.dumps({"Fn::Sub": arn})


def token_login(resource_id: str = CLUSTER_RESOURCE_ID, owner: str = "ponto") -> Permissions:
    """Return the permission of each function's role to log in as its database role."""
    users = zip(FUNCTION_ROLES, ("ponto_drain", "ponto_reader", owner), strict=True)
    return {name: {connect_permission(user, resource_id)} for name, user in users}


def password_login(owner_secret: str, *extra: tuple[str, str]) -> Permissions:
    """Return the permissions of each function's role to read secrets; `extra` are those for the owner's secret."""
    own = [("secretsmanager:GetSecretValue", secret) for secret in ("DrainSecret", "ReadSecret")]
    owners = {*own, ("secretsmanager:GetSecretValue", owner_secret), *extra}
    return dict(zip(FUNCTION_ROLES, ({own[0]}, {own[1]}, owners), strict=True))


def for_functions(permissions: set[tuple[str, str]]) -> Permissions:
    return dict.fromkeys(FUNCTION_ROLES, permissions)


@pytest.mark.parametrize(
    ("stage", "parameters", "expected"),  # `expected` adds to ROLES
    [
        ("prod", [], [token_login(), for_functions(NETWORK_INTERFACES)]),
        (
            "prod",
            ["dbLogin=secret"],
            [password_login("DatabaseCluster.MasterUserSecret.SecretArn"), for_functions(NETWORK_INTERFACES)],
        ),
        (
            "dev",
            ["database=existing", "dbLogin=iam", "dbResourceId=cluster-ABC", "dbUser=owner"],
            [token_login("cluster-ABC", "owner")],
        ),
        ("prod", ["database=express"], [token_login("cluster-UNKNOWN")]),
        ("local", ["accessLogs=true", "tracing=true"], [for_functions(TRACING)]),
        ("dev", ["database=existing", f"dbSecretArn={ARN}"], [password_login(ARN)]),
        (
            "dev",
            ["database=existing", "subnetIds=subnet-1,subnet-2", "securityGroupIds=sg-1"],
            [for_functions(NETWORK_INTERFACES)],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else None,
)
def test_roles_have_exactly_these_permissions(
    compile_stage: CompileStage, stage: str, parameters: list[str], expected: list[Permissions]
) -> None:
    assert extract_permissions(compile_stage(stage, *parameters)) == {
        name: permissions.union(*(extra.get(name, set()) for extra in expected)) for name, permissions in ROLES.items()
    }


def test_each_role_is_assumed_by_one_service_or_by_the_accounts_operators(prod: Template) -> None:
    def trust(principal: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]

    # The account's IAM policies decide which of its identities may assume the operator's and the reader's role.
    account = trust({"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}})
    roles = prod.by_type("AWS::IAM::Role").items()
    assert {name: role["AssumeRolePolicyDocument"]["Statement"] for name, role in roles} == {
        "ApiRole": trust({"Service": "apigateway.amazonaws.com"}),
        "OperatorRole": account,
        "ReaderRole": account,
        **{name: trust({"Service": "lambda.amazonaws.com"}) for name in FUNCTION_ROLES},
    }
    assert {name: _name(function["Role"]) for name, function in prod.by_type("AWS::Lambda::Function").items()} == {
        "BatidaPontoLambdaFunction": "DrainRole.Arn",
        "ReadLambdaFunction": "ReadRole.Arn",
        "SchemaLambdaFunction": "SchemaRole.Arn",
    }


def test_every_role_has_the_configured_boundary_or_none(package_with_slices: PackageStage) -> None:
    boundary = "arn:aws:iam::123456789012:policy/batida-ponto-prod-boundary"
    for parameters, expected in (([], None), ([f"permissionsBoundary={boundary}"], boundary)):
        roles = package_with_slices("prod", *SWITCHES, *parameters).template().by_type("AWS::IAM::Role")
        assert {name: role.get("PermissionsBoundary") for name, role in roles.items()} == dict.fromkeys(roles, expected)


def test_administrator_sends_to_the_punch_queue_only_as_the_operator_role(prod: Template) -> None:
    queue = get_arn(prod, "Queue")
    queue_policy = resolve_policy(prod, prod.properties("QueuePolicy")["PolicyDocument"])
    trust = resolve_policy(prod, prod.properties("OperatorRole")["AssumeRolePolicyDocument"])
    operator = get_role(prod, "OperatorRole")
    assert not is_allowed(ADMINISTRATOR, "sqs:SendMessage", queue, queue_policy)
    assert is_allowed(ADMINISTRATOR, "sts:AssumeRole", operator.arn, trust)
    assert is_allowed(operator, "sqs:SendMessage", queue, queue_policy)
    assert not is_allowed(get_role(prod, "DrainRole"), "sqs:SendMessage", queue, queue_policy)


def test_lambda_but_not_a_functions_code_may_manage_network_interfaces(package_with_slices: PackageStage) -> None:
    template = package_with_slices("prod").template()
    for name, function in template.by_type("AWS::Lambda::Function").items():
        role = get_role(template, function["Role"]["Fn::GetAtt"][0])
        for action, resource in NETWORK_INTERFACES:
            assert is_allowed(role, action, resource)
            assert not is_allowed(role, action, resource, function=get_arn(template, name))


def test_permissions_are_granted_only_by_roles(prod: Template) -> None:
    types = {resource["Type"] for resource in prod.resources.values()}
    assert {name for name in types if name.startswith("AWS::IAM::")} == {"AWS::IAM::Role"}
    assert "AWS::Lambda::Permission" not in types
    for name in ("QueuePolicy", "DeadLetterQueuePolicy", "ServerlessDeploymentBucketPolicy"):
        policy = prod.properties(name)
        assert {statement["Effect"] for statement in policy["PolicyDocument"]["Statement"]} == {"Deny"}


def extract_permissions(template: Template) -> Permissions:
    """Return the permissions of each role, and of each policy that is a resource of its own."""
    granted_permissions: Permissions = {}
    for name, role in template.by_type("AWS::IAM::Role").items():
        granted_permissions[name] = {
            permission for policy in role["Policies"] for permission in _extract_allowed(policy["PolicyDocument"])
        }
    for name, policy in template.by_type("AWS::IAM::Policy").items():
        granted_permissions[name] = _extract_allowed(policy["PolicyDocument"])
    return granted_permissions


def _extract_allowed(document: Any) -> set[tuple[str, str]]:
    granted = set()
    for statement in document["Statement"]:
        if statement["Effect"] == "Deny":
            continue
        assert statement.keys() == {"Effect", "Action", "Resource"}
        granted |= {
            (action, _name(resource))
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }
    return granted


def _name(value: Any) -> str:
    """Return a reference as text: `Queue.Arn` for an attribute, `Queue` for the resource."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
    return json.dumps(value)
