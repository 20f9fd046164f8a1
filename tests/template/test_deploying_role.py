"""Permissions of the role that deploys from GitHub, on its stage and on the rest of the account."""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.iam import ACCOUNT, ADMINISTRATOR, Principal, as_list, get_deploy_role, is_allowed, trusts_token
from tests.template.compiled import ARN, PackageStage
from tools.develop.templates import SWITCHES

DEPLOY_ROLE = get_deploy_role(Repository="acme/app", Stage="prod")
DEPLOYER = DEPLOY_ROLE.principal
BOUNDED = DEPLOYER._replace(policies=[*ADMINISTRATOR.policies, *DEPLOY_ROLE.limits])
"""Principal with all permissions that the boundary and the limits allow."""

MAX_POLICY_CHARACTERS = 6_144
"""Quota of IAM: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

REGION_AND_ACCOUNT = f"us-east-1:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
FUNCTION = f"arn:aws:lambda:{REGION_AND_ACCOUNT}:function:"
MAPPING = f"arn:aws:lambda:{REGION_AND_ACCOUNT}:event-source-mapping:6bc1c1a2-0d2f-4d0a-9c0e-5d1f6f3a7b10"
STACK = f"arn:aws:cloudformation:{REGION_AND_ACCOUNT}:stack/"
ALARM = f"arn:aws:cloudwatch:{REGION_AND_ACCOUNT}:alarm:"
RDS = f"arn:aws:rds:{REGION_AND_ACCOUNT}:"
RDS_USER = f"arn:aws:rds-db:{REGION_AND_ACCOUNT}:dbuser:cluster-1/"
LOG_GROUP = f"arn:aws:logs:{REGION_AND_ACCOUNT}:log-group:"
SECRET = f"arn:aws:secretsmanager:{REGION_AND_ACCOUNT}:secret:"
KEY = f"arn:aws:kms:{REGION_AND_ACCOUNT}:key/0d5c6f7e-8a9b-4c1d-9e2f-3a4b5c6d7e8f"
STACK_TAG = "aws:ResourceTag/aws:cloudformation:stack-name"
OWN_STACK = {STACK_TAG: "batida-ponto-prod"}
OTHER_STACK = {STACK_TAG: "payroll"}
BOUNDARY_CONDITION = {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:the-RoleBoundary"}

ActionRequest = tuple[str, str, dict[str, str]]  # action, resource, additional condition keys


def requests_on(resource: str, *actions: str, **request: str) -> list[ActionRequest]:
    return [(action, resource, request) for action in actions]


def requests_on_any_resource(*actions: str) -> list[ActionRequest]:
    return requests_on("*", *actions)


BUCKET_CHANGES = ["s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObject", "s3:PutBucketPolicy", "s3:PutObject"]
FUNCTION_CHANGES = [
    "lambda:AddPermission",
    "lambda:CreateFunction",
    "lambda:InvokeFunction",
    "lambda:UpdateFunctionCode",
]
MAPPING_CHANGES = ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
SECRET_USES = ["secretsmanager:GetSecretValue", "secretsmanager:PutResourcePolicy", "secretsmanager:UpdateSecret"]
STACK_CHANGES = [
    f"cloudformation:{name}"
    for name in ("CreateStack", "DeleteStack", "ExecuteChangeSet", "SetStackPolicy", "UpdateStack")
]

PREVIEW_CALLS = [
    f"cloudformation:{name}"
    for name in ("CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet", "DescribeEvents", "DescribeStacks")
]

# Denied requests, in addition to those that the tests below check for every action of a service.
DENIED: dict[str, list[ActionRequest]] = {
    "assume a role of another stage or account": [
        *requests_on(f"{ROLE}batida-ponto-dev-OperatorRole-1", "sts:AssumeRole"),
        *requests_on("arn:aws:iam::210987654321:role/batida-ponto-prod-OperatorRole-1", "sts:AssumeRole"),
    ],
    "pass a role to a service that runs code": [
        ("iam:PassRole", f"{ROLE}batida-ponto-prod-ReadRole-1", {"iam:PassedToService": f"{service}.amazonaws.com"})
        for service in ("cloudformation", "codebuild", "ec2", "ecs-tasks", "glue", "scheduler", "states")
    ],
    "pass another role": requests_on(
        f"{ROLE}administrator", "iam:PassRole", **{"iam:PassedToService": "lambda.amazonaws.com"}
    ),
    "change another policy, role or user": [
        *requests_on(f"arn:aws:iam::{ACCOUNT}:policy/people", "iam:CreatePolicyVersion"),
        *requests_on(f"arn:aws:iam::{ACCOUNT}:policy/boundaries/RoleBoundary-1", "iam:CreatePolicyVersion"),
        *requests_on(
            DEPLOYER.arn, "iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"
        ),
        *requests_on(f"arn:aws:iam::{ACCOUNT}:user/maria", "iam:AttachUserPolicy", "iam:CreateAccessKey"),
    ],
    "change a function of a stage with a longer name": requests_on(
        f"{FUNCTION}batida-ponto-production-read", *FUNCTION_CHANGES
    ),
    "send events to another function": [
        *requests_on("*", "lambda:CreateEventSourceMapping", **{"lambda:FunctionArn": f"{FUNCTION}payroll"}),
        *requests_on(MAPPING, *MAPPING_CHANGES, **{"lambda:FunctionArn": f"{FUNCTION}payroll"}),
    ],
    "preview another stage": [
        *requests_on(
            f"{STACK}preview-batida-ponto-dev/1", "cloudformation:CreateChangeSet", "cloudformation:DeleteStack"
        ),
        *requests_on(f"{STACK}preview-batida-ponto-prod-eu/1", "cloudformation:CreateChangeSet"),
    ],
    "change the stack of the deploying role": requests_on(f"{STACK}batida-ponto-deploy-prod/1", *STACK_CHANGES),
    "sign in to accounts or databases": requests_on_any_resource(
        *("sso:CreateAccountAssignment", "sso-directory:CreateUser", "identitystore:CreateUser"),
        *("organizations:CreateAccount", "account:PutAlternateContact", "rolesanywhere:CreateTrustAnchor"),
        *("acm-pca:IssueCertificate", "cognito-identity:SetIdentityPoolRoles", "cognito-idp:AdminSetUserPassword"),
        *("ds:ResetUserPassword", "rds-db:connect", "rds-data:ExecuteStatement", "redshift:GetClusterCredentials"),
    ),
    "run code on machines": requests_on_any_resource(
        *("ssm:SendCommand", "ssm-guiconnect:StartConnection", "ec2-instance-connect:SendSSHPublicKey"),
        *("lightsail:GetInstanceAccessDetails", "gamelift:GetInstanceAccess", "autoscaling:UpdateAutoScalingGroup"),
        *("imagebuilder:StartImagePipelineExecution", "cloud9:CreateEnvironmentEC2", "ec2:RunInstances"),
        *("ec2:ModifyInstanceAttribute", "ec2:AssociateIamInstanceProfile", "ec2:CreateLaunchTemplateVersion"),
        *("ec2:ReplaceIamInstanceProfileAssociation", "ec2:RequestSpotInstances", "ec2:ModifySnapshotAttribute"),
        "ec2:CreateReplaceRootVolumeTask",
    ),
    "build, deliver or run code with a service's role": requests_on_any_resource(
        *("codebuild:StartBuild", "codepipeline:StartPipelineExecution", "codedeploy:CreateDeployment"),
        *("codestar-connections:UseConnection", "codecommit:GitPush", "ecr:PutImage", "amplify:StartJob"),
        *("apprunner:UpdateService", "elasticbeanstalk:UpdateEnvironment", "servicecatalog:ProvisionProduct"),
        *("proton:CreateService", "ecs:RunTask", "eks:CreateAccessEntry", "batch:SubmitJob", "glue:StartJobRun"),
        *("sagemaker:CreatePresignedNotebookInstanceUrl", "datapipeline:PutPipelineDefinition"),
        *("elasticmapreduce:AddJobFlowSteps", "emr-serverless:StartJobRun", "states:StartExecution"),
        *("events:PutTargets", "scheduler:UpdateSchedule", "pipes:UpdatePipe", "airflow:CreateCliToken"),
        *("appsync:UpdateResolver", "iot:CreateKeysAndCertificate", "fis:StartExperiment"),
        *("kinesisanalytics:UpdateApplication", "synthetics:UpdateCanary", "redshift-data:ExecuteStatement"),
    ),
    "change logging and monitoring": [
        *requests_on_any_resource(
            "cloudtrail:StopLogging", "config:StopConfigurationRecorder", "guardduty:DeleteDetector"
        ),
        *requests_on_any_resource("securityhub:DisableSecurityHub", "logs:PutResourcePolicy", "ec2:DeleteFlowLogs"),
        *requests_on(f"{LOG_GROUP}/aws/lambda/batida-ponto-prod2-read", "logs:DeleteLogGroup"),
        *requests_on(
            f"{ALARM}batida-ponto-eu-dead-letters", "cloudwatch:DeleteAlarms", "cloudwatch:DisableAlarmActions"
        ),
    ],
    "change other buckets": [
        *requests_on("arn:aws:s3:::cdk-hnb659fds-assets", *BUCKET_CHANGES),
        *requests_on("arn:aws:s3:::audit/2026/log.json.gz", "s3:DeleteObject", "s3:PutObject"),
        *requests_on_any_resource("s3:PutAccountPublicAccessBlock", "s3:GetDataAccess"),
    ],
    "change secrets, user pools, keys and networks of other stacks": [
        *requests_on(f"{SECRET}payroll-1", *SECRET_USES, "secretsmanager:DeleteSecret", "secretsmanager:RotateSecret"),
        *requests_on_any_resource("secretsmanager:BatchGetSecretValue"),
        *requests_on_any_resource("cognito-idp:DeleteUserPool", "cognito-idp:AddCustomAttributes"),
        ("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "false"}),
        ("ec2:DeleteVpc", f"arn:aws:ec2:{REGION_AND_ACCOUNT}:vpc/vpc-1", OTHER_STACK),
    ],
}


@pytest.mark.parametrize("requests", DENIED.values(), ids=DENIED.keys())
def test_boundary_denies_acting_as_others_and_changing_their_resources(requests: list[ActionRequest]) -> None:
    without_boundary = BOUNDED._replace(policies=ADMINISTRATOR.policies, boundary=None)
    trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    assert [
        request
        for request in requests
        if not is_allowed(without_boundary, *request[:2], policy=trust, request=request[2])
    ] == []
    assert [
        request for request in requests if is_allowed(BOUNDED, *request[:2], policy=trust, request=request[2])
    ] == []


# Allowed requests, in addition to those of CloudFormation.
ALLOWED: dict[str, list[ActionRequest]] = {
    "its stack": [
        *requests_on(f"{STACK}batida-ponto-prod/1", *STACK_CHANGES, "cloudformation:TagResource"),
        *requests_on(f"{STACK}batida-ponto-prod/*", *STACK_CHANGES),
        *requests_on(f"{STACK}batida-ponto-prod/1", "cloudformation:DescribeEvents", "cloudformation:ListChangeSets"),
    ],
    "a preview of its stack, deployed or new": [
        *requests_on(f"{STACK}batida-ponto-prod/1", *PREVIEW_CALLS, "cloudformation:GetTemplate"),
        *requests_on(f"{STACK}preview-batida-ponto-prod/1", *PREVIEW_CALLS, "cloudformation:DeleteStack"),
        *requests_on(f"{STACK}preview-batida-ponto-prod/*", *PREVIEW_CALLS, "cloudformation:DeleteStack"),
        *requests_on("arn:aws:s3:::batida-ponto-prod-preview-012345", "s3:CreateBucket", "s3:DeleteBucket"),
        *requests_on(
            "arn:aws:s3:::batida-ponto-prod-preview-012345/preview/template.json",
            *("s3:PutObject", "s3:GetObject", "s3:DeleteObject"),
        ),
    ],
    "its buckets, functions, secrets and API": [
        *requests_on("arn:aws:s3:::batida-ponto-prod-serverlessdeploymentbucket-1/zip", "s3:GetObject", "s3:PutObject"),
        *requests_on(f"{FUNCTION}batida-ponto-prod-read", *FUNCTION_CHANGES),
        ("secretsmanager:GetSecretValue", f"{SECRET}FunctionSecret-1", OWN_STACK),
        *requests_on(f"arn:aws:execute-api:{REGION_AND_ACCOUNT}:a1/prod/POST/ponto", "execute-api:Invoke"),
    ],
    "its log groups and its dashboard": [
        *requests_on(f"{LOG_GROUP}/aws/apigateway/batida-ponto-prod:*", "logs:DeleteLogGroup"),
        *requests_on(f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/batida-ponto-prod", "cloudwatch:PutDashboard"),
    ],
    "reading resources of another stack, and using its network": [
        ("kms:DescribeKey", KEY, OTHER_STACK),
        ("rds:DescribeDBClusters", f"{RDS}cluster:payroll", OTHER_STACK),
        ("ec2:CreateSecurityGroup", f"arn:aws:ec2:{REGION_AND_ACCOUNT}:vpc/vpc-1", OTHER_STACK),
    ],
    "its roles": requests_on(f"{ROLE}batida-ponto-prod-OperatorRole-1", "sts:AssumeRole", "iam:UpdateAssumeRolePolicy"),
    "reading": requests_on_any_resource(
        *("cloudformation:DescribeStacks", "cloudformation:ListStacks", "cloudformation:ValidateTemplate"),
        *("ec2:DescribeVpcs", "ec2:DescribeVpcEndpointServices", "iam:ListRoles", "lambda:GetAccountSettings"),
        *("rds:DescribeDBClusters", "rds:DescribeOrderableDBInstanceOptions", "servicequotas:GetServiceQuota"),
        *("freetier:GetAccountPlanState", "s3:ListAllMyBuckets", "tag:GetResources", "ec2:DescribeTags"),
        "lambda:GetFunctionConfiguration",
    ),
    "an express cluster": [
        *requests_on(
            f"{RDS}cluster:batida-ponto-prod", "rds:CreateDBCluster", "rds:ModifyDBCluster", "rds:DeleteDBCluster"
        ),
        *requests_on(f"{RDS}cluster:batida-ponto-prod", "rds:EnableInternetAccessGateway", "rds:AddTagsToResource"),
        *requests_on(f"{RDS}db:batida-ponto-prod-instance-1", "rds:CreateDBInstance", "rds:ModifyDBInstance"),
        *requests_on(f"{RDS}db:batida-ponto-prod-instance-1", "rds:RebootDBInstance", "rds:DeleteDBInstance"),
        *requests_on(f"{RDS}cluster-pg:batida-ponto-prod", "rds:CreateDBClusterParameterGroup"),
        *requests_on(f"{RDS}cluster-pg:batida-ponto-prod", "rds:ModifyDBClusterParameterGroup"),
        *requests_on(f"{RDS}cluster-pg:batida-ponto-prod", "rds:DeleteDBClusterParameterGroup"),
        *requests_on(f"{RDS}cluster-pg:default.aurora-postgresql17", "rds:ModifyDBCluster"),
        *requests_on(f"{RDS}og:default:aurora-postgresql-17", "rds:ModifyDBCluster"),
        *requests_on(f"{ROLE}aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", "iam:CreateServiceLinkedRole"),
    ],
    "a cluster of the stack with a shortened name": [
        ("rds:DeleteDBCluster", f"{RDS}cluster:batida-ponto-pr-databasecluster-1", OWN_STACK),
    ],
}


@pytest.mark.parametrize("requests", ALLOWED.values(), ids=ALLOWED.keys())
def test_the_deploying_role_may_change_its_own_stage_and_read(requests: list[ActionRequest]) -> None:
    trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    assert [
        request for request in requests if not is_allowed(DEPLOYER, *request[:2], policy=trust, request=request[2])
    ] == []


@pytest.mark.parametrize(
    "parameters",
    [
        ["tracing=true", "accessLogs=true", *SWITCHES],
        ["dbLogin=secret"],
        ["database=express"],
        ["database=existing", f"dbSecretArn={ARN}"],
    ],
    ids=" ".join,
)
def test_deploying_role_may_do_everything_cloudformation_does_for_a_stage(
    package_with_slices: PackageStage, parameters: list[str]
) -> None:
    stage_resources = {
        "cloudwatch": [f"{ALARM}batida-ponto-prod-dead-letters"],
        "iam": [f"{ROLE}batida-ponto-prod-ReadRole-1", f"arn:aws:iam::{ACCOUNT}:policy/batida-ponto-prod-ReadPolicy-1"],
        "lambda": [f"{FUNCTION}batida-ponto-prod-read"],
        "logs": [f"{LOG_GROUP}/aws/lambda/batida-ponto-prod-read"],
        "s3": ["arn:aws:s3:::batida-ponto-prod-sitebucket-1"],
    }
    request = {"lambda:FunctionArn": stage_resources["lambda"][0], "iam:PassedToService": "lambda.amazonaws.com"}
    request |= {"kms:GrantIsForAWSResource": "true"} | BOUNDARY_CONDITION | OWN_STACK
    types = {resource["Type"] for resource in package_with_slices("prod", *parameters).template().resources.values()}
    actions = {action for resource_type in types for action in handler_actions(resource_type)}
    assert len(actions) > 100

    def deployer_may(action: str) -> bool:
        resources = stage_resources.get(action.partition(":")[0], ["*"])
        return any(is_allowed(DEPLOYER, action, resource, request=request) for resource in resources)

    # The first action would remove a role's boundary; CloudFormation calls UpdateRole instead of the second.
    assert {action for action in actions if not deployer_may(action)} == {
        "iam:DeleteRolePermissionsBoundary",
        "iam:UpdateRoleDescription",
    }


@cache
def handler_actions(resource_type: str) -> frozenset[str]:
    """Return the actions that CloudFormation's handlers of a resource type call, except those on users and groups."""
    handlers: Any = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema["handlers"]
    names = ("create", "read", "update", "delete")
    actions = {action.strip() for name in names for action in handlers.get(name, {}).get("permissions", [])}
    return frozenset(action for action in actions if not action.endswith(("UserPolicy", "GroupPolicy")))


