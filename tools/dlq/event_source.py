"""State of the drain, which is the function's event source mapping, and how long punches wait."""

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ponto.log import NAMESPACE
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.target import Target

PAUSED = "Disabled"
"""The state of a drain of which no batch begins."""

_SWITCH_SECONDS = 300  # AWS takes up to a minute or so
_POLL_SECONDS = 1
_RECENT = timedelta(minutes=15)  # CloudWatch's figures are minutes late, and what fails is back within 8
_PERIOD_SECONDS = 300  # of which CloudWatch keeps the figures for 63 days


def switch(target: Target, *, enabled: bool, clock: Clock = CLOCK) -> bool:
    """Start or stop the drain, and wait until it has started or stopped.

    Returns:
        Whether that was a change.

    Raises:
        CommandError: the function has no mapping, or the state was not reached in time.
    """
    functions = target.functions()
    wanted, other = ("Enabled", PAUSED) if enabled else (PAUSED, "Enabled")
    asked = set[str]()
    for mapping in _mappings(target):
        deadline = clock.monotonic() + _SWITCH_SECONDS
        while (state := functions.get_event_source_mapping(UUID=mapping)["State"]) != wanted:
            if state == other and mapping not in asked:  # in between (Enabling, Updating, ...) AWS refuses a change
                functions.update_event_source_mapping(UUID=mapping, Enabled=enabled)
                asked.add(mapping)
            elif clock.monotonic() > deadline:
                raise CommandError(
                    f"event source mapping {mapping} is still {state} after {_SWITCH_SECONDS} s; "
                    "run it again to wait on",
                    1,
                )
            else:
                clock.sleep(_POLL_SECONDS)
    return bool(asked)


class DrainState(NamedTuple):
    """State of the drain."""

    state: str  # as Lambda has it: Enabled, PAUSED, or on the way from one to the other
    paused_since: datetime | None  # None: it is not paused, or AWS does not say since when


def drain_state(target: Target) -> DrainState:
    """Return the state of the drain.

    Raises:
        CommandError: the function has no mapping.
    """
    functions = target.functions()
    found = [functions.get_event_source_mapping(UUID=mapping) for mapping in _mappings(target)]
    paused = [mapping for mapping in found if mapping["State"] == PAUSED]
    since = [mapping["LastModified"] for mapping in paused if "LastModified" in mapping]
    return DrainState((paused or found)[0]["State"], min(since, default=None))


class QueueTimes(NamedTuple):
    """Time for which the queue keeps a punch, in seconds."""

    retention: int  # from its acceptance, whatever happens; then it is lost
    until_dead_letter: int  # from its first receive, if it fails each time; then it is dead-lettered


def queue_times(target: Target) -> QueueTimes:
    """Return how long the queue of punches keeps one."""
    attributes = target.sqs().get_queue_attributes(
        QueueUrl=target.queue_url, AttributeNames=["MessageRetentionPeriod", "RedrivePolicy", "VisibilityTimeout"]
    )["Attributes"]
    receives = int(json.loads(attributes.get("RedrivePolicy", "{}")).get("maxReceiveCount", 0))
    return QueueTimes(int(attributes["MessageRetentionPeriod"]), receives * int(attributes["VisibilityTimeout"]))


class OldestAges(NamedTuple):
    """Age of the oldest punch in the queue, in seconds; None: CloudWatch has no figure."""

    in_queue: float | None  # as SQS counts it, which leaves out what was received three times or more
    failed: float | None  # of what failed in the last minutes before the pause, which may be what SQS leaves out


def oldest_ages(target: Target, paused: datetime) -> OldestAges:
    """Return how long the oldest punch in the queue has waited, as CloudWatch has it."""
    now = datetime.now(UTC)
    in_queue = _maximum(target, "AWS/SQS", "ApproximateAgeOfOldestMessage", now - _RECENT, now)
    failed = _maximum(target, NAMESPACE, "oldestFailedMilliseconds", paused - _RECENT, paused + _RECENT)
    return OldestAges(
        in_queue[max(in_queue)] if in_queue else None,  # the last: something may have been stored since the others
        max((age / 1000 + (now - when).total_seconds() for when, age in failed.items()), default=None),
    )


def has_crashed(target: Target) -> bool:
    """Return whether the function failed as a whole in the last quarter of an hour, as CloudWatch has it."""
    now = datetime.now(UTC)
    return any(_maximum(target, "AWS/Lambda", "Errors", now - _RECENT, now).values())


def _maximum(target: Target, namespace: str, name: str, start: datetime, end: datetime) -> dict[datetime, float]:
    """Return the maxima of a metric of the queue or the drain by the start of their five minutes."""
    dimension = ("FunctionName", target.function)
    if namespace == "AWS/SQS":
        dimension = ("QueueName", target.queue_url.rpartition("/")[2])
    answer = target.metrics().get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension[0], "Value": dimension[1]}],
        StartTime=start,
        EndTime=end,
        Period=_PERIOD_SECONDS,
        Statistics=["Maximum"],
    )
    return {point["Timestamp"]: point["Maximum"] for point in answer["Datapoints"]}


def _mappings(target: Target) -> list[str]:
    pages = target.functions().get_paginator("list_event_source_mappings").paginate(FunctionName=target.function)
    identifiers = list(pages.search("EventSourceMappings[].UUID"))
    if not identifiers:
        raise CommandError(f"function {target.function} has no event source mapping; deploy the stack again")
    return identifiers
