"""Rights of the roles with which GitHub deploys a stage."""

from typing import Any

import boto3
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.iam import ACCOUNT, as_list, get_role
from tests.template.compiled import ARN, PackageStage
from tools.develop.templates import SWITCHES
from tools.tests import deploy_roles
from tools.tests.deploy_roles import Role

IAM = f"arn:aws:iam::{ACCOUNT}:"
STAGE_ROLE = f"{IAM}role/batida-ponto-prod-ReadRole-1"
OTHER_ROLE = f"{IAM}role/administrator"
STACK = f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/"
ADMINISTRATOR = [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
UNKNOWN = {"iam:AcquireRole", "iam:UpdateDelegationRequest"}
"""Operations that the simulator does not know."""


@pytest.fixture(scope="module")
def roles() -> deploy_roles.Roles:
    return deploy_roles.load()


def list_actions(*services: str) -> list[str]:
    """Return the actions of services, one for each operation of their APIs."""
    create_client: Any = boto3.client
    apis = [(service, create_client(service, "us-east-1").meta.service_model) for service in services]
    return [f"{service}:{operation}" for service, api in apis for operation in api.operation_names]


def allowed_actions(role: Role, resource: str, *services: str, **context: str) -> set[str]:
    """Return the actions of services that a role may do to a resource, in requests with these condition keys."""
    requests = [(action, resource, context) for action in (*list_actions(*services), "iam:PassRole")]
    decisions = dict(zip((action for action, *_ in requests), role.decide(*requests), strict=True))
    assert {action for action, decision in decisions.items() if decision == "invalid.action"} <= UNKNOWN
    return {action for action, decision in decisions.items() if decision == "Allowed"}


WITHOUT_BOUNDARY = {
    *("iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateRole", "iam:UpdateRoleDescription"),
    "iam:UpdateAssumeRolePolicy",
}
"""Changes of a role that have no condition key for its boundary."""


def test_execution_role_changes_rights_of_the_stages_roles_only_within_the_boundary(roles: deploy_roles.Roles) -> None:
    def changes(resource: str, boundary: str | None) -> set[str]:
        context = {"iam:PermissionsBoundary": boundary} if boundary else {}
        allowed = allowed_actions(roles.execution, resource, "iam", **context)
        return {action for action in allowed if not action.startswith(("iam:Get", "iam:List"))}

    assert changes(STAGE_ROLE, None) == WITHOUT_BOUNDARY
    assert changes(STAGE_ROLE, f"{IAM}aws:policy/AdministratorAccess") == WITHOUT_BOUNDARY
    policies = {f"iam:{verb}RolePolicy" for verb in ("Attach", "Delete", "Detach", "Put")}
    within = {"iam:CreateRole", "iam:PutRolePermissionsBoundary", *policies}
    assert changes(STAGE_ROLE, roles.boundary_arn) == WITHOUT_BOUNDARY | within
    others = (OTHER_ROLE, roles.execution.arn, roles.deploy.arn, roles.boundary_arn, f"{IAM}user/a", f"{IAM}group/a")
    assert {other: changes(other, roles.boundary_arn) for other in others} == {other: set() for other in others}


def test_role_of_the_stage_cannot_become_an_administrator(roles: deploy_roles.Roles) -> None:
    role = Role(STAGE_ROLE, None, ADMINISTRATOR, roles.boundary)
    services = ("iam", "sts", "organizations", "cloudformation")
    for resource in (STAGE_ROLE, OTHER_ROLE, roles.boundary_arn, f"{IAM}user/a", f"{STACK}payroll/1", "*"):
        allowed = allowed_actions(role, resource, *services)
        assert allowed <= {"cloudformation:DescribeStacks", "sts:GetCallerIdentity"}, resource


PARAMETER_SETS = [
    ["tracing=true", "accessLogs=true", *SWITCHES],
    ["dbLogin=secret"],
    ["database=express"],
    ["database=existing", f"dbSecretArn={ARN}"],
]
"""Parameters with which a stage has all kinds of resources."""


@pytest.mark.parametrize("parameters", PARAMETER_SETS, ids=" ".join)
def test_boundary_and_execution_role_allow_what_the_template_has(
    package_with_slices: PackageStage, roles: deploy_roles.Roles, parameters: list[str]
) -> None:
    template = package_with_slices("prod", *parameters).template()
    names = template.by_type("AWS::IAM::Role")
    actions = {
        action
        for name in names
        for document in get_role(template, name).policies
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    }
    bounded = Role(STAGE_ROLE, None, ADMINISTRATOR, roles.boundary)
    requests: list[deploy_roles.Request] = [(action, "*", {}) for action in sorted(actions)]
    assert "sqs:ReceiveMessage" in actions
    assert bounded.allowed(*requests) == requests

    trusts = [role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] for role in names.values()]
    services = {trust["Service"] for trust in trusts if "Service" in trust}
    requests = [("iam:PassRole", STAGE_ROLE, {"iam:PassedToService": service}) for service in services]
    assert roles.execution.allowed(*requests) == requests