READS = ("batchdescribe", "describe", "detect", "estimate", "filter", "get", "list", "validate")
CREATES = (
    *("add", "authorize", "cancel", "create", "crossregion", "deregister", "download", "purchase", "register"),
    "revoke",
)
HARMLESS = {  # actions that write, but change no stack or function of others
    "cloudformation": {"recordhandlerprogress", "startresourcescan", "tagresource", "untagresource"},
    "lambda": {"tagresource", "untagresource"},
    "sts": set[str](),
    "cloudwatch": {
        *("batchgetservicelevelindicatorreport", "batchgetservicelevelobjectivebudgetreport", "querytraces"),
        *("generatequery", "generatequeryresultssummary", "searchprincipals", "submitalarmfeedback", "submitfeedback"),
    },
    "logs": {
        *("integratewithdataset", "integratewiths3table", "processwithpipeline", "startlivetail", "startquery"),
        *("stoplivetail", "stopquery", "testmetricfilter", "testtransformer", "unmask", "createdelivery"),
        *("createexporttask", "createimporttask", "createloganomalydetector", "createlogdelivery"),
        *("createlookuptable", "createscheduledquery"),
    },
}


@pytest.mark.parametrize("service", HARMLESS)
def test_every_other_write_of_these_services_is_denied_on_resources_of_others(service: str) -> None:
    other_resource = f"arn:aws:{service}:{REGION_AND_ACCOUNT}:payroll"
    names = {name for name in service_actions()[service] if not name.startswith(READS)}
    request = {"lambda:FunctionArn": f"{FUNCTION}payroll"}
    allowed = {name for name in names if is_allowed(BOUNDED, f"{service}:{name}", other_resource, request=request)}
    assert allowed == HARMLESS[service] & names


