"""Reasons why CloudFormation refused or failed an operation on a stage's stack.

Failures of the validation before a change set are not stack events, so osls does not print them; DescribeEvents has
them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.osls import find_stack, stack_name
from tools.kit.output import print_status
from tools.kit.target import explain
from tools.operate.deploy import stack_state

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_CLOCK_TOLERANCE = timedelta(minutes=5)  # AWS refuses requests if the clocks differ by more
_CANCELLED = {"Resource creation cancelled", "Resource update cancelled"}  # because another resource failed


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


def print_new_failures(cloudformation: "CloudFormationClient", stage: str, before: stack_state.Observation) -> None:
    """Print each failure since an observation, or the permission that shows them."""
    try:
        failures = _new_failures(cloudformation, stage, before)
    except (BotoCoreError, ClientError) as error:
        print_status(
            f"not shown: CloudFormation's reason ({explain(error)}).",
            "Allow cloudformation:DescribeEvents, or run as a user who has it: aws cloudformation describe-events "
            f"--stack-name {stack_name(stage)} --filters FailedEvents=true --region {cloudformation.meta.region_name}",
        )
        return
    if failures:
        print_status("CloudFormation's reasons:", *(f"  {failure}" for failure in failures))


def _new_failures(cloudformation: Any, stage: str, before: stack_state.Observation) -> list[Failure]:
    """Return the failures since an observation, oldest first; without an event, the reason of the failed change set.

    Events of a change set are also requested by its ARN, as those of its validation may not belong to the stack:
    https://github.com/aws-cloudformation/cloudformation-cli/issues/1116
    """
    if (stack := find_stack(cloudformation, stage)) is None:
        return []
    sources = [{"StackName": stack["StackId"]}]
    change_set = stack_state.find_change_set(cloudformation, stage)
    if change_set and change_set["ChangeSetId"] != before.change_set_id:
        sources.append({"ChangeSetName": change_set["ChangeSetId"]})
    else:
        change_set = None  # of an earlier deploy
    events: list[Any] = []
    refusal = None
    for source in sources:
        try:
            pages = cloudformation.get_paginator("describe_events").paginate(**source, Filters={"FailedEvents": True})
            events += pages.search("OperationEvents[]")
        except ClientError as error:
            refusal = error
    now = datetime.now(UTC)  # for events without a time, which are then printed
    events = [event for event in events if event.get("OperationId") not in before.operation_ids]
    events = [event for event in events if event.get("Timestamp", now) >= before.observed_at - _CLOCK_TOLERANCE]
    failures = read_failures(sorted(events, key=lambda event: event.get("Timestamp", now)))
    if not failures and change_set and change_set["Status"] == "FAILED":
        return [Failure(None, None, None, change_set.get("StatusReason", "FAILED"), is_warning=False)]
    if not failures and refusal:
        raise refusal
    return failures


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
