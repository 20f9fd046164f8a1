"""Dead-lettered events of file imports, as `ponto dlq` lists them."""

from typing import Any

from slices.imports.uploads import InvalidEventError, parse_event
from tools.kit.dead_letters import DeadLetterEvent


def describe_event(event: Any) -> str | None:
    """Return the file of an event; None if the event is not of a file."""
    try:
        return parse_event(event).key
    except InvalidEventError:  # the queue may hold messages of other senders
        return None


EVENT = DeadLetterEvent("file", "importacao", describe_event)