@pytest.mark.parametrize(
    "service",
    [
        *("apigateway", "cloudfront", "cloudwatch", "cognito-idp", "dynamodb", "kms"),
        *("rds", "secretsmanager", "sns", "sqs"),
    ],
)
def test_every_write_is_denied_on_resources_of_another_stack(service: str) -> None:
    other_resource = f"arn:aws:{service}:{REGION_AND_ACCOUNT}:batida-ponto-eu"
    names = {name for name in service_actions()[service] if not name.startswith(READS)}
    assert len(names) > 10
    assert {
        name for name in names if is_allowed(BOUNDED, f"{service}:{name}", other_resource, request=OTHER_STACK)
    } == set()


@pytest.mark.parametrize("name", ["cluster:batida-ponto-eu", "cluster:batida-ponto-production", "db:payroll-1"])
def test_database_outside_a_stack_is_changed_by_its_own_stage_only(name: str) -> None:
    other_resource = f"{RDS}{name}"
    actions = {action for action in service_actions()["rds"] if not action.startswith((*READS, *CREATES))}
    actions |= {"addroletodbcluster", "createdbclustersnapshot", "createdbsnapshot"}
    assert len(actions) > 60
    assert {action for action in actions if is_allowed(BOUNDED, f"rds:{action}", other_resource)} == set()


