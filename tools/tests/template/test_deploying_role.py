"""Permissions of the role that deploys from GitHub, on its stage and on the rest of the account."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from ponto.shared.sql_names import SCHEMA
from tests.iam import ACCOUNT, Principal, as_list, get_deploy_role, is_allowed
from tests.template.compiled import PackageStage
from tests.template.test_permissions import DEPLOY_ROLE, PARAMETER_SETS
from tools.kit.project import ROOT

DEPLOYER = DEPLOY_ROLE.principal

MAX_POLICY_CHARACTERS = 6_144
"""Quota of IAM: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
STACK_TAG = "aws:ResourceTag/aws:cloudformation:stack-name"
REQUEST = {  # conditions that a caller can meet
    "iam:AWSServiceName": "rds.amazonaws.com",
    "iam:PassedToService": "lambda.amazonaws.com",
    "iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:the-RoleBoundary",
    "lambda:Principal": "s3.amazonaws.com",
    "rds:DatabaseEngine": "aurora-postgresql",
}
OWN = "batida-ponto-prod"
OWN_NAMES = f"""
    {OWN} {OWN}/1 {OWN}-read {OWN}-OperatorRole-1 /aws/lambda/{OWN}-read /aws/apigateway/{OWN}:* DrainSecret-1
    default:1 1
""".split()
"""Ends of ARNs of the stage's resources."""
FOREIGN_NAMES = f"""
    payroll payroll/1 default-payroll payroll-OperatorRole-1 administrator 1 payrollSecret-1
    batida-ponto-dev batida-ponto-dev/1 batida-ponto-dev-read batida-ponto-dev-OperatorRole-1
    batida-ponto-production batida-ponto-production-read batida-ponto-deploy-prod/1 /aws/lambda/batida-ponto-dev-read
    deploy/batida-ponto-deploy-prod-DeployRole-1 boundaries/RoleBoundary-1 ponto-preview/1 rds!cluster-1
    cluster-1/{SCHEMA} cluster-1/payroll a1/prod/POST/ponto aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS
""".split()
"""Ends of ARNs of resources of others."""
TRUST = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
READS = ("Describe", "GET", "Get", "List", "Validate")


@cache
def service_authorization() -> Any:
    """Return AWS's actions and resource types by service, with actions in lower case."""
    services = json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text())
    services["rds"]["Actions"]["enableinternetaccessgateway"] = {"Resources": ["cluster"]}  # newer than this list
    return services


def resolve_action(pattern: str) -> list[str]:
    """Return the actions that a pattern such as `rds:Describe*` matches; an action without wildcards is itself."""
    service, _, name = pattern.partition(":")
    regex = re.compile(name.replace("*", ".*"), re.IGNORECASE)
    names = [action for action in service_authorization()[service]["Actions"] if regex.fullmatch(action)]
    assert names, pattern
    return [f"{service}:{action}" for action in names] if "*" in name else [pattern]


