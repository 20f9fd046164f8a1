"""The boundary and the narrowing of a stage that the role of `.github/deploy-role.yml` deploys.

The stack of that role is called SERVICE-deploy-STAGE.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit import stage_parameters
from tools.kit.osls import DATABASE_CLUSTER, drain_name, find_stack_by_name, has_resource, service, stack_name
from tools.kit.output import print_status
from tools.kit.target import explain

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation import CloudFormationClient

_PARAMETER = "permissionsBoundary"
_NO_VALUE = {"Ref": "AWS::NoValue"}  # what the template has without a boundary
_NO_VPC = "vpc-none"  # admits functions outside VPCs only


def role_stack_name(stage: str) -> str:
    """Return the name of the stack of the role that deploys a stage."""
    return f"{service()}-deploy-{stage}"


def add_boundary(cloudformation: "CloudFormationClient", stage: str, params: Sequence[str]) -> Sequence[str]:
    """Return a deploy's parameters, with the boundary of the deploying role's stack if there is one.

    A boundary that the parameters or the stage name is kept. Without the boundary, the deploying role could remove the
    limits of the stage's roles.
    """
    if _PARAMETER in stage_parameters.stages().get(stage, {}) or any(
        param.startswith(f"{_PARAMETER}=") for param in params
    ):
        return params
    try:
        stack = find_stack_by_name(cloudformation, role_stack_name(stage))
    except ClientError as error:  # the role that deploys from GitHub names its boundary and may not look it up
        print_status(f"not looked up: the permissions boundary of {role_stack_name(stage)} ({explain(error)})")
        return params
    outputs = {output["OutputKey"]: output["OutputValue"] for output in (stack.get("Outputs", []) if stack else [])}
    if "BoundaryArn" not in outputs:
        return params
    print_status(f"{_PARAMETER}: that of the stack {role_stack_name(stage)}")
    return [*params, f"{_PARAMETER}={outputs['BoundaryArn']}"]


def has_boundary(template: Mapping[str, Any]) -> bool:
    """Return whether a role of a template has a permissions boundary."""
    boundaries = (
        resource.get("Properties", {}).get("PermissionsBoundary") for resource in template["Resources"].values()
    )
    return any(boundary not in (None, _NO_VALUE) for boundary in boundaries)


def describe_removal(cloudformation: "CloudFormationClient", stage: str) -> str | None:
    """Return why a template without a boundary is refused; None if the deployed roles have none either."""
    if not has_boundary(cloudformation.get_template(StackName=stack_name(stage))["TemplateBody"]):
        return None
    return (
        f"The deployed roles of {stack_name(stage)} have a permissions boundary, and this deploy would remove it. "
        f"Deploy with --param {_PARAMETER}=ARN, or set {_PARAMETER} for the stage in resources/parameters.yml."
    )


def print_narrowing(session: "boto3.Session", stage: str) -> None:
    """Print the command that limits the deploying role to a deployed stage's cluster and VPC, unless that was done."""
    try:
        stack = find_stack_by_name(session.client("cloudformation"), role_stack_name(stage))
        set_parameters = stack.get("Parameters", []) if stack else []
        values = {parameter.get("ParameterKey"): parameter.get("ParameterValue") for parameter in set_parameters}
        overrides = []
        if values.get("ClusterResourceId") == "*" and (resource_id := _find_cluster_resource_id(session, stage)):
            overrides.append(f"ClusterResourceId={resource_id}")
        if values.get("VpcId") == "*":
            function = session.client("lambda").get_function_configuration(FunctionName=drain_name(stage))
            overrides.append(f"VpcId={function.get('VpcConfig', {}).get('VpcId') or _NO_VPC}")
    except (BotoCoreError, ClientError) as error:
        print_status(f"not looked up: what narrows the deploying role ({explain(error)})")
        return
    if overrides:
        print_status(
            "Narrow the role that deploys from GitHub (docs/deploy.md#deploy-from-github):",
            f"  aws cloudformation deploy --stack-name {role_stack_name(stage)} --template-file "
            f".github/deploy-role.yml --capabilities CAPABILITY_IAM --parameter-overrides {' '.join(overrides)} "
            f"--region {session.region_name}",
        )


def _find_cluster_resource_id(session: "boto3.Session", stage: str) -> str | None:
    """Return the resource id of the cluster or instance that a deployed stage uses; None if it is unknown."""
    cloudformation, stack = session.client("cloudformation"), stack_name(stage)
    template = json.dumps(cloudformation.get_template(StackName=stack)["TemplateBody"])
    if outside_stack := re.search(r"dbuser:((?:cluster|db|prx)-\w+)/", template):  # in the roles, with login by IAM
        return outside_stack[1]
    if not has_resource(cloudformation, stack, DATABASE_CLUSTER):
        return None
    resource = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=DATABASE_CLUSTER)
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    clusters = session.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    return str(clusters[0]["DbClusterResourceId"])