def test_deploying_role_grants_permissions_only_to_roles_with_the_boundary() -> None:
    role = f"{ROLE}batida-ponto-prod-ReadRole-1"
    for action in ("AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"):
        assert is_allowed(DEPLOYER, f"iam:{action}", role, request=BOUNDARY_CONDITION)
        assert not is_allowed(DEPLOYER, f"iam:{action}", role)
    assert not is_allowed(DEPLOYER, "iam:DeleteRolePermissionsBoundary", role, request=BOUNDARY_CONDITION)


def test_roles_of_a_stage_are_limited_to_its_resources_with_these_exceptions() -> None:
    (boundary,) = DEPLOY_ROLE.stage_boundary
    assert {statement["Effect"] for statement in boundary["Statement"]} == {"Allow"}
    actions_on_other_resources = {
        action
        for statement in boundary["Statement"]
        if not all(re.search(r"[:/]batida-ponto-prod[-/]|:\*/prod/\*$", arn) for arn in as_list(statement["Resource"]))
        for action in statement["Action"]
    }
    assert actions_on_other_resources == {
        *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
        *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
        *("secretsmanager:GetSecretValue", "kms:Decrypt", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        "rds-db:connect",
    }
    assert not is_allowed(Principal("", ADMINISTRATOR.policies, [boundary]), "rds-db:connect", f"{RDS_USER}payroll")


NAME_SUBJECT = "repo:acme/app:environment:prod"
# GitHub uses this form for repositories that were created, renamed or transferred since 2026-07-15.
ID_SUBJECT = "repo:acme@11/app@22:environment:prod"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [({}, {NAME_SUBJECT}), ({"OwnerId": "11", "RepositoryId": "22"}, {NAME_SUBJECT, ID_SUBJECT})],
)
def test_deploying_role_trusts_only_this_repositorys_environment(ids: dict[str, str], expected: set[str]) -> None:
    trust = get_deploy_role(Repository="acme/app", **ids).trust
    other_subjects = [subject.replace("prod", "dev") for subject in (NAME_SUBJECT, ID_SUBJECT)]
    other_subjects += [
        "repo:acme@11/app@23:environment:prod",
        "repo:acme@12/app@22:environment:prod",
        "repo:acme/app",
    ]
    subjects = {NAME_SUBJECT, ID_SUBJECT, *other_subjects}
    key = "token.actions.githubusercontent.com"
    claims = {subject: {f"{key}:sub": subject, f"{key}:aud": "sts.amazonaws.com"} for subject in subjects}
    assert {subject for subject in subjects if trusts_token(trust, claims[subject])} == expected
    assert not trusts_token(trust, claims[NAME_SUBJECT] | {f"{key}:aud": "https://example.com"})


