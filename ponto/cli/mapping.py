"""Pausing the drain: the event source mapping that hands the queue's punches to the function."""

import time
from typing import TYPE_CHECKING

from ponto.cli import CommandError
from ponto.cli.target import Target

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_SETTLES = 300  # s; AWS takes up to a minute or so
_POLL = 1  # s


def switch(target: Target, *, enabled: bool) -> bool:
    """Let the drain run or not, and wait until it does or does not.

    Returns:
        Whether that was a change.

    Raises:
        CommandError: the function has no mapping, or the state was not reached in time.
    """
    functions = target.functions()
    pages = functions.get_paginator("list_event_source_mappings").paginate(FunctionName=target.function)
    mappings = [mapping["UUID"] for page in pages for mapping in page["EventSourceMappings"]]
    if not mappings:
        raise CommandError(f"function {target.function} has no event source mapping; deploy the stack again")
    changed = [_switch(functions, mapping, enabled=enabled) for mapping in mappings]
    return any(changed)


def _switch(functions: "LambdaClient", mapping: str, *, enabled: bool) -> bool:
    wanted, other = ("Enabled", "Disabled") if enabled else ("Disabled", "Enabled")
    deadline = time.monotonic() + _SETTLES
    asked = False
    while (state := functions.get_event_source_mapping(UUID=mapping)["State"]) != wanted:
        if state == other and not asked:  # in between (Enabling, Updating, ...) AWS refuses a change
            functions.update_event_source_mapping(UUID=mapping, Enabled=enabled)
            asked = True
        elif time.monotonic() > deadline:
            raise CommandError(
                f"event source mapping {mapping} is still {state} after {_SETTLES} s; run it again to wait on", 1
            )
        else:
            time.sleep(_POLL)
    return asked


def retention_seconds(target: Target) -> int:
    """How long a punch may wait in the queue."""
    attributes = target.sqs().get_queue_attributes(
        QueueUrl=target.queue_url, AttributeNames=["MessageRetentionPeriod"]
    )["Attributes"]
    return int(attributes["MessageRetentionPeriod"])
