"""What follows from the fields of a punch, which `ponto/punch.py` declares: the gateway's model, and a table."""

import json
from typing import Any

from ponto.punch import WIRE_FIELDS
from tools.kit.project import ROOT

SCHEMA = ROOT / "ponto" / "punch.schema.json"


def schema() -> str:
    """Give the JSON Schema of a body, draft 4, which API Gateway speaks."""
    document: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Punch",
        "description": "One punch of one employee: the body of POST /ponto.",
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in WIRE_FIELDS if field.required],
        "properties": {
            field.name: {"description": field.description, "type": field.type, **field.limits} for field in WIRE_FIELDS
        },
    }
    return json.dumps(document, indent=2) + "\n"


def table() -> str:
    """Give the table of fields for a document."""
    rows = ["| field | type | |", "|---|---|---|"]
    for field in WIRE_FIELDS:
        kind = field.type + (", required" if field.required else "")
        limits = f" From {field.limits['minimum']} to {field.limits['maximum']}." if "minimum" in field.limits else ""
        rows.append(f"| `{field.name}` | {kind} | {field.description}{limits} |")
    return "\n".join(rows)
