"""Resources with the tags of a stage's stack that are in no stack.

A failed deploy left them, or they stayed when the stage was removed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from tools.kit.osls import DATABASE_CLUSTER, is_missing
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3

DELETE_COMMANDS = {
    "lambda:event-source-mapping": "lambda delete-event-source-mapping --uuid {name}",
    "lambda:function": "lambda delete-function --function-name {name}",
    "rds:db": "rds delete-db-instance --db-instance-identifier {name}",
    "rds:cluster": "rds delete-db-cluster --db-cluster-identifier {name} --final-db-snapshot-identifier {name}-final",
    "rds:subgrp": "rds delete-db-subnet-group --db-subnet-group-name {name}",
    "rds:cluster-pg": "rds delete-db-cluster-parameter-group --db-cluster-parameter-group-name {name}",
    "ec2:vpc-endpoint": "ec2 delete-vpc-endpoints --vpc-endpoint-ids {name}",
    "ec2:security-group": "ec2 delete-security-group --group-id {name}",
    "ec2:subnet": "ec2 delete-subnet --subnet-id {name}",
    "ec2:vpc": "ec2 delete-vpc --vpc-id {name}",
    "apigateway:restapis": "apigateway delete-rest-api --rest-api-id {name}",
    "apigateway:usageplans": "apigateway delete-usage-plan --usage-plan-id {name}",
    "apigateway:apikeys": "apigateway delete-api-key --api-key {name}",
    "cloudwatch:alarm": "cloudwatch delete-alarms --alarm-names {name}",
    "sns": "sns delete-topic --topic-arn {arn}",
    "kms:key": "kms schedule-key-deletion --key-id {name}",
    "logs:log-group": "logs delete-log-group --log-group-name {name}",
    "secretsmanager:secret": "secretsmanager delete-secret --secret-id {arn}",
    "sqs": "sqs delete-queue --queue-url https://sqs.{region}.{suffix}/{account}/{name}",
    "s3": "s3api delete-bucket --bucket {name}",
}
"""Commands of the AWS CLI by type of resource, in the order in which AWS accepts the deletions."""

_ORDER = {kind: place for place, kind in enumerate(DELETE_COMMANDS)}
_STACK_NAME = "aws:cloudformation:stack-name"
_LOGICAL_ID = "aws:cloudformation:logical-id"


class Leftover(NamedTuple):
    """A resource outside the stack."""

    arn: str
    kind: str  # as in DELETE_COMMANDS
    name: str
    logical_id: str  # in the stack that created it


def print_leftovers(session: "boto3.Session", stack: str) -> list[Leftover]:
    """Print the leftovers of a stage, each with the command that deletes it, and return them.

    Args:
        session: session for the account and region.
        stack: name of the CloudFormation stack, which need not exist.
    """
    leftovers = sorted(
        _find(session, stack),
        key=lambda leftover: (_ORDER.get(leftover.kind, len(_ORDER)), leftover.logical_id, leftover.arn),
    )
    if leftovers:
        print_status(
            f"These resources have the tags of {stack}, but are in no stack: a failed deploy left them, or `ponto "
            "remove` kept them. Queues, buckets and clusters may contain punches.",
            "To delete them, in this order:",
            *(f"  {_command(leftover, session.region_name)}   # {leftover.logical_id}" for leftover in leftovers),
        )
    return leftovers


def describe_vpcs(leftovers: Sequence[Leftover]) -> str | None:
    """Return what to do about the VPCs among leftovers if a deploy would create another; None: there are none."""
    vpcs = ", ".join(leftover.name for leftover in leftovers if leftover.kind == "ec2:vpc")
    if not vpcs:
        return None
    return (
        f"this deploy would create another VPC beside {vpcs}, and AWS allows five in a region. Delete the resources "
        "listed above, or deploy into that VPC (vpcId, subnetIds, securityGroupIds; docs/deploy.md#the-network)."
    )


def find_cluster(session: "boto3.Session", stack: str, database: str | None) -> str | None:
    """Return what to do about the clusters that an earlier stack of this name left; None: there are none.

    A rollback does not delete a protected cluster, so it stays outside the stack.

    Args:
        stack: name of the CloudFormation stack, which has no cluster yet.
        database: the stage's present `database`; None: it is not deployed yet.
    """
    clusters = session.client("rds").get_paginator("describe_db_clusters").paginate().search("DBClusters[]")
    left_over = [
        cluster["DBClusterIdentifier"]
        for cluster in clusters
        # An express cluster, unless the stage was deployed and now changes to another database.
        if (cluster["DBClusterIdentifier"] == stack and database is None)
        or cluster["DBClusterIdentifier"].startswith(f"{stack}-{DATABASE_CLUSTER.lower()}-")
        or {"Key": _STACK_NAME, "Value": stack} in cluster.get("TagList", [])
    ]
    if not left_over:
        return None
    option = " with --param database=express" if stack in left_over else ""
    return (
        f"the cluster {', '.join(left_over)} belongs to this stage, but not to its stack: a failed deploy or a removed "
        "stack left it. This deploy would create a second one, without its punches.\nDelete the old cluster if you do "
        f"not need it, or continue with it{option} (docs/deploy.md#a-first-deploy-that-fails)."
    )


def _find(session: "boto3.Session", stack: str) -> Iterator[Leftover]:
    tagged = session.client("resourcegroupstaggingapi").get_paginator("get_resources")
    pages = tagged.paginate(TagFilters=[{"Key": _STACK_NAME, "Values": [stack]}])
    tagged_resources = list(pages.search("ResourceTagMappingList[]"))
    if not tagged_resources:
        return
    in_stack = set(_stack_members(session.client("cloudformation"), stack))
    tags: Any = session.client("ec2").get_paginator("describe_tags")
    filters = [{"Name": "key", "Values": [_STACK_NAME]}, {"Name": "value", "Values": [stack]}]
    in_ec2 = set(tags.paginate(Filters=filters).search("Tags[].ResourceId"))
    for tagged_resource in tagged_resources:
        arn = tagged_resource["ResourceARN"].removesuffix(":*")
        service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
        parts = re.fullmatch(r"/?([a-z-]+)[:/](.+)", resource)
        kind, name = (f"{service}:{parts[1]}", parts[2]) if parts else (service, resource)
        is_part = service == "apigateway" and "/" in name  # deleted with its API
        is_backup = service == "rds" and "snapshot" in kind
        if (service, _last_segment(arn)) in in_stack or is_part or is_backup:
            continue
        # The tagging service lists a resource for a while after it is deleted.
        if not (name not in in_ec2 if service == "ec2" else _is_deleted(session, kind, name)):
            yield Leftover(
                arn, kind, name, {tag["Key"]: tag["Value"] for tag in tagged_resource["Tags"]}.get(_LOGICAL_ID, "")
            )


def _is_deleted(session: "boto3.Session", kind: str, name: str) -> bool:
    """Return whether a function does not exist any more, or a key is scheduled for deletion; False for other kinds."""
    try:
        if kind == "kms:key":
            key: Any = session.client("kms").describe_key(KeyId=name)["KeyMetadata"]
            return bool(key["KeyState"] == "PendingDeletion")
        if kind == "lambda:function":
            session.client("lambda").get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error.response["Error"].get("Code") not in ("NotFoundException", "ResourceNotFoundException"):
            raise
        return True
    return False


def _stack_members(cloudformation: Any, stack: str) -> Iterator[tuple[str, str]]:
    """Yield the service and the last segment of the id of each resource of a stack."""
    try:
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in pages.search("StackResourceSummaries[]"):
            if not resource["ResourceStatus"].startswith("DELETE_"):  # otherwise it no longer belongs to the stack
                yield (
                    resource["ResourceType"].split("::")[1].lower(),
                    _last_segment(resource.get("PhysicalResourceId", "")),
                )
    except ClientError as error:
        if not is_missing(error):
            raise


def _last_segment(resource: str) -> str:
    return re.split("[:/]", resource)[-1]


def _command(leftover: Leftover, region: str) -> str:
    if leftover.kind not in DELETE_COMMANDS:
        return f"{leftover.arn}: delete it in the AWS console"
    _, partition, _, _, account, _ = leftover.arn.split(":", 5)
    words = DELETE_COMMANDS[leftover.kind].format(
        name=leftover.name,
        arn=leftover.arn,
        region=region,
        account=account,
        suffix="amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    )
    return f"aws {words} --region {region}"
