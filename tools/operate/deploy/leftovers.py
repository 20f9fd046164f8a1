"""Resources of an earlier stack of a stage: a failed deploy left them, or they stayed when the stage was removed."""

from typing import TYPE_CHECKING

from tools.kit.osls import DATABASE_CLUSTER, service, stack_name
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3

_OSLS_BUCKET = "serverlessdeploymentbucket"  # part of its name; osls creates it before all else


def print_leftovers(session: "boto3.Session", stage: str) -> None:
    """Print the resources that have the tags of a stage that is not deployed yet.

    These are the stack's own tags, as CloudFormation sets its tags on no queue, key or distribution:
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2079
    """
    tags = {"service": service(), "stage": stage}
    pages = session.client("resourcegroupstaggingapi").get_paginator("get_resources")
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    arns = pages.paginate(TagFilters=filters).search("ResourceTagMappingList[].ResourceARN")
    if leftovers := sorted(arn for arn in arns if not _is_expected(arn, stack_name(stage))):
        print_status(
            f"These resources have the tags of {stack_name(stage)}, but are in no stack: a failed deploy left them, or "
            "`ponto remove` kept them. Queues, buckets and clusters may contain punches. Delete what you do not need "
            "(docs/deploy.md#a-first-deploy-that-fails):",
            *(f"  {arn}" for arn in leftovers),
        )


def _is_expected(arn: str, stack: str) -> bool:
    """Return whether a resource is of a stack without a complete deploy, or of its express cluster."""
    _, _, kind, _, _, name = arn.split(":", 5)
    return kind == "cloudformation" or _OSLS_BUCKET in name or (kind == "rds" and name.endswith(f":{stack}"))


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
        or {"Key": "aws:cloudformation:stack-name", "Value": stack} in cluster.get("TagList", [])
    ]
    if not left_over:
        return None
    option = " with --param database=express" if stack in left_over else ""
    return (
        f"the cluster {', '.join(left_over)} belongs to this stage, but not to its stack: a failed deploy or a removed "
        "stack left it. This deploy would create a second one, without its punches.\nDelete the old cluster if you do "
        f"not need it, or continue with it{option} (docs/deploy.md#a-first-deploy-that-fails)."
    )
