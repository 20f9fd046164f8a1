"""Resources that have the tags of a stage's stack, and are in no stack.

A deploy that failed left them, or the stage kept them when it was removed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.errors import CommandError
from tools.kit.osls import DATABASE_CLUSTER, is_missing
from tools.kit.output import print_status
from tools.kit.target import explain

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
"""Commands of the AWS command line by kind of resource, in the order in which AWS takes them."""

_ORDER = {kind: place for place, kind in enumerate(DELETE_COMMANDS)}
_STACK_NAME = "aws:cloudformation:stack-name"
_LOGICAL_ID = "aws:cloudformation:logical-id"


class Leftover(NamedTuple):
    """A resource outside the stack."""

    arn: str
    kind: str  # as in DELETE_COMMANDS
    name: str
    logical_id: str  # in the stack that made it


def print_leftovers(session: "boto3.Session", stack: str) -> list[Leftover]:
    """Print what is outside a stage's stack, each with the command that deletes it, and return it.

    If the caller lacks a right, print which, and return an empty list.

    Args:
        session: of the account and region.
        stack: the CloudFormation stack's name; it need not exist.
    """
    try:
        found = sorted(
            _find(session, stack), key=lambda each: (_ORDER.get(each.kind, len(_ORDER)), each.logical_id, each.arn)
        )
    except (BotoCoreError, ClientError) as error:
        print_status(
            f"not checked: what an earlier deploy left outside the stack, for {explain(error)}",
            "It needs tag:GetResources, ec2:DescribeTags, lambda:GetFunctionConfiguration, kms:DescribeKey and "
            "cloudformation:ListStackResources.",
        )
        return []
    if found:
        print_status(
            f"outside any stack, with the tags of {stack}: left by a deploy that failed, or kept by `ponto remove`. "
            "Queues, buckets and clusters may hold punches.",
            "To delete them, in this order:",
            *(f"  {_command(each, session.region_name)}   # {each.logical_id}" for each in found),
        )
    return found


def require_no_vpc(leftovers: Sequence[Leftover], *, force: bool) -> None:
    """Refuse to make a VPC beside one that is outside the stack, unless forced."""
    vpcs = ", ".join(each.name for each in leftovers if each.kind == "ec2:vpc")
    if vpcs and not force:
        raise CommandError(
            f"this deploy would make another VPC beside {vpcs}, and AWS gives a region five. Delete what is listed "
            "above, or deploy into that VPC (vpcId, subnetIds, securityGroupIds; docs/deploy.md#the-network); with "
            "--force it makes another.\nNothing was deployed."
        )


def require_no_cluster(session: "boto3.Session", stack: str, database: str | None) -> None:
    """Refuse to make a cluster beside one that an earlier stack of this name made.

    No rollback deletes a protected cluster: of a deploy that failed it stays, outside the stack.

    Args:
        stack: the name of the CloudFormation stack, which has no cluster yet.
        database: what the stage has instead; None: it is not deployed yet.
    """
    clusters = session.client("rds").get_paginator("describe_db_clusters").paginate().search("DBClusters[]")
    left = [
        each["DBClusterIdentifier"]
        for each in clusters
        if (each["DBClusterIdentifier"] == stack and database is None)  # an express one, if nobody leaves it on purpose
        or each["DBClusterIdentifier"].startswith(f"{stack}-{DATABASE_CLUSTER.lower()}-")
        or {"Key": _STACK_NAME, "Value": stack} in each.get("TagList", [])
    ]
    if left:
        way = ", by --param database=express" if stack in left else ""
        raise CommandError(
            f"the cluster {', '.join(left)} is of this stage, and outside its stack: a deploy that failed left it, or "
            "a stack that was removed. This deploy would make a second one, without its punches.\nDelete it if nobody "
            f"needs it, or go on with it{way} (docs/deploy.md#a-first-deploy-that-fails).\n"
            "Nothing was deployed."
        )


def _find(session: "boto3.Session", stack: str) -> Iterator[Leftover]:
    tagged = session.client("resourcegroupstaggingapi").get_paginator("get_resources")
    pages = tagged.paginate(TagFilters=[{"Key": _STACK_NAME, "Values": [stack]}])
    found = list(pages.search("ResourceTagMappingList[]"))
    if not found:
        return
    in_stack = set(_stack_members(session.client("cloudformation"), stack))
    tags: Any = session.client("ec2").get_paginator("describe_tags")
    filters = [{"Name": "key", "Values": [_STACK_NAME]}, {"Name": "value", "Values": [stack]}]
    in_ec2 = set(tags.paginate(Filters=filters).search("Tags[].ResourceId"))
    for each in found:
        arn = each["ResourceARN"].removesuffix(":*")
        service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
        parts = re.fullmatch(r"/?([a-z-]+)[:/](.+)", resource)
        kind, name = (f"{service}:{parts[1]}", parts[2]) if parts else (service, resource)
        is_part = service == "apigateway" and "/" in name  # it goes with its API
        is_backup = service == "rds" and "snapshot" in kind
        if (service, _last_segment(arn)) in in_stack or is_part or is_backup:
            continue
        # The tagging service lists a resource for a while after it is deleted.
        if not (name not in in_ec2 if service == "ec2" else _is_deleted(session, kind, name)):
            yield Leftover(arn, kind, name, {tag["Key"]: tag["Value"] for tag in each["Tags"]}.get(_LOGICAL_ID, ""))


def _is_deleted(session: "boto3.Session", kind: str, name: str) -> bool:
    """Return whether a function does not exist, or a key is to be deleted; False for resources of other kinds."""
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


def _stack_members(formation: Any, stack: str) -> Iterator[tuple[str, str]]:
    """Yield service and end of the ARN of each resource of a stack, by its type and id."""
    try:
        pages = formation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for each in pages.search("StackResourceSummaries[]"):
            if not each["ResourceStatus"].startswith("DELETE_"):  # else it is no longer the stack's
                yield each["ResourceType"].split("::")[1].lower(), _last_segment(each.get("PhysicalResourceId", ""))
    except ClientError as error:
        if not is_missing(error):
            raise


def _last_segment(resource: str) -> str:
    return re.split("[:/]", resource)[-1]


def _command(leftover: Leftover, region: str) -> str:
    if leftover.kind not in DELETE_COMMANDS:
        return f"{leftover.arn}: in its console"
    _, partition, _, _, account, _ = leftover.arn.split(":", 5)
    words = DELETE_COMMANDS[leftover.kind].format(
        name=leftover.name,
        arn=leftover.arn,
        region=region,
        account=account,
        suffix="amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    )
    return f"aws {words} --region {region}"
