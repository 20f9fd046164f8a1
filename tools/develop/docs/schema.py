"""JSON Schema of an event's body."""

from typing import Any

from ponto.shared.event import Event
from ponto.shared.fields import Field


def json_schema(event: Event) -> dict[str, Any]:
    """Return the JSON Schema of an event's body, in draft 4, which API Gateway supports."""
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": event.row.__name__,
        "description": f"One {event.noun[0]} of one {event.subject_noun[0]}: the body of POST {event.path}.",
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in event.fields_required_first if field.required],
        "properties": {
            field.name: {"description": describe_field(field, event), "type": field.kind.type, **field.kind.keywords}
            for field in event.fields_required_first
        },
    }


def describe_field(field: Field, event: Event) -> str:
    """Return the meaning of a field of an event, the values that it accepts, and what its absence means."""
    sentences = [field.kind.description, field.kind.format]
    if field == event.fields["id"] and event.derived_id:
        *names, instant = (event.fields[column].name for column in (*event.derived_id, event.instant))
        sentences.append(f"If absent, it is derived from {', '.join(names)} and {instant}.")
    return " ".join(filter(None, sentences))
