"""Stack whose first change set was never executed, since the deploy was interrupted or the change set was refused.

CloudFormation calls it REVIEW_IN_PROGRESS. It has no resources and no template, and osls refuses to deploy it.
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

_POLLS: "WaiterConfigTypeDef" = {"Delay": 2, "MaxAttempts": 150}  # so 300 s at most
_MIN_AGE_SECONDS = 180  # after which no deploy still waits to execute its change set


def is_abandoned(stack: "StackTypeDef") -> bool:
    """Return whether a stack was never created."""
    return stack["StackStatus"] == "REVIEW_IN_PROGRESS"


def delete(formation: "CloudFormationClient", stage: str, clock: Clock = CLOCK) -> bool:
    """Delete a stage's stack if it was never created, and wait until it is gone; leave any other as it is.

    Returns:
        Whether there was such a stack.

    Raises:
        CommandError: another deploy may be creating it, or it is not gone in time.
    """
    stack = find_stack(formation, stage)
    if stack is None or not is_abandoned(stack):
        return False
    _require_no_deploy(formation, stack, stage, clock.now())
    print_status(f"deleting the stack {stack_name(stage)}: it is {stack['StackStatus']}, and has no resources")
    # By its id, which a stack of the same name that another deploy creates meanwhile does not have.
    formation.delete_stack(StackName=stack["StackId"])
    try:
        formation.get_waiter("stack_delete_complete").wait(StackName=stack["StackId"], WaiterConfig=_POLLS)
    except WaiterError as error:
        raise CommandError(
            f"the stack {stack_name(stage)} is not deleted: {error}. See its events in CloudFormation's console, and "
            "run this again"
        ) from error
    return True


def _require_no_deploy(formation: "CloudFormationClient", stack: "StackTypeDef", stage: str, now: datetime) -> None:
    pages = formation.get_paginator("list_change_sets").paginate(StackName=stack["StackName"])
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
        f"there is none, until the stack is {_MIN_AGE_SECONDS} s old, and run this again"
    )