def test_execution_role_may_do_what_cloudformation_does_to_roles(roles: deploy_roles.Roles) -> None:
    missing = set[str]()
    for resource_type in ("AWS::IAM::Role", "AWS::IAM::Policy"):
        schema: Any = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema["handlers"]
        actions = {action.strip() for handler in schema.values() for action in handler["permissions"]}
        missing |= actions - allowed_actions(
            roles.execution, STAGE_ROLE, "iam", **{"iam:PermissionsBoundary": roles.boundary_arn}
        )
    inline_of_others = {f"iam:{verb}{kind}Policy" for verb in ("Get", "Put", "Delete") for kind in ("User", "Group")}
    assert missing <= inline_of_others | {"iam:DeleteRolePermissionsBoundary", "iam:ListRoles", "iam:PassRole"}


def test_roles_are_passed_to_the_services_of_the_template_only(roles: deploy_roles.Roles) -> None:
    def passed(role: Role, resource: str) -> list[str]:
        names = ("apigateway", "cloudformation", "ec2", "lambda")
        contexts = [{"iam:PassedToService": f"{name}.amazonaws.com"} for name in names]
        decisions = role.decide(*(("iam:PassRole", resource, context) for context in contexts))
        return [name for name, decision in zip(names, decisions, strict=True) if decision == "Allowed"]

    assert passed(roles.execution, STAGE_ROLE) == ["apigateway", "lambda"]
    assert passed(roles.deploy, roles.execution.arn) == ["cloudformation"]
    assert passed(roles.execution, OTHER_ROLE) == passed(roles.deploy, OTHER_ROLE) == []
    assert passed(roles.deploy, STAGE_ROLE) == []


@pytest.mark.parametrize(
    ("stack", "context", "expected"),
    [
        ("batida-ponto-prod/1", {}, []),  # the stack's own role, or the rights of the workflow
        ("batida-ponto-prod/1", {"cloudformation:RoleArn": OTHER_ROLE}, []),
        ("batida-ponto-prod/1", {"cloudformation:RoleArn": "execution"}, ["CreateChangeSet"]),
        (
            "batida-ponto-prod/1",
            {"cloudformation:RoleArn": "execution", "cloudformation:ImportResourceTypes": ["AWS::S3::Bucket"]},
            [],
        ),
        ("deploy-batida-ponto-prod/1", {"cloudformation:RoleArn": "execution"}, []),
    ],
)
def test_workflow_changes_only_its_stack_as_the_execution_role(
    roles: deploy_roles.Roles, stack: str, context: dict[str, Any], expected: list[str]
) -> None:
    context = {key: roles.execution.arn if value == "execution" else value for key, value in context.items()}
    names = ["CreateChangeSet", "CreateStack", "DeleteStack", "SetStackPolicy", "UpdateStack"]
    requests = [(f"cloudformation:{name}", f"{STACK}{stack}", context) for name in names]
    assert [action.partition(":")[2] for action, *_ in roles.deploy.allowed(*requests)] == expected


def test_roles_trust_this_repositorys_environment_and_cloudformation_only(roles: deploy_roles.Roles) -> None:
    (statement,) = roles.deploy.trust["Statement"]
    key = "token.actions.githubusercontent.com"
    subjects = ["repo:acme/app:environment:prod", "repo:acme@11/app@22:environment:prod"]
    # Without wildcards, which StringEquals does not have.
    assert statement["Condition"] == {"StringEquals": {f"{key}:aud": "sts.amazonaws.com", f"{key}:sub": subjects}}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    (statement,) = roles.execution.trust["Statement"]
    assert statement["Principal"] == {"Service": "cloudformation.amazonaws.com"}
