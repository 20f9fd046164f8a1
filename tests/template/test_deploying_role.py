"""What the role that deploys from GitHub may do to its stage, and to the rest of the account."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.iam import ACCOUNT, ADMINISTRATOR, as_list, deploying_role, may
from tests.template.compiled import ARN, Packaged
from tools.develop.templates import SWITCHES

DEPLOYING_ROLE = deploying_role(Repository="acme/clock", Stage="prod")
DEPLOYER = DEPLOYING_ROLE.principal
BOUNDED = DEPLOYER._replace(policies=[*ADMINISTRATOR.policies, *DEPLOYING_ROLE.limits])
"""A principal who may do all that the boundary and the limits admit."""

MAX_POLICY_CHARACTERS = 6_144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

OF_ACCOUNT = f"us-east-1:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
FUNCTION = f"arn:aws:lambda:{OF_ACCOUNT}:function:"
MAPPING = f"arn:aws:lambda:{OF_ACCOUNT}:event-source-mapping:6bc1c1a2-0d2f-4d0a-9c0e-5d1f6f3a7b10"
STACK = f"arn:aws:cloudformation:{OF_ACCOUNT}:stack/"
ALARM = f"arn:aws:cloudwatch:{OF_ACCOUNT}:alarm:"
LOG_GROUP = f"arn:aws:logs:{OF_ACCOUNT}:log-group:"
SECRET = f"arn:aws:secretsmanager:{OF_ACCOUNT}:secret:"
KEY = f"arn:aws:kms:{OF_ACCOUNT}:key/0d5c6f7e-8a9b-4c1d-9e2f-3a4b5c6d7e8f"
STACK_TAG = "aws:ResourceTag/aws:cloudformation:stack-name"
OWN = {STACK_TAG: "batida-ponto-prod"}
OTHERS = {STACK_TAG: "payroll"}

Asked = tuple[str, str, dict[str, str]]  # action, resource, more condition keys


def each(resource: str, *actions: str, **request: str) -> list[Asked]:
    return [(action, resource, request) for action in actions]


def on_anything(*actions: str) -> list[Asked]:
    return each("*", *actions)


STACK_CHANGES = [
    f"cloudformation:{name}"
    for name in (
        *("CancelUpdateStack", "ContinueUpdateRollback", "CreateChangeSet", "CreateStack", "DeleteChangeSet"),
        *("DeleteStack", "ExecuteChangeSet", "RollbackStack", "SetStackPolicy", "UpdateStack"),
        "UpdateTerminationProtection",
    )
]
FUNCTION_CHANGES = [
    f"lambda:{name}"
    for name in (
        *("AddPermission", "CreateAlias", "CreateFunction", "CreateFunctionUrlConfig", "DeleteFunction"),
        *("InvokeAsync", "InvokeFunction", "PublishVersion", "PutFunctionConcurrency", "PutRuntimeManagementConfig"),
        *("RemovePermission", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration"),
    )
]
BUCKET_CHANGES = ["s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObject", "s3:PutBucketPolicy", "s3:PutObject"]
MAPPING_CHANGES = ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
SECRET_USES = ["secretsmanager:GetSecretValue", "secretsmanager:PutResourcePolicy", "secretsmanager:UpdateSecret"]

DENIED: dict[str, list[Asked]] = {
    "assumes another role": [
        *each(f"{ROLE}cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-us-east-1", "sts:AssumeRole", "sts:TagSession"),
        *each(f"{ROLE}administrator", "sts:AssumeRole", "sts:SetSourceIdentity"),
        *each(f"{ROLE}batida-ponto-dev-OperatorRole-1", "sts:AssumeRole"),
        *each("arn:aws:iam::210987654321:role/batida-ponto-prod-OperatorRole-1", "sts:AssumeRole"),
        *on_anything("sts:AssumeRoot", "sts:GetFederationToken"),
    ],
    "passes a role to a service that runs code": [
        ("iam:PassRole", f"{ROLE}batida-ponto-prod-ReadRole-1", {"iam:PassedToService": f"{service}.amazonaws.com"})
        for service in ("cloudformation", "codebuild", "ec2", "ecs-tasks", "glue", "scheduler", "states")
    ],
    "passes another role": each(
        f"{ROLE}administrator", "iam:PassRole", **{"iam:PassedToService": "lambda.amazonaws.com"}
    ),
    "writes another policy, role or user": [
        *each(f"arn:aws:iam::{ACCOUNT}:policy/people", "iam:CreatePolicyVersion"),
        *each(f"arn:aws:iam::{ACCOUNT}:policy/boundaries/RoleBoundary-1", "iam:CreatePolicyVersion"),
        *each(DEPLOYER.arn, "iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"),
        *each(f"arn:aws:iam::{ACCOUNT}:user/maria", "iam:AttachUserPolicy", "iam:CreateAccessKey"),
    ],
    "another function": each(f"{FUNCTION}payroll", *FUNCTION_CHANGES),
    "a function of a stage with a longer name": each(f"{FUNCTION}batida-ponto-production-read", *FUNCTION_CHANGES),
    "feeds another function": [
        *each("*", "lambda:CreateEventSourceMapping", **{"lambda:FunctionArn": f"{FUNCTION}payroll"}),
        *each(MAPPING, *MAPPING_CHANGES, **{"lambda:FunctionArn": f"{FUNCTION}payroll"}),
    ],
    "another stack": each(f"{STACK}CDKToolkit/1", *STACK_CHANGES),
    "the stack of the deploying role": each(f"{STACK}batida-ponto-deploy-prod/1", *STACK_CHANGES),
    "all stacks": on_anything(
        *("cloudformation:ActivateType", "cloudformation:CreateStackInstances", "cloudformation:CreateStackSet"),
        *("cloudformation:CreateStackRefactor", "cloudformation:RegisterType", "cloudformation:UpdateStackSet"),
    ),
    "signs people in": on_anything(
        *("sso:CreateAccountAssignment", "sso:PutInlinePolicyToPermissionSet", "sso-directory:CreateUser"),
        *("identitystore:CreateGroupMembership", "identitystore:CreateUser", "organizations:CreateAccount"),
        *("account:PutAlternateContact", "rolesanywhere:CreateTrustAnchor", "acm-pca:IssueCertificate"),
        *("cognito-identity:SetIdentityPoolRoles", "cognito-idp:AdminSetUserPassword", "ds:ResetUserPassword"),
    ),
    "commands on machines": on_anything(
        *("ssm:SendCommand", "ssm:StartSession", "ssm:StartAutomationExecution", "ssm:GetParameter"),
        *("ssm-guiconnect:StartConnection", "ec2-instance-connect:SendSSHPublicKey", "ecs:ExecuteCommand"),
        *("lightsail:GetInstanceAccessDetails", "gamelift:GetInstanceAccess"),
    ),
    "machines": on_anything(
        *("ec2:RunInstances", "ec2:ModifyInstanceAttribute", "ec2:AssociateIamInstanceProfile"),
        *("ec2:ReplaceIamInstanceProfileAssociation", "ec2:CreateLaunchTemplateVersion", "ec2:RequestSpotInstances"),
        *("ec2:CreateReplaceRootVolumeTask", "ec2:ModifySnapshotAttribute", "autoscaling:UpdateAutoScalingGroup"),
        *("imagebuilder:StartImagePipelineExecution", "cloud9:CreateEnvironmentEC2"),
    ),
    "builds and deliveries": on_anything(
        *("codebuild:StartBuild", "codebuild:UpdateProject", "codepipeline:StartPipelineExecution"),
        *("codedeploy:CreateDeployment", "codestar-connections:UseConnection", "codecommit:GitPush"),
        *("ecr:PutImage", "amplify:StartJob", "apprunner:UpdateService", "elasticbeanstalk:UpdateEnvironment"),
        *("servicecatalog:ProvisionProduct", "proton:CreateService"),
    ),
    "code that runs by a service's role": on_anything(
        *("ecs:RunTask", "ecs:RegisterTaskDefinition", "eks:CreateAccessEntry", "batch:SubmitJob", "glue:StartJobRun"),
        *("glue:UpdateJob", "sagemaker:CreatePresignedNotebookInstanceUrl", "datapipeline:PutPipelineDefinition"),
        *("elasticmapreduce:AddJobFlowSteps", "emr-serverless:StartJobRun", "states:UpdateStateMachine"),
        *("states:StartExecution", "events:PutTargets", "scheduler:UpdateSchedule", "pipes:UpdatePipe"),
        *("airflow:CreateCliToken", "appsync:UpdateResolver", "iot:CreateKeysAndCertificate", "fis:StartExperiment"),
        *("kinesisanalytics:UpdateApplication", "synthetics:UpdateCanary", "redshift-data:ExecuteStatement"),
    ),
    "signs in to databases": on_anything(
        "rds-db:connect", "rds-data:ExecuteStatement", "redshift:GetClusterCredentials"
    ),
    "what records and watches": [
        *on_anything("cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors"),
        *on_anything("config:StopConfigurationRecorder", "config:StartRemediationExecution"),
        *on_anything("guardduty:DeleteDetector", "securityhub:DisableSecurityHub"),
        *each(f"{LOG_GROUP}cloudtrail", "logs:DeleteLogGroup"),
        *each(f"{LOG_GROUP}cloudtrail:log-stream:1", "logs:DeleteLogStream"),
        *each(f"{LOG_GROUP}/aws/lambda/batida-ponto-prod2-read", "logs:DeleteLogGroup"),
    ],
    "buckets of others": [
        *each("arn:aws:s3:::cdk-hnb659fds-assets", *BUCKET_CHANGES),
        *each("arn:aws:s3:::audit/2026/log.json.gz", "s3:DeleteObject", "s3:PutObject"),
        *on_anything("s3:PutAccountPublicAccessBlock", "s3:GetDataAccess"),
    ],
    "secrets of others": [
        *each(f"{SECRET}payroll-1", *SECRET_USES),
        *[(action, f"{SECRET}payroll-1", OTHERS) for action in SECRET_USES],
        *on_anything("secretsmanager:BatchGetSecretValue"),
    ],
    "keys of others": [
        ("kms:PutKeyPolicy", KEY, OTHERS),
        ("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "false"}),
    ],
    "what another stack made": [
        ("apigateway:PATCH", "arn:aws:apigateway:us-east-1::/restapis/a1/resources/b2/methods/POST", OTHERS),
        ("rds:ModifyDBCluster", f"arn:aws:rds:{OF_ACCOUNT}:cluster:payroll", OTHERS),
        ("sqs:SetQueueAttributes", f"arn:aws:sqs:{OF_ACCOUNT}:payroll", OTHERS),
        ("sns:AddPermission", f"arn:aws:sns:{OF_ACCOUNT}:payroll", OTHERS),
        ("cloudfront:UpdateDistribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1", OTHERS),
        ("ec2:DeleteVpc", f"arn:aws:ec2:{OF_ACCOUNT}:vpc/vpc-1", OTHERS),
    ],
    "alarms and log groups of others": [
        *each(f"{ALARM}batida-ponto-eu-dead-letters", "cloudwatch:DeleteAlarms", "cloudwatch:DisableAlarmActions"),
        *each(f"{ALARM}payroll", "cloudwatch:PutMetricAlarm", "cloudwatch:SetAlarmState"),
        *each(f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/batida-ponto-eu", "cloudwatch:DeleteDashboards"),
        *each(f"{LOG_GROUP}cloudtrail", "logs:DeleteMetricFilter", "logs:DeleteSubscriptionFilter"),
        *each(f"{LOG_GROUP}/aws/lambda/batida-ponto-eu-read", "logs:PutRetentionPolicy", "logs:PutSubscriptionFilter"),
        *on_anything("logs:PutResourcePolicy", "ec2:DeleteFlowLogs"),
    ],
    "secrets and user pools that no stack made": [
        *each(f"{SECRET}payroll-1", "secretsmanager:DeleteSecret", "secretsmanager:RotateSecret"),
        *on_anything("cognito-idp:DeleteUserPool", "cognito-idp:AddCustomAttributes"),
    ],
}


@pytest.mark.parametrize("asked", DENIED.values(), ids=DENIED.keys())
def test_the_boundary_denies_what_acts_as_or_changes_somebody_else(asked: list[Asked]) -> None:
    without = BOUNDED._replace(policies=ADMINISTRATOR.policies, boundary=None)
    trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    assert [one for one in asked if not may(without, *one[:2], policy=trust, request=one[2])] == []
    assert [one for one in asked if may(BOUNDED, *one[:2], policy=trust, request=one[2])] == []


ADMITTED: dict[str, list[Asked]] = {
    "its functions": each(f"{FUNCTION}batida-ponto-prod-read", *FUNCTION_CHANGES),
    "the mappings of its functions": [
        *each("*", "lambda:CreateEventSourceMapping", **{"lambda:FunctionArn": f"{FUNCTION}batida-ponto-prod-read"}),
        *each(MAPPING, *MAPPING_CHANGES, **{"lambda:FunctionArn": f"{FUNCTION}batida-ponto-prod-read"}),
    ],
    "its stack": [
        *each(f"{STACK}batida-ponto-prod/1", *STACK_CHANGES, "cloudformation:TagResource"),
        *each(f"{STACK}batida-ponto-prod/*", *STACK_CHANGES),
    ],
    "its buckets": [
        *each("arn:aws:s3:::batida-ponto-prod-serverlessdeploymentbucket-1", *BUCKET_CHANGES),
        *each("arn:aws:s3:::batida-ponto-prod-serverlessdeploymentbucket-1/zip", "s3:GetObject", "s3:PutObject"),
    ],
    "its secrets, keys and API": [
        *[(action, f"{SECRET}FunctionSecret-1", OWN) for action in SECRET_USES],
        *on_anything("secretsmanager:CreateSecret", "secretsmanager:GetRandomPassword", "kms:CreateKey"),
        ("kms:PutKeyPolicy", KEY, OWN),
        ("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "true"}),  # by RDS
        ("apigateway:PATCH", "arn:aws:apigateway:us-east-1::/restapis/a1", OWN),
        ("apigateway:POST", "arn:aws:apigateway:us-east-1::/restapis/a1/resources", {}),
        *each(f"arn:aws:execute-api:{OF_ACCOUNT}:a1/prod/POST/ponto", "execute-api:Invoke"),
    ],
    "its log groups": [
        *each(f"{LOG_GROUP}/aws/lambda/batida-ponto-prod-read", "logs:DeleteLogGroup"),
        *each(f"{LOG_GROUP}/aws/apigateway/batida-ponto-prod:*", "logs:DeleteLogGroup"),
        *each(f"{LOG_GROUP}/aws/lambda/batida-ponto-prod-read", "logs:CreateLogGroup", "logs:PutRetentionPolicy"),
    ],
    "its alarms and its dashboard": [
        *each(f"{ALARM}batida-ponto-prod-dead-letters", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
        *each(f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/batida-ponto-prod", "cloudwatch:PutDashboard"),
    ],
    "reading what another stack made, and its network": [
        ("kms:DescribeKey", KEY, OTHERS),
        ("rds:DescribeDBClusters", f"arn:aws:rds:{OF_ACCOUNT}:cluster:payroll", OTHERS),
        ("ec2:CreateSecurityGroup", f"arn:aws:ec2:{OF_ACCOUNT}:vpc/vpc-1", OTHERS),
    ],
    "its roles": [
        *each(f"{ROLE}batida-ponto-prod-OperatorRole-1", "sts:AssumeRole", "iam:UpdateAssumeRolePolicy"),
        *[
            ("iam:PassRole", f"{ROLE}batida-ponto-prod-ApiRole-1", {"iam:PassedToService": f"{service}.amazonaws.com"})
            for service in ("apigateway", "lambda")
        ],
    ],
    "reading": on_anything(
        *("cloudformation:DescribeStacks", "cloudformation:DescribeEvents", "cloudformation:ListStacks"),
        *("cloudformation:ValidateTemplate", "ec2:DescribeInstances", "ec2:DescribeVpcs", "iam:ListRoles"),
        *("ec2:DescribeVpcEndpointServices", "lambda:GetAccountSettings", "lambda:ListFunctions", "s3:ListBucket"),
        *("rds:DescribeDBClusters", "rds:DescribeOrderableDBInstanceOptions", "tag:GetResources"),
        *("servicequotas:GetServiceQuota", "freetier:GetAccountPlanState", "s3:ListAllMyBuckets"),
    ),
    "an express cluster": [
        *each(f"arn:aws:rds:{OF_ACCOUNT}:cluster:batida-ponto-prod", "rds:ModifyDBCluster", "rds:DeleteDBCluster"),
        *each(f"arn:aws:rds:{OF_ACCOUNT}:db:batida-ponto-prod-instance-1", "rds:ModifyDBInstance"),
        *each(f"arn:aws:rds:{OF_ACCOUNT}:cluster-pg:default.aurora-postgresql17", "rds:ModifyDBCluster"),
        *each(f"arn:aws:rds:{OF_ACCOUNT}:og:default:aurora-postgresql-17", "rds:ModifyDBCluster"),
    ],
    "a cluster that it made under a shortened name": [
        ("rds:DeleteDBCluster", f"arn:aws:rds:{OF_ACCOUNT}:cluster:batida-ponto-pr-databasecluster-1", OWN),
    ],
}


@pytest.mark.parametrize("asked", ADMITTED.values(), ids=ADMITTED.keys())
def test_the_deploying_role_may_change_its_own_stage_and_read(asked: list[Asked]) -> None:
    trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    assert [one for one in asked if not may(DEPLOYER, *one[:2], policy=trust, request=one[2])] == []


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
def test_the_boundary_admits_all_that_cloudformation_needs_for_a_stage(whole: Packaged, parameters: list[str]) -> None:
    own = {
        "cloudwatch": f"{ALARM}batida-ponto-prod-dead-letters",
        "iam": f"{ROLE}batida-ponto-prod-ReadRole-1",
        "lambda": f"{FUNCTION}batida-ponto-prod-read",
        "logs": f"{LOG_GROUP}/aws/lambda/batida-ponto-prod-read",
        "s3": "arn:aws:s3:::batida-ponto-prod-sitebucket-1",
    }
    request = {"lambda:FunctionArn": own["lambda"], "iam:PassedToService": "lambda.amazonaws.com"}
    request |= {"kms:GrantIsForAWSResource": "true"}
    asked = set()
    for kind in {resource["Type"] for resource in whole("prod", *parameters).template().resources.values()}:
        asked |= {(action, own.get(action.partition(":")[0], "*")) for action in handler_actions(kind)}
    assert len(asked) > 100
    assert {one for one in asked if not may(BOUNDED, *one, request=request | OWN)} == set()


@cache
def handler_actions(kind: str) -> frozenset[str]:
    """Return what CloudFormation's handlers of a resource's type call, except for users and groups."""
    handlers: Any = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    names = ("create", "read", "update", "delete")
    actions = {action.strip() for name in names for action in handlers.get(name, {}).get("permissions", [])}
    return frozenset(action for action in actions if not action.endswith(("UserPolicy", "GroupPolicy")))


READS = ("batchdescribe", "describe", "detect", "estimate", "filter", "get", "list", "validate")
HARMLESS = {  # that are no reads, and change nobody else's stack or function
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
def test_each_other_action_of_these_services_is_denied_on_what_belongs_to_others(service: str) -> None:
    others = f"arn:aws:{service}:{OF_ACCOUNT}:payroll"
    names = {name for name in known_actions()[service] if not name.startswith(READS)}
    request = {"lambda:FunctionArn": f"{FUNCTION}payroll"}
    admitted = {name for name in names if may(BOUNDED, f"{service}:{name}", others, request=request)}
    assert admitted == HARMLESS[service] & names


@pytest.mark.parametrize(
    "service",
    [
        *("apigateway", "cloudfront", "cloudwatch", "cognito-idp", "dynamodb", "kms"),
        *("rds", "secretsmanager", "sns", "sqs"),
    ],
)
def test_each_action_that_is_no_read_is_denied_on_what_another_stack_made(service: str) -> None:
    others = f"arn:aws:{service}:{OF_ACCOUNT}:batida-ponto-eu"
    names = {name for name in known_actions()[service] if not name.startswith(READS)}
    assert len(names) > 10
    assert {name for name in names if may(BOUNDED, f"{service}:{name}", others, request=OTHERS)} == set()


CREATE_IN_RDS = (
    "add",
    "authorize",
    "cancel",
    "create",
    "crossregion",
    "deregister",
    "download",
    "purchase",
    "register",
)


@pytest.mark.parametrize("name", ["cluster:batida-ponto-eu", "cluster:batida-ponto-production", "db:payroll-1"])
def test_a_database_without_a_stack_is_changed_by_its_own_stage_only(name: str) -> None:
    others = f"arn:aws:rds:{OF_ACCOUNT}:{name}"
    names = {each for each in known_actions()["rds"] if not each.startswith((*READS, *CREATE_IN_RDS, "revoke"))}
    names |= {"addroletodbcluster", "createdbclustersnapshot", "createdbsnapshot"}
    assert len(names) > 60
    assert {each for each in names if may(BOUNDED, f"rds:{each}", others)} == set()


@pytest.mark.parametrize("stage", ["deploy", "deploy-prod"])
def test_no_stage_has_the_name_of_a_deploying_roles_stack(stage: str) -> None:
    assert deploying_role(Repository="acme/clock", Stage=f"my-{stage}")
    with pytest.raises(ValueError, match="Stage does not match"):
        deploying_role(Repository="acme/clock", Stage=stage)


def test_each_action_that_the_boundary_names_exists() -> None:
    named = {
        action
        for document in (*(DEPLOYER.boundary or []), *DEPLOYING_ROLE.limits)
        for statement in document["Statement"]
        if statement["Effect"] == "Deny"
        for action in as_list(statement.get("Action") or statement["NotAction"])
    }
    assert len(named) > 150
    for action in named:
        service, _, pattern = action.lower().partition(":")
        assert [name for name in known_actions()[service] if name.startswith(pattern.rstrip("*"))], action


@cache
def known_actions() -> dict[str, set[str]]:
    """Return the actions of each service of AWS, in lower case."""
    known = json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text())
    return {service: set(found["Actions"]) for service, found in known.items()}


@pytest.mark.parametrize("stage", ["prod", "s" * 30])
def test_each_policy_is_short_enough_for_iam(stage: str) -> None:
    role = deploying_role(Repository="acme/clock", Stage=stage)
    for document in (*(role.principal.boundary or []), *role.limits, *role.stages_boundary):
        assert len(json.dumps(document, separators=(",", ":"))) <= MAX_POLICY_CHARACTERS
