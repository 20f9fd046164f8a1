"""Change set that is never executed: CloudFormation compares a template with a deployed stage, and validates it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError, WaiterError

from tools.kit.output import print_status
from tools.kit.target import config, explain

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation.type_defs import StackTypeDef

MAX_BODY_BYTES = 51_200
"""Longest template in a request: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

OBJECT_KEY = "preview/template.json"  # osls keeps its objects below `serverless/`
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]  # as osls sends them
_POLLS = {"Delay": 1, "MaxAttempts": 600}
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Comparison(NamedTuple):
    """CloudFormation's comparison of a template with a stack, and its validation of the template."""

    changes: list[Any]  # each a ResourceChange of DescribeChangeSet
    status: str  # of the change set; REFUSED: CloudFormation did not create it
    reason: str
    failures: list[str]  # errors and warnings, also those of hooks

    @property
    def is_accepted(self) -> bool:
        """Whether CloudFormation would execute the change set, or has nothing to change."""
        has_no_changes = self.status == "FAILED" and any(text in self.reason for text in _NO_CHANGES)
        return self.status == "CREATE_COMPLETE" or has_no_changes


def compare(
    session: "boto3.Session",
    account: str,
    stack: "StackTypeDef",
    template: str,
    tags: Mapping[str, str],
    role: str | None = None,
) -> Comparison:
    """Ask CloudFormation to compare a template with a stack, and to validate it.

    Args:
        account: id of the account, which must own the stage's bucket.
        stack: the stage's stack.
        template: JSON; if it is too long for a request, it is uploaded for the time of the comparison.
        tags: tags of the stack.
        role: ARN of the role with which CloudFormation changes the stack; None: the stack's own role, or the user's
            rights.
    """
    cloudformation: Any = session.client("cloudformation", config=config())
    name = {"StackName": stack["StackName"], "ChangeSetName": f"{stack['StackName']}-preview"}
    _delete(cloudformation, name)  # of a killed preview
    with ExitStack() as cleanup:  # also after Ctrl-C while CloudFormation creates the change set
        source = {"RoleARN": role} if role else {}
        if len(template) > MAX_BODY_BYTES:
            s3 = session.client("s3", config=config())
            outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
            bucket = outputs["ServerlessDeploymentBucketName"]
            owned_object = partial(dict[str, Any], Bucket=bucket, Key=OBJECT_KEY, ExpectedBucketOwner=account)
            cleanup.callback(s3.delete_object, **owned_object())
            s3.put_object(**owned_object(), Body=template.encode())
            source["TemplateURL"] = f"{s3.meta.endpoint_url}/{bucket}/{OBJECT_KEY}"
        else:
            source["TemplateBody"] = template
        cleanup.callback(_delete, cloudformation, name)
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
            return Comparison([], "REFUSED", explain(error), [])
        return _describe(cloudformation, name, created["Id"])


def _describe(cloudformation: Any, name: Mapping[str, str], arn: str) -> Comparison:
    _wait_until_created(cloudformation, name)
    description = cloudformation.describe_change_set(**name)
    pages = cloudformation.get_paginator("describe_change_set").paginate(**name)
    changes = [change["ResourceChange"] for change in pages.search("Changes[]") if "ResourceChange" in change]
    # All events are read, as the filter for failed ones may omit warnings.
    events = cloudformation.get_paginator("describe_events").paginate(ChangeSetName=arn).search("OperationEvents[]")
    failures = dict.fromkeys(_describe_failures(events))
    return Comparison(changes, description["Status"], description.get("StatusReason", ""), list(failures))


def _describe_failures(events: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each failure or warning among OperationEvents: the resource, its property, and the reason."""
    for event in events:
        reasons = (event.get(f"{kind}StatusReason") for kind in ("Validation", "Resource", "Hook"))
        reason = next(filter(None, reasons), None)
        if reason and event.get("EventType", "").endswith("_ERROR"):
            modes = (event.get("ValidationFailureMode"), event.get("HookFailureMode"))
            is_warning = "WARN" in modes or event.get("ValidationStatus") == "SKIPPED"
            kind, path = event.get("ResourceType"), event.get("ValidationPath")
            yield (
                f"{'warning: ' if is_warning else ''}{event.get('LogicalResourceId', 'the stack')}"
                f"{f' ({kind})' if kind else ''}{f', {path}' if path else ''}: {reason}"
            )


def _wait_until_created(cloudformation: Any, name: Mapping[str, str]) -> None:
    """Wait until the creation of a change set has ended, also if it failed, or there is no such change set."""
    with suppress(WaiterError):
        cloudformation.get_waiter("change_set_create_complete").wait(**name, WaiterConfig=_POLLS)


def _delete(cloudformation: Any, name: Mapping[str, str]) -> None:
    """Delete the change set if it exists. CloudFormation refuses that during its creation."""
    _wait_until_created(cloudformation, name)
    try:
        cloudformation.delete_change_set(**name)
    except ClientError as error:
        if error.response["Error"].get("Code") != "ChangeSetNotFound":
            raise
