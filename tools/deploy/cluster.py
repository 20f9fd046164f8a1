"""The first cluster of a stage: what an earlier one left behind stops it.

No rollback deletes a protected cluster: of a deploy that failed it stays, outside the stack, and the next deploy would
make a second one.
"""

import boto3

from tools.kit.errors import CommandError
from tools.kit.output import print_status

LOGICAL_ID = "DatabaseCluster"


def require_none_left(session: boto3.Session, stack: str, *, force: bool) -> None:
    """Refuse to make a cluster beside one that an earlier stack of this name made.

    Args:
        session: of the account and region.
        stack: the name of the CloudFormation stack, which has no cluster yet.
        force: only say it.

    Raises:
        CommandError: naming each such cluster, and what to do with it.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused.
    """
    pages = session.client("rds").get_paginator("describe_db_clusters").paginate()
    found = [
        each["DBClusterIdentifier"]
        for page in pages
        for each in page["DBClusters"]
        if each["DBClusterIdentifier"].startswith(f"{stack}-{LOGICAL_ID.lower()}-")
        or {"Key": "aws:cloudformation:stack-name", "Value": stack} in each.get("TagList", [])
    ]
    if not found:
        return
    left = (
        f"the cluster {', '.join(found)} is of this stage, and outside its stack: a deploy that failed left it, or a "
        "stack that was removed. This deploy would make a second one, without its punches.\nDelete it if nobody needs "
        "it, or go on with it as database: existing (docs/deploy.md#a-first-deploy-that-fails)"
    )
    if not force:
        raise CommandError(f"{left}; with --force it stays, and a second one is made.\nNothing was deployed.")
    print_status(f"{left}. Going on, as --force says.")
