"""Reasons why CloudFormation refused or failed an operation on a stage's stack.

Failures of the validation before a change set are not stack events, so osls does not print them; DescribeEvents has
them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.osls import find_stack
from tools.kit.output import print_status
from tools.kit.target import explain

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_CLOCK_TOLERANCE = timedelta(minutes=5)  # AWS refuses requests if the clocks differ by more
_NO_TIME = datetime.max.replace(tzinfo=UTC)  # CloudFormation's model does not require an event's time
_CANCELLED = {"Resource creation cancelled", "Resource update cancelled"}  # because another resource failed


class Observation(NamedTuple):
    """State of a stack before an operation."""

    operation_ids: frozenset[str]
    observed_at: datetime


class Failure(NamedTuple):
    """A failure, or a warning, of CloudFormation."""

    resource: str | None  # logical id; None: the operation as a whole
    type: str | None
    path: str | None  # of the property in the template
    reason: str
    is_warning: bool

    def __str__(self) -> str:
        kind = f" ({self.type})" if self.type else ""
        path = f", {self.path}" if self.path else ""
        return f"{'warning: ' if self.is_warning else ''}{self.resource or 'the stack'}{kind}{path}: {self.reason}"


def observe_stack(cloudformation: "CloudFormationClient", stage: str) -> Observation:
    """Return the operations on a stage's stack up to now."""
    stack: Any = find_stack(cloudformation, stage) or {}
    operation_ids = frozenset(operation["OperationId"] for operation in stack.get("LastOperations", []))
    return Observation(operation_ids, datetime.now(UTC))


def print_new_failures(cloudformation: "CloudFormationClient", stage: str, observation: Observation) -> None:
    """Print each failure since an observation, or the permission that is missing."""
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
    if failures := read_failures(events):
        print_status("CloudFormation's reasons:", *(f"  {failure}" for failure in failures))


def _new_failures(cloudformation: Any, stack_id: str, observation: Observation) -> list[Any]:
    """Return the failed events of operations that began since an observation, oldest first.

    An event without a time is included, and comes last: a reason too many is better than none.
    """
    since = observation.observed_at - _CLOCK_TOLERANCE
    pages = cloudformation.get_paginator("describe_events").paginate(StackName=stack_id, Filters={"FailedEvents": True})
    events = [
        (event.get("Timestamp") or _NO_TIME, event)
        for event in pages.search("OperationEvents[]")
        if event.get("OperationId") not in observation.operation_ids
    ]
    return [event for time, event in sorted(events, key=itemgetter(0)) if time >= since]


def read_failures(events: Iterable[Any]) -> list[Failure]:
    """Return the failures with reasons among OperationEvents, each once."""
    return list(dict.fromkeys(_failures(events)))


def _failures(events: Iterable[Any]) -> Iterator[Failure]:
    for event in events:
        reasons = (event.get(f"{kind}StatusReason") for kind in ("Validation", "Resource", "Hook"))
        reason = next(filter(None, reasons), None)
        if reason is None or reason in _CANCELLED:
            continue
        modes = (event.get("ValidationFailureMode"), event.get("HookFailureMode"))
        is_warning = "WARN" in modes or event.get("ValidationStatus") == "SKIPPED"
        resource, kind, path = map(event.get, ("LogicalResourceId", "ResourceType", "ValidationPath"))
        yield Failure(resource, kind, path, reason, is_warning)