def list_patterns(documents: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each action or pattern of the statements, with a document that has only this statement."""
    for statement in (statement for document in documents for statement in document["Statement"]):
        assert statement["Effect"] == "Allow"
        yield from ((pattern, {"Statement": [statement]}) for pattern in as_list(statement["Action"]))


def requests(action: str, names: Iterable[str], tags: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the ARN and the tags of a resource with each name, of each type that an action has."""
    service, _, name = action.partition(":")
    types = service_authorization()[service]
    for kind in types["Actions"][name.lower()].get("Resources") or [None]:
        resource = types["Resources"].get(str(kind).lower(), {})
        known_tags = tags if "aws:ResourceTag/${TagKey}" in resource.get("ConditionKeys", []) else {}
        for template in resource.get("ARNFormats", ["*"]):
            arn = template.replace("${Partition}", "aws").replace("${Region}", "us-east-1")
            arn = arn.replace("${Account}", ACCOUNT)
            for end in names:
                yield re.sub(r"(\.\*|\$\{\w+\}).*", lambda _, end=end: end, arn), known_tags  # type: ignore[misc]


def find_allowed(
    principal: Principal, pattern: str, names: Iterable[str], tags: dict[str, str], function: str
) -> set[str]:
    """Return the pattern if one of its actions is allowed; API Gateway's actions with the kinds of resources."""
    return {
        f"{pattern} {arn.partition('::')[2].split('/')[1]}" if pattern.startswith("apigateway:") else pattern
        for action in resolve_action(pattern)
        for arn, known_tags in requests(action, names, tags)
        if is_allowed(principal, action, arn, TRUST, request=REQUEST | known_tags | {"lambda:FunctionArn": function})
    }


def outside(documents: Iterable[Any]) -> dict[str, list[str]]:
    """Return which actions on others' resources are allowed, of any stack or of none."""
    reads, changes, untagged = set[str](), set[str](), set[str]()
    for pattern, document in list_patterns(documents):
        principal = Principal(f"{ROLE}batida-ponto-prod-ReadRole-1", [document])
        function = f"{FUNCTION}payroll"
        tagged = find_allowed(principal, pattern, FOREIGN_NAMES, {STACK_TAG: "payroll"}, function)
        untagged |= find_allowed(principal, pattern, FOREIGN_NAMES, {}, function)
        (reads if pattern.partition(":")[2].startswith(READS) else changes).update(tagged)
    rows = {"read": reads, "change": changes, "read or change if no stack created it": untagged - reads - changes}
    return {what: sorted(actions) for what, actions in rows.items()}


def test_document_lists_what_the_deploying_role_and_the_stages_roles_may_do_outside_the_stage() -> None:
    narrowed = get_deploy_role(Repository="acme/app", Stage="prod", ClusterResourceId="cluster-OWN").stage_boundary
    rows = {f"the deploying role may {what}": actions for what, actions in outside(DEPLOYER.policies).items()}
    for when, boundary in (("before", DEPLOY_ROLE.stage_boundary), ("after", narrowed)):
        rows[f"a role of the stage may, {when} `ClusterResourceId` is set"] = sorted(chain(*outside(boundary).values()))
    table = [
        f"| {what} | {service} | {', '.join(f'`{action}`' for _, action in group)} |"
        for what, actions in rows.items()
        for service, group in groupby((action.split(":") for action in actions), itemgetter(0))
    ]
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert [row for row in table if row not in document] == []


def test_each_action_exists_and_works_on_the_stages_resources() -> None:
    tags = {STACK_TAG: "batida-ponto-prod"}
    patterns = [pattern for pattern, _ in list_patterns(DEPLOYER.policies)]
    assert len(patterns) > 150
    function = f"{FUNCTION}batida-ponto-prod-read"
    assert [pattern for pattern in patterns if not find_allowed(DEPLOYER, pattern, OWN_NAMES, tags, function)] == []


# What CloudFormation's handlers of the stage's resource types may call, and the role may not.
LEFT_OUT = {
    "copies, restores or shares": r"""
        rds:(CreateDB(Cluster)?Snapshot|CreateDBInstanceReadReplica|PromoteReadReplica|Restore\w+|\w+GlobalCluster)
        rds:(Start|Stop)DBInstanceAutomatedBackupsReplication
        secretsmanager:(RemoveRegionsFromReplication|ReplicateSecretToRegions)
        s3:(PutBucketReplication|DeleteBucketReplication|PutReplicationConfiguration|PutBucketAcl|PutObjectAcl)
        (firehose|s3tables|s3files|vpc-lattice|vpce|elasticfilesystem):\w+ logs:CreateLogDelivery s3:REST.PUT.OBJECT
        """,
    "roles without inline policies, without a boundary, or of databases": r"""
        iam:(Attach|Detach)RolePolicy iam:DeleteRolePermissionsBoundary iam:UpdateRoleDescription
        rds:(Add|Remove)Role\w+
        """,
    "keys of the account's owner": r"kms:(CreateGrant|Decrypt|DisableKey|Encrypt|GenerateDataKey) logs:\w+KmsKey",
    "properties that no resource sets": r"""
        apigateway:UpdateRestApiPolicy
        cloudfront:(Create|Get)ConnectionGroup cloudfront:(CreateDistributionWithTags|GetVpcOrigin)
        cloudfront:UpdateDistributionWithStagingConfig
        ec2:(Associate|Disassociate)SubnetCidrBlock ec2:(CreateVpcEncryptionControl|ModifyVpcTenancy)
        lambda:(Put|Delete)\w*(CodeSigningConfig|ScalingConfig|RuntimeManagementConfig) lambda:AssociateRuntimeAlias
        lambda:(PassCapacityProvider|PublishVersion)
        logs:(Put|Delete)(DataProtectionPolicy|IndexPolicy|ResourcePolicy|BearerToken\w+|LogGroupDeletion\w+)
        s3:(Create|Delete|Put|Update)Bucket(Metadata|Analytics|Cors|CORS|Encryption|Lifecycle|Metrics|Website|Abac)\w*
        s3:PutBucket(Logging|ObjectLockConfiguration) s3:(Put|Delete)ObjectLockConfiguration
        s3:Put(Accelerate|Analytics|IntelligentTiering|Inventory|Metrics)Configuration
        sns:PutDataProtectionPolicy
        """,
}


def test_deploying_role_may_do_what_cloudformation_does_for_a_stage_but_for_these_actions(
    package_with_slices: PackageStage,
) -> None:
    templates = [package_with_slices("prod", *parameters).template() for parameters in PARAMETER_SETS]
    types = {resource["Type"] for template in templates for resource in template.resources.values()}
    actions = {action for resource_type in types for action in handler_actions(resource_type)}
    assert len(actions) > 100
    patterns = [pattern for pattern, _ in list_patterns(DEPLOYER.policies)]
    allowed = {action.lower() for pattern in patterns for action in resolve_action(pattern)}
    left_out = re.compile("|".join(" ".join(LEFT_OUT.values()).split()))
    missing = {action for action in actions if action.lower() not in allowed}
    assert {action for action in missing if not left_out.fullmatch(action)} == set()
    assert {action for action in actions - missing if left_out.fullmatch(action)} == set()


def handler_actions(resource_type: str) -> Iterator[str]:
    """Yield the actions that CloudFormation's handlers of a resource type call, except those on users and groups."""
    handlers: Any = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema["handlers"]
    for name in ("create", "read", "update", "delete"):
        actions = handlers.get(name, {}).get("permissions", [])
        yield from (action.strip() for action in actions if not action.endswith(("UserPolicy", "GroupPolicy")))


STACK = f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/batida-ponto-prod"
RDS = f"arn:aws:rds:us-east-1:{ACCOUNT}:"


# What osls and the commands call, beside CloudFormation.
@pytest.mark.parametrize(
    ("resource", "actions"),
    [
        (f"{STACK}/*", "cloudformation:CreateStack DescribeStacks CreateChangeSet ExecuteChangeSet DeleteStack"),
        (f"{STACK}/1", "cloudformation:DescribeChangeSet DescribeEvents DescribeStackResources ListStackResources"),
        (f"{STACK}/1", "cloudformation:GetTemplate UpdateTerminationProtection CancelUpdateStack"),
        (f"{STACK.replace('stack/', 'changeSet/')}-change-set/1", "cloudformation:DescribeChangeSet DescribeEvents"),
        (f"{FUNCTION}batida-ponto-prod-schema", "lambda:GetFunction GetFunctionConfiguration InvokeFunction"),
        ("arn:aws:s3:::batida-ponto-prod-site-1/index.html", "s3:GetObject PutObject DeleteObject"),
        ("arn:aws:s3:::batida-ponto-prod-code-1", "s3:ListBucket ListBucketVersions GetBucketLocation"),
        (f"{RDS}cluster:batida-ponto-prod", "rds:CreateDBCluster ModifyDBCluster EnableInternetAccessGateway"),
        (f"{RDS}cluster-pg:default.aurora-postgresql17", "rds:CreateDBCluster ModifyDBCluster"),
        (f"{RDS}subgrp:default", "rds:CreateDBCluster"),
        (f"{RDS}db:batida-ponto-prod-instance-1", "rds:CreateDBInstance ModifyDBInstance RebootDBInstance"),
        (f"arn:aws:apigateway:us-east-1::/apikeys/{'a' * 10}", "apigateway:GET"),
        (f"{ROLE}aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", "iam:CreateServiceLinkedRole"),
        ("*", "freetier:GetAccountPlanState"),
        ("*", "tag:GetResources"),
    ],
)
def test_deploying_role_may_do_what_osls_and_the_commands_do(resource: str, actions: str) -> None:
    service, _, names = actions.partition(":")
    assert [
        name for name in names.split() if not is_allowed(DEPLOYER, f"{service}:{name}", resource, request=REQUEST)
    ] == []


@pytest.mark.parametrize("action", ["CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"])
def test_deploying_role_grants_permissions_only_to_roles_with_the_boundary(action: str) -> None:
    role = f"{ROLE}batida-ponto-prod-ReadRole-1"
    assert is_allowed(DEPLOYER, f"iam:{action}", role, request=REQUEST)
    assert not is_allowed(DEPLOYER, f"iam:{action}", role)
    other = {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
    assert not is_allowed(DEPLOYER, f"iam:{action}", role, request=other)


def test_deploying_role_passes_roles_to_lambda_and_the_gateway_only() -> None:
    services = ("apigateway", "lambda", "cloudformation", "ec2")
    requests = {service: {"iam:PassedToService": f"{service}.amazonaws.com"} for service in services}
    role = f"{ROLE}{OWN}-ReadRole-1"
    allowed = [service for service in services if is_allowed(DEPLOYER, "iam:PassRole", role, request=requests[service])]
    assert allowed == ["apigateway", "lambda"]


def test_narrowed_functions_stay_in_their_vpc() -> None:
    narrowed = get_deploy_role(Repository="acme/app", Stage="prod", VpcId="vpc-1").principal
    function = f"{FUNCTION}batida-ponto-prod-read"
    for request, expected in (({"lambda:VpcIds": "vpc-1"}, True), ({}, True), ({"lambda:VpcIds": "vpc-2"}, False)):
        assert is_allowed(narrowed, "lambda:UpdateFunctionConfiguration", function, request=request) is expected


NAME_SUBJECT = "repo:acme/app:environment:prod"
# GitHub uses this form for repositories that were created, renamed or transferred since 2026-07-15.
ID_SUBJECT = "repo:acme@11/app@22:environment:prod"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [({}, [NAME_SUBJECT]), ({"OwnerId": "11", "RepositoryId": "22"}, [NAME_SUBJECT, ID_SUBJECT])],
)
def test_deploying_role_trusts_only_this_repositorys_environment(ids: dict[str, str], expected: list[str]) -> None:
    trust = get_deploy_role(Repository="acme/app", **ids).trust
    (statement,) = trust["Statement"]
    key = "token.actions.githubusercontent.com"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    # Without wildcards, which StringEquals does not have.
    conditions = {f"{key}:aud": "sts.amazonaws.com", f"{key}:sub": expected}
    assert statement["Condition"] == {"StringEquals": conditions}


@pytest.mark.parametrize("stage", ["prod", "s" * 30])
def test_each_policy_is_short_enough_for_iam(stage: str) -> None:
    role = get_deploy_role(Repository="acme/app", Stage=stage)
    for document in (*role.principal.policies, *role.stage_boundary):
        assert len(json.dumps(document, separators=(",", ":"))) <= MAX_POLICY_CHARACTERS
