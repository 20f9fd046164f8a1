"""`ponto remove`: remove a stage's stack, with what CloudFormation does not: full buckets, and an express cluster."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from tools.deploy import abandoned_stack, express
from tools.kit import commands, osls, target
from tools.kit import options as opt
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.errors import CommandError
from tools.kit.output import confirm, print_result, print_status

if TYPE_CHECKING:
    import boto3

_BUCKET = "AWS::S3::Bucket"
_OSLS = "ServerlessDeploymentBucket"  # its packages, which it removes itself

_EPILOG = """examples:
  ponto remove --stage dev
  ponto remove --stage dev --yes      asks nothing

What the stage keeps (whenDeleted: Retain) stays, with what is in it. Accepted punches that wait in the queue do not
become rows any more: docs/deploy.md#remove says what to do first.

exit status: 0 done, 1 not all of it: run it again, 2 nothing was removed
"""


@commands.command(epilog=_EPILOG)
@click.option("--stage", required=True, help="As it was deployed.")
@opt.yes
@target.account_options
@pass_collaborators
def remove(collaborators: Collaborators, target_options: target.TargetOptions, *, yes: bool) -> None:
    """Empty the buckets that go with a stage, and remove it.

    Ends with `sls remove`, and an express cluster's end: the cluster goes as the stage's whenDeleted says, without a
    snapshot. Prints which account and region, and asks first. A stack or a cluster that is protected from deletion is
    left alone.
    """
    stage = target_options.stage
    session, _, account = target.announce(target_options)
    formation = session.client("cloudformation")
    stack = osls.find_stack(formation, stage)
    # Without a complete stack there may be a cluster all the same: a deploy or a removal was killed.
    may_have_cluster = osls.deployed_database(formation, stage) in (None, "express")
    cluster = express.find(session, stage) if may_have_cluster else None
    if not stack and not cluster:
        osls.require_stack(formation, stage)  # which says so
    if stack and stack.get("EnableTerminationProtection"):
        raise CommandError(
            f"stack {osls.stack_name(stage)} is protected from deletion. "
            "Deploy it with --param terminationProtection=false first, if you mean it"
        )
    goes = cluster if cluster and not cluster.is_kept else None
    if goes and goes.is_protected:
        raise CommandError(
            f"the cluster {goes.name} is protected from deletion. Deploy with --param deletionProtection=false first, "
            f"if you mean it; without its stack: aws rds modify-db-cluster --db-cluster-identifier {goes.name} "
            f"--no-deletion-protection --region {session.region_name}"
        )
    is_abandoned = bool(stack and abandoned_stack.is_abandoned(stack))
    buckets = dict(_buckets(formation, osls.stack_name(stage))) if stack and not is_abandoned else {}
    lost = f", the cluster {goes.name} with all punches" if goes else ""
    lost += f" and all that is in {', '.join(buckets)}" if buckets else ""
    question = f"This deletes what stage {stage} does not keep{lost}. Type {stage} to remove it from {account}:"
    if not yes and not confirm(question, stage):
        raise CommandError("not removed")

    if is_abandoned:  # osls asks for its template, which it does not have
        if not abandoned_stack.delete(formation, stage, collaborators.clock):
            raise CommandError(
                f"a deploy creates the stack {osls.stack_name(stage)} now. Wait for it, and run this again"
            )
    elif stack:
        _remove_stack(collaborators, session, stage, buckets)
    if goes:
        try:
            express.delete(session, goes.name, collaborators.clock)
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"{target.explain(error)}\nMend the cause, and run this again", status=1) from error
    elif cluster:
        print_status(
            f"kept the cluster {cluster.name} (whenDeleted: Retain): "
            "ponto deploy --param database=express goes on with it (docs/deploy.md#remove)"
        )
    print_result(f"removed    {stage}, {account}")


def _remove_stack(
    collaborators: Collaborators, session: "boto3.Session", stage: str, buckets: Mapping[str, str]
) -> None:
    s3: Any = session.resource("s3")
    for name in buckets.values():
        print_status(f"emptying {name}")
        _empty(s3.Bucket(name))
    osls.warn_if_expiring(session)
    print_status(
        "sls remove: 20 to 40 minutes where the functions are in a network, until AWS removes their interfaces"
    )
    options = ["--stage", stage, "--region", session.region_name]
    if collaborators.run_sls("remove", options, osls.create_environment(session, stage)):
        raise CommandError("sls remove failed, as it says above. Mend the cause, and run this again", status=1)


def _buckets(formation: Any, stack: str) -> Iterator[tuple[str, str]]:
    """Yield the buckets that go with a stack, by logical id and name."""
    declared = formation.get_template(StackName=stack)["TemplateBody"]["Resources"]
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for found in pages.search("StackResourceSummaries[]"):
        name = found["LogicalResourceId"]
        if found["ResourceType"] != _BUCKET or name == _OSLS or found["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        if not declared[name].get("DeletionPolicy", "Delete").startswith("Retain"):
            yield name, found["PhysicalResourceId"]


def _empty(bucket: Any) -> None:
    """Delete all objects of a bucket, in all versions.

    Raises:
        CommandError: S3 refused to delete one.
    """
    for answer in bucket.object_versions.delete():
        for refused in answer.get("Errors", []):
            raise CommandError(
                f"S3 does not delete {refused['Key']} of {bucket.name}: {refused['Code']}: {refused['Message']}",
                status=1,
            )
