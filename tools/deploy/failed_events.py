"""Reasons for which CloudFormation refused or failed an operation on a stage's stack.

It validates a change set before it makes anything. What fails then is no stack event: osls prints that DescribeEvents
has the details.
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

_CLOCK_TOLERANCE = timedelta(minutes=5)  # AWS refuses requests of a clock that is further off
_CANCELLED = {"Resource creation cancelled", "Resource update cancelled"}  # since another resource failed


class Observation(NamedTuple):
    """State of a stack before an operation."""

    operation_ids: frozenset[str]
    observed_at: datetime


def observe(formation: "CloudFormationClient", stage: str) -> Observation:
    """Return which operations on a stage's stack CloudFormation lists so far."""
    stack: Any = find_stack(formation, stage) or {}
    operation_ids = frozenset(each["OperationId"] for each in stack.get("LastOperations", []))
    return Observation(operation_ids, datetime.now(UTC))


def print_new_failures(formation: "CloudFormationClient", stage: str, observation: Observation) -> None:
    """Print resource, path and reason of what has failed since then; if AWS refuses to show it, the missing right."""
    stack: Any = None
    try:
        stack = find_stack(formation, stage)
        events = _new_failures(formation, stack["StackId"], observation) if stack else []
    except (BotoCoreError, ClientError) as error:
        name = stack["StackId"] if stack else "<the stack>"
        print_status(
            f"not shown: CloudFormation's reason, for {explain(error)}",
            "Allow cloudformation:DescribeEvents, or as a user who has it: aws cloudformation describe-events "
            f"--stack-name {name} --filters FailedEvents=true --region {formation.meta.region_name}",
        )
        return
    if lines := dict.fromkeys(_format(events)):
        print_status("CloudFormation says:", *lines)


def _new_failures(formation: Any, stack_id: str, observation: Observation) -> list[Any]:
    """Return the failures of operations that were not listed before, oldest first."""
    since = observation.observed_at - _CLOCK_TOLERANCE
    pages = formation.get_paginator("describe_events").paginate(StackName=stack_id, Filters={"FailedEvents": True})
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
