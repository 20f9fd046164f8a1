"""Reasons why CloudFormation refused or failed an operation on a stage's stack.

Failures of the validation before a change set are not stack events, so osls does not print them; DescribeEvents has
them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.osls import find_stack
from tools.kit.output import print_status
from tools.kit.target import explain

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_CLOCK_TOLERANCE = timedelta(minutes=5)  # AWS refuses requests if the clocks differ by more
_CANCELLED = {"Resource creation cancelled", "Resource update cancelled"}  # because another resource failed


class Observation(NamedTuple):
    """State of a stack before an operation."""

    operation_ids: frozenset[str]
    observed_at: datetime


def observe_stack(cloudformation: "CloudFormationClient", stage: str) -> Observation:
    """Return the operations on a stage's stack up to now."""
    stack: Any = find_stack(cloudformation, stage) or {}
    operation_ids = frozenset(operation["OperationId"] for operation in stack.get("LastOperations", []))
    return Observation(operation_ids, datetime.now(UTC))


def print_new_failures(cloudformation: "CloudFormationClient", stage: str, observation: Observation) -> None:
    """Print resource, path and reason of each failure since an observation, or the permission that is missing."""
    stack: Any = None
    try:
        stack = find_stack(cloudformation, stage)
        events = _new_failures(cloudformation, stack["StackId"], observation) if stack else []
    except (BotoCoreError, ClientError) as error:
        name = stack["StackId"] if stack else "<the stack>"
        print_status(
            f"not shown: CloudFormation's reason ({explain(error)}).",
            "Allow cloudformation:DescribeEvents, or run as a user who has it: aws cloudformation describe-events "
            f"--stack-name {name} --filters FailedEvents=true --region {cloudformation.meta.region_name}",
        )
        return
    if lines := dict.fromkeys(_format(events)):
        print_status("CloudFormation's reasons:", *lines)


def _new_failures(cloudformation: Any, stack_id: str, observation: Observation) -> list[Any]:
    """Return the failed events of operations that began since an observation, oldest first."""
    since = observation.observed_at - _CLOCK_TOLERANCE
    pages = cloudformation.get_paginator("describe_events").paginate(StackName=stack_id, Filters={"FailedEvents": True})
    events = [
        event
        for event in pages.search("OperationEvents[]")
        if event["Timestamp"] >= since and event.get("OperationId") not in observation.operation_ids
    ]
    return sorted(events, key=lambda event: event["Timestamp"])


def _format(events: list[Any]) -> Iterator[str]:
    for event in events:
        reasons = (event.get(f"{kind}StatusReason") for kind in ("Validation", "Resource", "Hook"))
        reason = next(filter(None, reasons), None)
        if reason is None or reason in _CANCELLED:
            continue
        is_warning = "WARN" in (event.get("ValidationFailureMode"), event.get("HookFailureMode"))
        kind = f" ({event['ResourceType']})" if "ResourceType" in event else ""
        path = f", {event['ValidationPath']}" if "ValidationPath" in event else ""
        resource = event.get("LogicalResourceId", "the stack")
        yield f"  {'warning: ' if is_warning else ''}{resource}{kind}{path}: {reason}"
