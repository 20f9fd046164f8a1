"""State of the drain (the function's event source mapping), and waiting times of punches."""

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ponto.shared.log import NAMESPACE
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.target import Target

PAUSED = "Disabled"
"""State of a paused drain."""

_SWITCH_SECONDS = 300  # limit; AWS takes about a minute
_POLL_SECONDS = 1
# Metrics are minutes late, and a failed punch is received again within 8 minutes.
_RECENT_PERIOD = timedelta(minutes=15)
_PERIOD_SECONDS = 300  # CloudWatch keeps metrics of this period for 63 days


def switch(target: Target, *, enabled: bool, clock: Clock = CLOCK) -> bool:
    """Enable or disable the drain, and wait until it has the new state.

    Returns:
        Whether the state changed.

    Raises:
        CommandError: the function has no event source mapping, or it did not reach the state in time.
    """
    functions = target.functions()
    new_state, old_state = ("Enabled", PAUSED) if enabled else (PAUSED, "Enabled")
    requested = set[str]()
    for mapping in _mappings(target):
        deadline = clock.monotonic() + _SWITCH_SECONDS
        while (state := functions.get_event_source_mapping(UUID=mapping)["State"]) != new_state:
            if state == old_state and mapping not in requested:  # AWS refuses changes in other states, such as Enabling
                functions.update_event_source_mapping(UUID=mapping, Enabled=enabled)
                requested.add(mapping)
            elif clock.monotonic() > deadline:
                raise CommandError(
                    f"event source mapping {mapping} is still {state} after {_SWITCH_SECONDS} s; "
                    "run the command again to continue waiting",
                    1,
                )
            else:
                clock.sleep(_POLL_SECONDS)
    return bool(requested)


class DrainState(NamedTuple):
    """State of the drain."""

    state: str  # as Lambda names it: Enabled, PAUSED, or a state between them, such as Enabling
    paused_since: datetime | None  # None: not paused, or unknown


def drain_state(target: Target) -> DrainState:
    """Return the state of the drain.

    Raises:
        CommandError: the function has no event source mapping.
    """
    functions = target.functions()
    mappings = [functions.get_event_source_mapping(UUID=mapping) for mapping in _mappings(target)]
    paused = [mapping for mapping in mappings if mapping["State"] == PAUSED]
    since = [mapping["LastModified"] for mapping in paused if "LastModified" in mapping]
    return DrainState((paused or mappings)[0]["State"], min(since, default=None))


class QueueTimes(NamedTuple):
    """Times for which the queue keeps a punch, in seconds."""

    retention: int  # from its acceptance until SQS deletes it
    until_dead_letter: int  # from its first receive until it is dead-lettered, if each attempt fails


def queue_times(target: Target) -> QueueTimes:
    """Return the times for which the queue of punches keeps a punch."""
    attributes = target.sqs().get_queue_attributes(
        QueueUrl=target.queue_url, AttributeNames=["MessageRetentionPeriod", "RedrivePolicy", "VisibilityTimeout"]
    )["Attributes"]
    receives = int(json.loads(attributes.get("RedrivePolicy", "{}")).get("maxReceiveCount", 0))
    return QueueTimes(int(attributes["MessageRetentionPeriod"]), receives * int(attributes["VisibilityTimeout"]))


class OldestAges(NamedTuple):
    """Ages of the oldest punch in the queue, in seconds; None: CloudWatch has no metric."""

    in_queue: float | None  # SQS's metric, which ignores messages received three times or more
    failed: float | None  # age of punches that failed shortly before the pause, which SQS may ignore


def oldest_ages(target: Target, paused: datetime) -> OldestAges:
    """Return the ages of the oldest punch in the queue, from CloudWatch."""
    now = datetime.now(UTC)
    in_queue = _read_maximums(target, "AWS/SQS", "ApproximateAgeOfOldestMessage", now - _RECENT_PERIOD, now)
    failed = _read_maximums(
        target, NAMESPACE, "oldestFailedMilliseconds", paused - _RECENT_PERIOD, paused + _RECENT_PERIOD
    )
    return OldestAges(
        # The latest value, as punches may have been stored since the others.
        in_queue[max(in_queue)] if in_queue else None,
        max((age / 1000 + (now - instant).total_seconds() for instant, age in failed.items()), default=None),
    )


def has_crashed(target: Target) -> bool:
    """Return whether an invocation of the drain failed in the last 15 minutes, from CloudWatch."""
    now = datetime.now(UTC)
    return any(_read_maximums(target, "AWS/Lambda", "Errors", now - _RECENT_PERIOD, now).values())


def _read_maximums(target: Target, namespace: str, name: str, start: datetime, end: datetime) -> dict[datetime, float]:
    """Return the maximum of a metric of the queue or the drain for each five minutes, by their start."""
    dimension = ("FunctionName", target.drain)
    if namespace == "AWS/SQS":
        dimension = ("QueueName", target.queue_url.rpartition("/")[2])
    response = target.metrics().get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension[0], "Value": dimension[1]}],
        StartTime=start,
        EndTime=end,
        Period=_PERIOD_SECONDS,
        Statistics=["Maximum"],
    )
    return {point["Timestamp"]: point["Maximum"] for point in response["Datapoints"]}


def _mappings(target: Target) -> list[str]:
    pages = target.functions().get_paginator("list_event_source_mappings").paginate(FunctionName=target.drain)
    identifiers = list(pages.search("EventSourceMappings[].UUID"))
    if not identifiers:
        raise CommandError(f"function {target.drain} has no event source mapping; deploy the stage again")
    return identifiers
