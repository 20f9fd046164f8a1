"""Change sets that are never executed: CloudFormation compares a template with a stack, and validates it.

A change set of a new stage creates a stack without resources, under a name that no stage's stack has. It, the change
set, and a template in S3 are deleted afterwards, or by the next run if this one was killed.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from tools.deploy import stack_state
from tools.deploy.failed_events import Failure, read_failures
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import find_stack_by_name, is_missing, stack_name
from tools.kit.output import print_status
from tools.kit.target import config, explain

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation.type_defs import StackTypeDef

MAX_BODY_BYTES = 51_200
"""Longest template in a request: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

CHANGE_SET = "ponto-preview"
DESCRIPTION = "Preview, which is not executed"
OBJECT_KEY = "preview/template.json"  # osls keeps its objects below `serverless/`
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]  # as osls sends them
_IN_CREATION = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
_POLL_SECONDS = 2.0
_MAX_SECONDS = 600
_MAX_CLEANUP_SECONDS = 60
_BUCKET_DIGITS = 6  # hexadecimal
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_MAX_BUCKET_PREFIX_CHARACTERS = 63 - _BUCKET_DIGITS
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


def preview_stack_name(stage: str) -> str:
    """Return the name of the stack that a new stage's change set creates; each stage's begins with the service."""
    return f"preview-{stack_name(stage)}"


def compare(
    session: "boto3.Session",
    account: str,
    stage: str,
    deployed: "StackTypeDef | None",
    template: str,
    tags: Mapping[str, str],
    clock: Clock = CLOCK,
) -> Comparison:
    """Ask CloudFormation to compare a template with a stage's stack, and to validate it.

    Args:
        account: id of the account, which must own each bucket.
        deployed: the stage's stack; None: the stage is new.
        template: JSON; if it is too long for a request, it is uploaded for the time of the comparison.
        tags: tags of the stack.
    """
    return _Preview(session, account, stage, deployed, clock).compare(template, tags)


