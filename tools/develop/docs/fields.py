"""What follows from the fields of a punch, which `ponto/punch.py` declares: the gateway's model, a table, a view."""

import json
import re
from typing import Any

from ponto.admin.migrations import SCHEMA as MIGRATIONS
from ponto.punch import FIELDS, WIRE
from tools.kit.project import ROOT

SCHEMA = ROOT / "ponto" / "punch.schema.json"
VIEW = MIGRATIONS / "views" / "03_punches.sql"

_PART = re.compile("( *-- The other fields of a punch, by make docs\n)(?:.*\n)*?( *-- end\n)")


def schema() -> str:
    """Give the JSON Schema of a body, draft 4, which API Gateway speaks."""
    document: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Punch",
        "description": "One punch of one employee: the body of POST /ponto.",
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in WIRE if field.required],
        "properties": {
            field.name: {"description": field.description, "type": field.type, **field.limits} for field in WIRE
        },
    }
    return json.dumps(document, indent=2) + "\n"


def table() -> str:
    """Give the table of fields for a document."""
    rows = ["| field | type | |", "|---|---|---|"]
    for field in WIRE:
        kind = field.type + (", required" if field.required else "")
        limits = f" From {field.limits['minimum']} to {field.limits['maximum']}." if "minimum" in field.limits else ""
        rows.append(f"| `{field.name}` | {kind} | {field.description}{limits} |")
    return "\n".join(rows)


def view(text: str) -> str:
    """Give the view of punches with the fields that it does not name by hand, and what each of them is.

    They are its last columns, so that a new one is added in place.
    """
    by_hand = _PART.sub("", text)
    columns = [column for column in FIELDS if f"batida.{column}," not in by_hand]
    names = "\n".join(f"    , batida.{column}" for column in columns)  # each with its comma: there may be none
    comments = "\n".join(map(_comment, columns))
    parts = iter([names, comments])
    return _PART.sub(lambda part: f"{part[1]}{next(parts)}\n{part[2]}", text)


def _comment(column: str) -> str:
    text = FIELDS[column].description.replace("'", "''")
    return f"comment on column batida_local.{column} is '{text}';"
