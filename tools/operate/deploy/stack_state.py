"""State of a stage's CloudFormation stack: whether it can be deployed, and whether a deploy has reached a new state."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError, WaiterError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import find_stack, is_missing, require_stack, stack_name
from tools.kit.output import print_status

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef, WaiterConfigTypeDef

_POLLS: "WaiterConfigTypeDef" = {"Delay": 2, "MaxAttempts": 150}  # at most 300 s
_MAX_LAG_SECONDS = 10  # of the stack's description behind its events, which osls reads
_MIN_AGE_SECONDS = 180  # no deploy waits longer before it executes its change set
_ABANDONED = "REVIEW_IN_PROGRESS"  # no change set was executed: no resources, no template; osls refuses to deploy to it
_IN_CREATION = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
_SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_DEPLOYABLE = (*_SUCCEEDED, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE", _ABANDONED)
_DELETE = "aws cloudformation delete-stack --stack-name {stack}"

REMEDIES = {
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
    key = "*_IN_PROGRESS" if status.endswith("_IN_PROGRESS") else status
    meaning, command = REMEDIES.get(key, REMEDIES["others"])
    raise CommandError(
        f"the stack {stack_name(stage)} is {status}: {meaning}. Nothing was deployed. Run\n"
        f"{_format_command(cloudformation, stage, command)}\n"
        "and repeat this when the state has changed (docs/deploy.md#the-state-of-the-stack)."
    )


def prepare(cloudformation: "CloudFormationClient", stage: str, clock: Clock = CLOCK) -> None:
    """Check again that a stage's stack can be deployed, and delete it if its first change set was never executed.

    Raises:
        CommandError: it cannot, another deploy may be running, or the deletion takes too long.
    """
    stack = require_deployable(cloudformation, stage)
    if stack is None:
        return
    # A change set has the same name in each deploy, so one of two could execute the other's.
    status = (find_change_set(cloudformation, stage) or {}).get("Status")
    age_seconds = (clock.now() - stack["CreationTime"]).total_seconds()
    reason = f"its change set is {status}" if status in _IN_CREATION else ""
    if not reason and is_abandoned(stack) and status != "FAILED" and age_seconds < _MIN_AGE_SECONDS:
        reason = f"it was created {age_seconds:.0f} s ago, and a deploy may take {_MIN_AGE_SECONDS} s to begin"
    if reason:
        raise CommandError(
            f"another deploy may be changing the stack {stack_name(stage)}: {reason}. Wait until it has ended, and run "
            "this again"
        )
    if not is_abandoned(stack):
        return
    print_status(f"deleting the stack {stack_name(stage)}, which has no resources ({stack['StackStatus']})")
    # By its id, because another deploy may create a stack of the same name meanwhile.
    cloudformation.delete_stack(StackName=stack["StackId"])
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack["StackId"], WaiterConfig=_POLLS)
    except WaiterError as error:
        raise CommandError(
            f"the stack {stack['StackName']} could not be deleted: {error}. See its events in the CloudFormation "
            "console, and run this again"
        ) from error


def is_abandoned(stack: "StackTypeDef") -> bool:
    """Return whether the resources of a stack were never created, because its first change set was not executed."""
    return stack["StackStatus"] == _ABANDONED


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
    """Check that the stack was created or updated since an observation, or that CloudFormation found no changes.

    `sls deploy` also succeeds where it asked CloudFormation for nothing.

    Raises:
        CommandError: neither is the case.
    """
    deadline = clock.monotonic() + _MAX_LAG_SECONDS
    stack: Any = require_stack(cloudformation, stage)
    while stack["StackStatus"].endswith("_IN_PROGRESS") and clock.monotonic() < deadline:
        clock.sleep(1)
        stack = require_stack(cloudformation, stage)
    status = stack["StackStatus"]
    if status in _SUCCEEDED and _version(stack) != before.version:
        return
    new_operations = {
        operation["OperationType"]
        for operation in stack.get("LastOperations", [])
        if operation["OperationId"] not in before.operation_ids
    }
    if status in _SUCCEEDED and new_operations == {"CREATE_CHANGESET"}:
        print_status("CloudFormation reported no changes")
        return
    raise CommandError(
        f"sls deploy succeeded, but the stack {stack_name(stage)} was not updated: it is {status} since "
        f"{stack.get('LastUpdatedTime') or stack['CreationTime']:%Y-%m-%d %H:%M:%S %Z}. Nothing was migrated. See its "
        "events in the CloudFormation console, and deploy again."
    )


def print_interruption(cloudformation: "CloudFormationClient", stage: str) -> None:
    """Print that CloudFormation goes on although `sls deploy` was interrupted, and the commands that wait and undo."""
    wait, cancel = (
        _format_command(cloudformation, stage, f"aws cloudformation {words} --stack-name {{stack}}")
        for words in ("wait stack-update-complete", "cancel-update-stack")
    )
    print_status(
        "CloudFormation goes on with what it has begun. To wait for its end:",
        f"  {wait}",
        "To return to the state before this update:",
        f"  {cancel}",
    )


def _version(stack: Any) -> object:
    return (stack["StackId"], stack.get("LastUpdatedTime") or stack["CreationTime"]) if stack else None


def _format_command(cloudformation: "CloudFormationClient", stage: str, command: str) -> str:
    region = f" --region {cloudformation.meta.region_name}" if command.startswith("aws") else ""
    return command.format(stack=stack_name(stage), stage=stage) + region
