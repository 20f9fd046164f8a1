"""State of a stage's CloudFormation stack: whether it can be deployed, and whether a deploy has reached a new state."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import find_stack, require_stack, stack_name

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

Version = tuple[str, datetime]
"""Id of a stack, and time of its creation or last update."""

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


def find_version(cloudformation: "CloudFormationClient", stage: str) -> Version | None:
    """Return the version of a stage's stack; None if there is no stack."""
    stack = find_stack(cloudformation, stage)
    return _version(stack) if stack else None


def require_new_version(
    cloudformation: "CloudFormationClient", stage: str, before: Version | None, clock: Clock = CLOCK
) -> None:
    """Check that the stack was created or updated since it had a version.

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
    if status in _SUCCEEDED and _version(stack) != before:
        return
    raise CommandError(
        f"sls deploy succeeded, but the stack {stack_name(stage)} was not updated: it is {status} since "
        f"{stack.get('LastUpdatedTime') or stack['CreationTime']:%Y-%m-%d %H:%M:%S %Z}. Nothing was migrated. See its "
        "events in the CloudFormation console, and deploy again."
    )


def _version(stack: Any) -> Version:
    return stack["StackId"], stack.get("LastUpdatedTime") or stack["CreationTime"]