class _Preview:
    """A change set of a stage, and what it needs for the time of a comparison."""

    def __init__(
        self, session: "boto3.Session", account: str, stage: str, deployed: "StackTypeDef | None", clock: Clock
    ) -> None:
        self._cloudformation: Any = session.client("cloudformation", config=config())
        self._s3: Any = session.client("s3", config=config())
        self._region, self._account, self._clock = session.region_name, account, clock
        self._deployed = deployed
        self._preview_stack = preview_stack_name(stage)
        self._stack = stack_name(stage) if deployed else self._preview_stack
        # The whole name of the stack: the right to deploy a stage is for buckets that begin with it.
        self._bucket_prefix = f"{stack_name(stage)}-preview-"
        self._undeleted = list[str]()

    def compare(self, template: str, tags: Mapping[str, str]) -> Comparison:
        self._delete_leftovers()
        with ExitStack() as cleanup:

            def at_end(delete: Callable[[], None]) -> None:
                """Delete something at the end, also after an exception or Ctrl-C while it is being created."""
                cleanup.callback(self._try_at_end, delete)

            if len(template) <= MAX_BODY_BYTES:
                source = {"TemplateBody": template}
            elif bucket := self._deployment_bucket():
                at_end(partial(self._delete_object, bucket))
                source = {"TemplateURL": self._upload(bucket, template)}
            else:
                bucket = self._new_bucket_name()
                at_end(partial(self._delete_bucket, bucket))
                self._create_bucket(bucket)
                source = {"TemplateURL": self._upload(bucket, template)}
            delete = self._delete_change_set if self._deployed else self._delete_preview_stack
            at_end(partial(delete, _MAX_CLEANUP_SECONDS))
            # The result has the list to which the deletions at the end add.
            return self._create_and_describe(source, tags)

    def _create_and_describe(self, source: Mapping[str, str], tags: Mapping[str, str]) -> Comparison:
        print_status(f"asking CloudFormation for a change set of {self._stack}, which is not executed")
        try:
            created = self._cloudformation.create_change_set(
                StackName=self._stack,
                ChangeSetName=CHANGE_SET,
                ChangeSetType="UPDATE" if self._deployed else "CREATE",
                Description=DESCRIPTION,
                Capabilities=_CAPABILITIES,
                Parameters=[],
                NotificationARNs=[],
                Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
                **source,
            )
        except ClientError as error:
            return Comparison("REFUSED", explain(error), [], [], self._undeleted)
        description = self._wait_until_created(self._stack)
        if description is None:
            raise CommandError(
                f"the change set {CHANGE_SET} of {self._stack} was deleted meanwhile, perhaps by another preview of "
                "this stage. Run this again when that one has ended"
            )
        pages = self._cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=created["Id"])
        changes = [change["ResourceChange"] for change in pages.search("Changes[]") if "ResourceChange" in change]
        comparison = Comparison(
            description["Status"], description.get("StatusReason", ""), changes, [], self._undeleted
        )
        try:
            return comparison._replace(failures=self._failures(created["Id"]))
        except (BotoCoreError, ClientError) as error:
            return comparison._replace(unread=f"{explain(error)}. Allow cloudformation:DescribeEvents")

    def _failures(self, change_set_id: str) -> list[Failure]:
        """Return the failed validations and hooks. All events are read: the filter for failed ones may omit warnings.

        DescribeEvents takes a change set's ARN, but not its name:
        https://github.com/aws-cloudformation/cloudformation-cli/issues/1116
        """
        pages = self._cloudformation.get_paginator("describe_events").paginate(ChangeSetName=change_set_id)
        events = pages.search("OperationEvents[]")
        return read_failures(event for event in events if event.get("EventType", "").endswith("_ERROR"))

    def _delete_leftovers(self) -> None:
        """Delete what a killed preview of this stage left, or print that it may still exist.

        Raises:
            CommandError: this preview needs the name of something that cannot be deleted.
        """
        deletions: list[Callable[[], None]] = [self._delete_left_buckets]
        if bucket := self._deployment_bucket():
            deletions.append(partial(self._delete_object, bucket))
        if self._deployed:
            deletions.append(partial(self._delete_preview_stack, _MAX_CLEANUP_SECONDS))
        needed = self._delete_change_set if self._deployed else self._delete_preview_stack
        for delete in (*deletions, needed):
            try:
                delete()
            except (BotoCoreError, ClientError, CommandError) as error:
                if delete == needed and isinstance(error, CommandError):
                    raise
                print_status(f"what an earlier preview left may still exist ({_reason(error)})")

    def _try_at_end(self, delete: Callable[[], None]) -> None:
        try:
            delete()
        except (BotoCoreError, ClientError, CommandError) as error:
            self._undeleted.append(f"{_reason(error)}. The next preview of this stage tries again")
            print_status(f"not deleted: {self._undeleted[-1]}")

    def _wait_until_created(self, stack: str, max_seconds: int = _MAX_SECONDS) -> Any | None:
        """Return the description of the change set as soon as its creation has ended; None if it does not exist."""
        deadline = self._clock.monotonic() + max_seconds
        while True:
            try:
                description = self._cloudformation.describe_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
            except ClientError as error:
                if error.response["Error"].get("Code") != "ChangeSetNotFound" and not is_missing(error):
                    raise
                return None
            if description["Status"] not in _IN_CREATION:
                return description
            if self._clock.monotonic() > deadline:
                raise CommandError(
                    f"the change set {CHANGE_SET} of {stack} is {description['Status']} after {max_seconds} s"
                )
            self._clock.sleep(_POLL_SECONDS)

    def _delete_change_set(self, max_seconds: int = _MAX_SECONDS) -> None:
        """Delete the change set of the stage's stack if it exists. CloudFormation refuses that during its creation."""
        if self._wait_until_created(self._stack, max_seconds):
            self._cloudformation.delete_change_set(StackName=self._stack, ChangeSetName=CHANGE_SET)

    def _delete_preview_stack(self, max_seconds: int = _MAX_SECONDS) -> None:
        """Delete the stack without resources, with its change set, if it exists and a preview created it."""
        stack: StackTypeDef | None = find_stack_by_name(self._cloudformation, self._preview_stack)
        if stack is None:
            return
        status = stack["StackStatus"]
        if status == "DELETE_IN_PROGRESS":
            stack_state.wait_until_deleted(self._cloudformation, stack)
            return
        description = None
        if stack_state.is_abandoned(stack):
            description = self._wait_until_created(self._preview_stack, max_seconds)
        if description is None or description.get("Description") != DESCRIPTION:
            raise CommandError(
                f"the stack {self._preview_stack} ({status}) has resources, or not the change set {CHANGE_SET} of a "
                "preview, so it may belong to something else. Delete it, or choose another name for the stage"
            )
        stack_state.delete_and_wait(self._cloudformation, stack)

    def _deployment_bucket(self) -> str | None:
        """Return the name of the deployed stage's bucket for templates; None if it has none."""
        outputs = self._deployed.get("Outputs", []) if self._deployed else []
        return next(
            (output["OutputValue"] for output in outputs if output["OutputKey"] == "ServerlessDeploymentBucketName"),
            None,
        )

    def _new_bucket_name(self) -> str:
        prefix = self._bucket_prefix
        if prefix != prefix.lower() or len(prefix) > _MAX_BUCKET_PREFIX_CHARACTERS:
            raise CommandError(
                f"the template has more than {MAX_BODY_BYTES} bytes, so the preview of a new stage needs a bucket "
                f"`{prefix}...`; S3 allows no capitals in this name, and {_MAX_BUCKET_PREFIX_CHARACTERS} characters "
                "before the dots. Choose a shorter name for the stage, in lower case, or deploy without a preview"
            )
        return f"{prefix}{uuid4().hex[:_BUCKET_DIGITS]}"

    def _create_bucket(self, bucket: str) -> None:
        where = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        self._s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))

    def _upload(self, bucket: str, template: str) -> str:
        """Put a template into a bucket, and return its URL."""
        self._s3.put_object(Bucket=bucket, Key=OBJECT_KEY, Body=template.encode(), ExpectedBucketOwner=self._account)
        return f"{self._s3.meta.endpoint_url}/{bucket}/{OBJECT_KEY}"

    def _delete_object(self, bucket: str) -> None:
        self._s3.delete_object(Bucket=bucket, Key=OBJECT_KEY, ExpectedBucketOwner=self._account)

    def _delete_bucket(self, bucket: str) -> None:
        """Delete a bucket with the uploaded template, if it exists. S3 refuses if it contains anything else."""
        try:
            self._delete_object(bucket)
            self._s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=self._account)
        except self._s3.exceptions.NoSuchBucket:
            return

    def _delete_left_buckets(self) -> None:
        pages = self._s3.get_paginator("list_buckets").paginate(Prefix=self._bucket_prefix, BucketRegion=self._region)
        for name in pages.search("Buckets[].Name"):
            if re.fullmatch(f"{re.escape(self._bucket_prefix)}[0-9a-f]{{{_BUCKET_DIGITS}}}", name):
                self._delete_bucket(name)


def _reason(error: BotoCoreError | ClientError | CommandError) -> str:
    return str(error) if isinstance(error, CommandError) else explain(error)