def test_owner_id_and_repository_id_go_together() -> None:
    for name in ("OwnerId", "RepositoryId"):
        with pytest.raises(ValueError, match="Set both OwnerId and RepositoryId, or neither"):
            get_deploy_role(Repository="acme/app", **{name: "11"})


@pytest.mark.parametrize("stage", ["deploy", "deploy-prod"])
def test_stage_name_must_not_clash_with_a_deploying_roles_stack(stage: str) -> None:
    assert get_deploy_role(Repository="acme/app", Stage=f"my-{stage}")
    with pytest.raises(ValueError, match="Stage does not match"):
        get_deploy_role(Repository="acme/app", Stage=stage)


def test_each_action_that_the_boundary_names_exists() -> None:
    denied_actions = {
        action
        for document in (*(DEPLOYER.boundary or []), *DEPLOY_ROLE.limits)
        for statement in document["Statement"]
        if statement["Effect"] == "Deny"
        for action in as_list(statement.get("Action") or statement["NotAction"])
    }
    assert len(denied_actions) > 150
    for action in denied_actions:
        service, _, pattern = action.lower().partition(":")
        assert [name for name in service_actions()[service] if name.startswith(pattern.rstrip("*"))], action


@cache
def service_actions() -> dict[str, set[str]]:
    """Return the actions of each AWS service in lower case."""
    services = json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text())
    return {service: set(policy["Actions"]) for service, policy in services.items()}


@pytest.mark.parametrize("stage", ["prod", "s" * 30])
def test_each_policy_is_short_enough_for_iam(stage: str) -> None:
    role = get_deploy_role(Repository="acme/app", Stage=stage)
    for document in (*(role.principal.boundary or []), *role.limits, *role.stage_boundary):
        assert len(json.dumps(document, separators=(",", ":"))) <= MAX_POLICY_CHARACTERS
