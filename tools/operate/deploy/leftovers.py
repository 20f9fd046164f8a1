"""Resources of an earlier stack of a stage: a failed deploy left them, or they stayed when the stage was removed."""

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tools.kit.osls import DATABASE_CLUSTER, is_missing
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3

_STACK_NAME = "aws:cloudformation:stack-name"


def print_leftovers(session: "boto3.Session", stack: str) -> None:
    """Print the resources that have the tag of a stage's stack, but are not in it.

    Args:
        session: session for the account and region.
        stack: name of the CloudFormation stack, which need not exist.
    """
    tagged = session.client("resourcegroupstaggingapi").get_paginator("get_resources")
    pages = tagged.paginate(TagFilters=[{"Key": _STACK_NAME, "Values": [stack]}])
    arns = [arn.removesuffix(":*") for arn in pages.search("ResourceTagMappingList[].ResourceARN")]
    in_stack = _stack_members(session, stack) if arns else set()
    leftovers = [arn for arn in arns if (arn.split(":")[2], _last_segment(arn)) not in in_stack]
    if leftovers:
        print_status(
            f"These resources have the tags of {stack}, but are in no stack: a failed deploy left them, or `ponto "
            "remove` kept them. Queues, buckets and clusters may contain punches. Delete what you do not need "
            "(docs/deploy.md#a-first-deploy-that-fails):",
            *(f"  {arn}" for arn in sorted(leftovers)),
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


def _stack_members(session: "boto3.Session", stack: str) -> set[tuple[str, str]]:
    """Return the service and the last segment of the id of each resource of a stack."""
    pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    try:
        return {
            (resource["ResourceType"].split("::")[1].lower(), _last_segment(resource.get("PhysicalResourceId", "")))
            for resource in pages.search("StackResourceSummaries[]")
            if not resource["ResourceStatus"].startswith("DELETE_")  # otherwise it no longer belongs to the stack
        }
    except ClientError as error:
        if not is_missing(error):
            raise
        return set()


def _last_segment(resource: str) -> str:
    return re.split("[:/]", resource)[-1]
