"""State of a stage's CloudFormation stack: whether it can be deployed, and whether a deploy has reached a new state."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import find_stack, is_missing, require_stack, stack_name

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

_MAX_LAG_SECONDS = 10  # of the stack's description behind its events, which osls reads
_SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_DEPLOYABLE = (*_SUCCEEDED, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
_DELETE = "aws cloudformation delete-stack --stack-name {stack}"

REVIEW = "REVIEW_IN_PROGRESS"

REMEDIES = {
    REVIEW: ("it has no resources: another deploy is about to create them, or a first one ended before that", _DELETE),
    "UPDATE_ROLLBACK_FAILED": (
        "a failed update could not be undone",
        "aws cloudformation continue-update-rollback --stack-name {stack}",
    ),
    "UPDATE_FAILED": ("a failed update was not undone", "aws cloudformation rollback-stack --stack-name {stack}"),
    "CREATE_FAILED": ("its creation failed", _DELETE),
    "ROLLBACK_COMPLETE": ("its creation failed and was undone", _DELETE),
    "ROLLBACK_FAILED": ("its creation failed and could not be undone", _DELETE),
    "DELETE_FAILED": ("its removal failed", "make remove STAGE={stage}"),
    "*_IN_PROGRESS": (
        "another deploy or a removal changes it; wait until it has ended",
        "aws cloudformation describe-stacks --stack-name {stack} --query 'Stacks[0].StackStatus'",
    ),
    "others": (
        "CloudFormation accepts no deploy; its events say why",
        "aws cloudformation describe-stack-events --stack-name {stack}",
    ),
}
"""States in which a stage cannot be deployed: the meaning of each, and the command that ends or shows it."""


class Observation(NamedTuple):
    """State of a stack before `sls deploy`."""

    version: object  # changes with each creation and update; None: there is no stack
    operation_ids: frozenset[str]
    change_set_id: str | None  # of osls' last change set, which stays if it failed
    observed_at: datetime


def require_deployable(cloudformation: "CloudFormationClient", stage: str) -> "StackTypeDef | None":
    """Return a stage's stack, to which CloudFormation accepts a deploy; None if there is none.

    Raises:
        CommandError: the stack has another state.
    """
    stack = find_stack(cloudformation, stage)
    if stack is None or stack["StackStatus"] in _DEPLOYABLE:
        return stack
    status = stack["StackStatus"]
    default = "*_IN_PROGRESS" if status.endswith("_IN_PROGRESS") else "others"
    meaning, command = REMEDIES.get(status, REMEDIES[default])
    region = f" --region {cloudformation.meta.region_name}" if command.startswith("aws") else ""
    raise CommandError(
        f"the stack {stack_name(stage)} is {status}: {meaning}. Nothing was deployed. Run\n"
        f"{command.format(stack=stack_name(stage), stage=stage)}{region}\n"
        "and repeat this when the state has changed (docs/deploy.md#the-state-of-the-stack)."
    )


def find_change_set(cloudformation: "CloudFormationClient", stage: str) -> Any | None:
    """Return the description of osls' last change set of a stage; None if it was deleted, or the stack is new."""
    stack = stack_name(stage)
    try:
        return cloudformation.describe_change_set(StackName=stack, ChangeSetName=f"{stack}-change-set")
    except ClientError as error:
        if error.response["Error"].get("Code") != "ChangeSetNotFound" and not is_missing(error):
            raise
        return None


def observe(cloudformation: "CloudFormationClient", stage: str) -> Observation:
    """Return the state of a stage's stack."""
    stack: Any = find_stack(cloudformation, stage) or {}
    change_set = find_change_set(cloudformation, stage) if stack else None
    return Observation(
        _version(stack),
        frozenset(operation["OperationId"] for operation in stack.get("LastOperations", [])),
        change_set["ChangeSetId"] if change_set else None,
        datetime.now(UTC),
    )


def require_new_state(
    cloudformation: "CloudFormationClient", stage: str, before: Observation, clock: Clock = CLOCK
) -> None:
    """Check that the stack was created or updated since an observation.

    `sls deploy` also succeeds where it asked CloudFormation for nothing. Each deploy changes the stack, because the
    keys of its uploads contain a time.

    Raises:
        CommandError: the stack was not updated.
    """
    deadline = clock.monotonic() + _MAX_LAG_SECONDS
    stack: Any = require_stack(cloudformation, stage)
    while stack["StackStatus"].endswith("_IN_PROGRESS") and clock.monotonic() < deadline:
        clock.sleep(1)
        stack = require_stack(cloudformation, stage)
    status = stack["StackStatus"]
    if status in _SUCCEEDED and _version(stack) != before.version:
        return
    raise CommandError(
        f"sls deploy succeeded, but the stack {stack_name(stage)} was not updated: it is {status} since "
        f"{stack.get('LastUpdatedTime') or stack['CreationTime']:%Y-%m-%d %H:%M:%S %Z}. Nothing was migrated. See its "
        "events in the CloudFormation console, and deploy again."
    )


def _version(stack: Any) -> object:
    return (stack["StackId"], stack.get("LastUpdatedTime") or stack["CreationTime"]) if stack else None
