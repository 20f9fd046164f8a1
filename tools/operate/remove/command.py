"""`ponto remove`: remove a stage's stack, and what CloudFormation cannot delete: full buckets, an express cluster."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from tools.kit import commands, osls, shared_options, target
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.errors import CommandError
from tools.kit.output import confirm, print_result, print_status
from tools.kit.target import TargetOptions
from tools.operate.deploy import express, stack_state
from tools.operate.keys.command import find_stage_keys

if TYPE_CHECKING:
    import boto3

_BUCKET = "AWS::S3::Bucket"
_OSLS_BUCKET = "ServerlessDeploymentBucket"  # osls empties it itself

_EPILOG = """examples:
  ponto remove --stage dev
  ponto remove --stage dev --yes      without a confirmation

Resources with whenDeleted: Retain are kept, with their contents. Punches that still wait in the queue are lost:
docs/deploy.md#remove explains what to do first.

exit status: 0 done, 1 partly done (run it again), 2 nothing was removed
"""


@commands.command(epilog=_EPILOG)
@click.option("--stage", required=True, help="Stage to remove.")
@shared_options.yes
@target.account_options
@pass_collaborators
def remove(collaborators: Collaborators, target_options: TargetOptions, *, yes: bool) -> None:
    """Remove a stage, with the contents of its buckets.

    Prints the account and region and the keys of `ponto keys`, and asks for confirmation. Then deletes these keys,
    which takes AWS 20 s for each, empties the buckets that are deleted with the stage, runs `sls remove`, and deletes
    an express cluster without a snapshot, unless whenDeleted is Retain. Refuses if the stack or the cluster is
    protected from deletion.
    """
    stage = target_options.stage
    session, _, account = target.announce(target_options)
    cloudformation = session.client("cloudformation")
    stack = osls.find_stack(cloudformation, stage)
    # A cluster may exist even without a complete stack, if a deploy or a removal was interrupted.
    may_have_cluster = osls.deployed_database(cloudformation, stage) in (None, "express")
    cluster = express.find(session, stage) if may_have_cluster else None
    if not stack and not cluster:
        osls.require_stack(cloudformation, stage)  # raises the error
    if stack and stack.get("EnableTerminationProtection"):
        raise CommandError(
            f"stack {osls.stack_name(stage)} is protected from deletion. "
            "If you want to remove it, deploy it with --param terminationProtection=false first"
        )
    deleted_cluster = cluster if cluster and not cluster.is_kept else None
    if deleted_cluster and deleted_cluster.is_protected:
        raise CommandError(
            f"the cluster {deleted_cluster.name} is protected from deletion. If you want to remove it, deploy with "
            "--param deletionProtection=false first, or, if it has no stack any more, run: aws rds modify-db-cluster "
            f"--db-cluster-identifier {deleted_cluster.name} --no-deletion-protection --region {session.region_name}"
        )
    if stack and stack["StackStatus"] == stack_state.REVIEW:
        stack_state.require_deployable(cloudformation, stage)  # raises the error
    buckets = dict(_buckets(cloudformation, osls.stack_name(stage))) if stack else {}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in (stack.get("Outputs", []) if stack else [])}
    gateway, api_id = session.client("apigateway"), outputs.get("ApiId", "")
    keys = find_stage_keys(gateway, osls.stack_name(stage), api_id, stage)
    print_status(*(f"key {key['name'].partition('/')[2]} ({key['id']}) is deleted, too" for key in keys.keys))
    losses = f", the cluster {deleted_cluster.name} with all punches" if deleted_cluster else ""
    losses += f" and the contents of {', '.join(buckets)}" if buckets else ""
    question = f"This removes stage {stage}{losses}. Type {stage} to remove it from {account}:"
    if not yes and not confirm(question, stage):
        raise CommandError("not removed")

    try:
        keys.delete(gateway, api_id, stage, collaborators.clock)
        if stack:
            _remove_stack(collaborators, session, stage, buckets)
        if deleted_cluster:
            express.delete(session, deleted_cluster.name)
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"{target.explain(error)}\nFix the cause, and run this again", status=1) from error
    if cluster and not deleted_cluster:
        print_status(
            f"kept the cluster {cluster.name} (whenDeleted: Retain): "
            "ponto deploy --param database=express continues with it (docs/deploy.md#remove)"
        )
    print_result(f"removed    {stage}, {account}")


def _remove_stack(
    collaborators: Collaborators, session: "boto3.Session", stage: str, buckets: Mapping[str, str]
) -> None:
    s3: Any = session.resource("s3")
    for name in buckets.values():
        print_status(f"emptying {name}")
        _empty(s3.Bucket(name))
    print_status(
        "sls remove (AWS takes long to remove the network interfaces of functions in a network; others report 25 to 40 "
        "minutes: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/392)"
    )
    options = ["--stage", stage, "--region", session.region_name]
    if collaborators.run_sls("remove", options, osls.create_environment(session, stage)):
        raise CommandError("sls remove failed, see its output above. Fix the cause, and run this again", status=1)


def _buckets(cloudformation: Any, stack: str) -> Iterator[tuple[str, str]]:
    """Yield logical id and name of the buckets that are deleted with a stack."""
    template = cloudformation.get_template(StackName=stack)["TemplateBody"]["Resources"]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in pages.search("StackResourceSummaries[]"):
        name = resource["LogicalResourceId"]
        if (
            resource["ResourceType"] != _BUCKET
            or name == _OSLS_BUCKET
            or resource["ResourceStatus"] == "DELETE_COMPLETE"
        ):
            continue
        if not template[name].get("DeletionPolicy", "Delete").startswith("Retain"):
            yield name, resource["PhysicalResourceId"]


def _empty(bucket: Any) -> None:
    """Delete all versions of all objects of a bucket.

    Raises:
        CommandError: S3 refused to delete an object.
    """
    for response in bucket.object_versions.delete():
        for error in response.get("Errors", []):
            raise CommandError(
                f"S3 refused to delete {error['Key']} of {bucket.name}: {error['Code']}: {error['Message']}",
                status=1,
            )
