"""The first cluster of a stage: what an earlier one left behind stops it.

No rollback deletes a protected cluster: of a deploy that failed it stays, outside the stack, and the next deploy would
make a second one.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tools.kit.errors import CommandError
from tools.kit.osls import DATABASE_CLUSTER, has_resource, stack_name
from tools.kit.output import print_status
from tools.kit.target import explain

if TYPE_CHECKING:
    import boto3


def is_first(session: "boto3.Session", stack: str) -> bool:
    """Return whether a stack has no cluster yet; False, with a line that says so, if the caller may not ask."""
    try:
        return not has_resource(session.client("cloudformation"), stack, DATABASE_CLUSTER)
    except ClientError as error:
        print_status(
            f"not checked: whether the stack has its cluster, for {explain(error)}",
            "One that a deploy left outside the stack is not looked for, and a first one is protected from the start: "
            "of a deploy that fails it stays.",
        )
        return False


def require_none_left(session: "boto3.Session", stack: str, database: str | None) -> None:
    """Refuse to make a cluster beside one that an earlier stack of this name made.

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
        or {"Key": "aws:cloudformation:stack-name", "Value": stack} in each.get("TagList", [])
    ]
    if left:
        way = ", by --param database=express" if stack in left else ""
        raise CommandError(
            f"the cluster {', '.join(left)} is of this stage, and outside its stack: a deploy that failed left it, or "
            "a stack that was removed. This deploy would make a second one, without its punches.\nDelete it if nobody "
            f"needs it, or go on with it{way} (docs/deploy.md#a-first-deploy-that-fails).\n"
            "Nothing was deployed."
        )


def require_express(stage: str, database: str | None) -> None:
    """Refuse to give a deployed stage an express cluster, which would have none of its punches.

    Args:
        database: what it has; None: it is not deployed yet.
    """
    if database not in (None, "express"):
        raise CommandError(
            f"the punches of {stack_name(stage)} are in the database of '{database}', and 'express' is another. Set "
            f"database to '{database}'. To move, copy the rows first, and deploy once with --param leaveDatabase=true "
            "(docs/operations.md#go-on-with-the-restored-cluster).\nNothing was deployed."
        )
