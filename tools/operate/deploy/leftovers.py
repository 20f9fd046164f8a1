"""Clusters of an earlier stack of a stage: a failed deploy left them, or they stayed when the stage was removed."""

from typing import TYPE_CHECKING

from tools.kit.osls import DATABASE_CLUSTER

if TYPE_CHECKING:
    import boto3


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
