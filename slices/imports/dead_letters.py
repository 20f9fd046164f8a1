"""Dead-lettered events of file imports, as `ponto dlq` lists them."""

from typing import Any

from slices.imports.uploads import InvalidEventError, parse_event
from tools.kit.dead_letters import DeadLetterEvent


def describe_event(event: Any) -> str | None:
    """Return the file of an event; None if the event is not of a file."""
    try:
        file, *others = parse_event(event)
    except InvalidEventError:  # the queue may hold messages of other senders
        return None
    return f"{file.key} and {len(others)} more" if others else file.key


EVENT = DeadLetterEvent("file", "importacao", describe_event)
