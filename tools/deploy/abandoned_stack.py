"""Stacks whose first change set was never executed, because the deploy was interrupted or the change set refused.

Their status is REVIEW_IN_PROGRESS. They have no resources and no template, and osls refuses to deploy to them.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import WaiterError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import find_stack, stack_name
from tools.kit.output import print_status

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef, WaiterConfigTypeDef

_POLLS: "WaiterConfigTypeDef" = {"Delay": 2, "MaxAttempts": 150}  # at most 300 s
_MIN_AGE_SECONDS = 180  # no deploy waits longer before it executes its change set


def is_abandoned(stack: "StackTypeDef") -> bool:
    """Return whether the resources of a stack were never created."""
    return stack["StackStatus"] == "REVIEW_IN_PROGRESS"


def delete(cloudformation: "CloudFormationClient", stage: str, clock: Clock = CLOCK) -> bool:
    """Delete a stage's stack if it was abandoned, and wait until it is deleted.

    Returns:
        Whether there was such a stack.

    Raises:
        CommandError: another deploy may be creating it, or the deletion takes too long.
    """
    stack = find_stack(cloudformation, stage)
    if stack is None or not is_abandoned(stack):
        return False
    _require_no_deploy(cloudformation, stack, stage, clock.now())
    print_status(f"deleting the stack {stack_name(stage)}, which has no resources ({stack['StackStatus']})")
    delete_and_wait(cloudformation, stack)
    return True


def delete_and_wait(cloudformation: "CloudFormationClient", stack: "StackTypeDef") -> None:
    """Delete a stack, and wait until it is deleted.

    Raises:
        CommandError: the deletion takes too long.
    """
    # By its id, because another deploy may create a stack of the same name meanwhile.
    cloudformation.delete_stack(StackName=stack["StackId"])
    wait_until_deleted(cloudformation, stack)


def wait_until_deleted(cloudformation: "CloudFormationClient", stack: "StackTypeDef") -> None:
    """Wait until a stack is deleted.

    Raises:
        CommandError: the deletion fails or takes too long.
    """
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack["StackId"], WaiterConfig=_POLLS)
    except WaiterError as error:
        raise CommandError(
            f"the stack {stack['StackName']} could not be deleted: {error}. See its events in the CloudFormation "
            "console, and run this again"
        ) from error


def _require_no_deploy(
    cloudformation: "CloudFormationClient", stack: "StackTypeDef", stage: str, now: datetime
) -> None:
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=stack["StackName"])
    statuses = set(pages.search("Summaries[].Status"))
    age = now - stack["CreationTime"]
    if in_creation := {"CREATE_PENDING", "CREATE_IN_PROGRESS"} & statuses:
        reason = f"its change set is {in_creation.pop()}"
    elif statuses != {"FAILED"} and age < timedelta(seconds=_MIN_AGE_SECONDS):  # a failed one is never executed
        reason = f"it was created {age.total_seconds():.0f} s ago"
    else:
        return
    raise CommandError(
        f"another deploy may be creating the stack {stack_name(stage)}: {reason}. Wait until it has ended, or, if "
        f"no deploy is running, until the stack is {_MIN_AGE_SECONDS} s old, and run this again"
    )
