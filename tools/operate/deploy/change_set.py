"""Change set that is never executed: CloudFormation compares a template with a deployed stage, and validates it."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import is_missing
from tools.kit.output import print_status
from tools.kit.target import config, explain
from tools.operate.deploy.failed_events import Failure, read_failures

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation.type_defs import StackTypeDef

MAX_BODY_BYTES = 51_200
"""Longest template in a request: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

CHANGE_SET = "ponto-preview"
OBJECT_KEY = "preview/template.json"  # osls keeps its objects below `serverless/`
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]  # as osls sends them
_POLL_SECONDS = 2.0
_MAX_SECONDS = 600
_MAX_CLEANUP_SECONDS = 60
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Comparison(NamedTuple):
    """CloudFormation's comparison of a template with a stack, and its validation of the template."""

    status: str  # of the change set; REFUSED: CloudFormation did not create it
    reason: str
    changes: list[Any]  # each a ResourceChange of DescribeChangeSet
    failures: list[Failure]  # and warnings, of the validation and of hooks
    undeleted: list[str]  # what could not be deleted, and why
    unread: str | None = None  # why the results of the validation could not be read

    @property
    def is_accepted(self) -> bool:
        """True if CloudFormation would execute the change set, or would change nothing."""
        has_no_changes = self.status == "FAILED" and any(text in self.reason for text in _NO_CHANGES)
        return self.status == "CREATE_COMPLETE" or has_no_changes


def compare(
    session: "boto3.Session",
    account: str,
    stack: "StackTypeDef",
    template: str,
    tags: Mapping[str, str],
    clock: Clock = CLOCK,
) -> Comparison:
    """Ask CloudFormation to compare a template with a stack, and to validate it.

    Args:
        account: id of the account, which must own the stage's bucket.
        stack: the stage's stack.
        template: JSON; if it is too long for a request, it is uploaded for the time of the comparison.
        tags: tags of the stack.
    """
    cloudformation: Any = session.client("cloudformation", config=config())
    name = {"StackName": stack["StackName"], "ChangeSetName": CHANGE_SET}
    undeleted = list[str]()

    def try_to(delete: Callable[[], object]) -> None:
        try:
            delete()
        except (BotoCoreError, ClientError, CommandError) as error:
            reason = str(error) if isinstance(error, CommandError) else explain(error)
            undeleted.append(f"{reason}. The next preview of this stage tries again")
            print_status(f"not deleted: {undeleted[-1]}")

    _delete(cloudformation, name, clock, _MAX_SECONDS)  # of a killed preview
    with ExitStack() as cleanup:  # also after Ctrl-C while CloudFormation creates the change set
        source = {"TemplateBody": template}
        if len(template) > MAX_BODY_BYTES:
            s3 = session.client("s3", config=config())
            outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
            bucket = outputs["ServerlessDeploymentBucketName"]
            owned_object = partial(dict[str, Any], Bucket=bucket, Key=OBJECT_KEY, ExpectedBucketOwner=account)
            cleanup.callback(try_to, partial(s3.delete_object, **owned_object()))
            s3.put_object(**owned_object(), Body=template.encode())
            source = {"TemplateURL": f"{s3.meta.endpoint_url}/{bucket}/{OBJECT_KEY}"}
        cleanup.callback(try_to, partial(_delete, cloudformation, name, clock, _MAX_CLEANUP_SECONDS))
        print_status(f"asking CloudFormation for a change set of {stack['StackName']}, which is not executed")
        try:
            created = cloudformation.create_change_set(
                **name,
                ChangeSetType="UPDATE",
                Description="Preview, which is not executed",
                Capabilities=_CAPABILITIES,
                Parameters=[],
                NotificationARNs=[],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                **source,
            )
        except ClientError as error:
            return Comparison("REFUSED", explain(error), [], [], undeleted)
        # The result has the list to which the deletions at the end add.
        return _describe(cloudformation, name, created["Id"], clock)._replace(undeleted=undeleted)


def _describe(cloudformation: Any, name: Mapping[str, str], arn: str, clock: Clock) -> Comparison:
    description = _wait_until_created(cloudformation, name, clock, _MAX_SECONDS)
    if description is None:
        raise CommandError(
            f"the change set {CHANGE_SET} of {name['StackName']} was deleted meanwhile, perhaps by another preview of "
            "this stage. Run this again when that one has ended"
        )
    pages = cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=arn)
    changes = [change["ResourceChange"] for change in pages.search("Changes[]") if "ResourceChange" in change]
    comparison = Comparison(description["Status"], description.get("StatusReason", ""), changes, [], [])
    try:
        # All events are read, as the filter for failed ones may omit warnings.
        events = cloudformation.get_paginator("describe_events").paginate(ChangeSetName=arn).search("OperationEvents[]")
        errors = [event for event in events if event.get("EventType", "").endswith("_ERROR")]
    except (BotoCoreError, ClientError) as error:
        return comparison._replace(unread=f"{explain(error)}. Allow cloudformation:DescribeEvents")
    return comparison._replace(failures=read_failures(errors))


def _wait_until_created(cloudformation: Any, name: Mapping[str, str], clock: Clock, max_seconds: int) -> Any | None:
    """Return the description of the change set as soon as its creation has ended; None if it does not exist."""
    deadline = clock.monotonic() + max_seconds
    while True:
        try:
            description = cloudformation.describe_change_set(**name)
        except ClientError as error:
            if error.response["Error"].get("Code") != "ChangeSetNotFound" and not is_missing(error):
                raise
            return None
        if description["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return description
        if clock.monotonic() > deadline:
            raise CommandError(
                f"the change set {CHANGE_SET} of {name['StackName']} is {description['Status']} after {max_seconds} s"
            )
        clock.sleep(_POLL_SECONDS)


def _delete(cloudformation: Any, name: Mapping[str, str], clock: Clock, max_seconds: int) -> None:
    """Delete the change set if it exists. CloudFormation refuses that during its creation."""
    if _wait_until_created(cloudformation, name, clock, max_seconds):
        cloudformation.delete_change_set(**name)
