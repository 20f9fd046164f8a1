"""Dead-lettered events of file imports, as `ponto dlq` lists and redrives them."""

from typing import Any

from slices.imports.uploads import InvalidEventError, parse_event


def describe_event(event: Any) -> str | None:
    """Return the file of an event and the line at which its import continues; None if the event is not of a file."""
    try:
        task, *others = parse_event(event)
    except InvalidEventError:  # the queue may hold messages of other senders
        return None
    more = f" and {len(others)} more" if others else ""
    return f"{task.key}{more}, from line {task.position.line}"


def restart_event(event: Any) -> Any:
    """Reset the number of invocations and the failure, so that the import continues where it stopped."""
    if "continuation" in event:
        event["continuation"]["rounds"] = 0
        event["continuation"].pop("failed", None)
    return event
