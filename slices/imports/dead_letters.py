"""Events of files that Lambda gave up on, as `ponto dlq` shows and invokes them."""

from typing import Any

from slices.imports.uploads import InvalidEventError, parse_event


def describe_event(event: Any) -> str | None:
    """Say which file an event is of, and where its import goes on; None: it is no file's."""
    try:
        task, *others = parse_event(event)  # whoever may write to the queue may have written anything
    except InvalidEventError:
        return None
    more = f" and {len(others)} more" if others else ""
    return f"{task.key}{more}, from line {task.position.line}"


def restart_event(event: Any) -> Any:
    """Give the event that begins to count its invocations anew, and reads on where it stopped."""
    if "continuation" in event:
        event["continuation"]["rounds"] = 0
        event["continuation"].pop("failed", None)
    return event
