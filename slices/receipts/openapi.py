"""Generated parts of openapi.json, the OpenAPI 3.1 description of receipts, and of the README."""

import json
from datetime import UTC, timedelta
from typing import Any

from ponto import __version__
from ponto.parser import parse
from ponto.punch import EVENT
from slices.receipts import function, lookup
from tools.kit.project import ROOT

FILE = ROOT / "slices" / "receipts" / "openapi.json"

_BODY = {"id": "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e", **EVENT.examples[0]}  # that has the receipt of the examples


def build_text() -> str:
    """Return the text of openapi.json with the version, names, limits, messages and examples of the code."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    document["info"] |= {"title": EVENT.service, "version": __version__, "summary": f"Receipts of {EVENT.noun[1]}."}
    components, paths = document["components"], document["paths"]
    components["schemas"]["Receipt"] |= _schema()
    components["headers"]["Access-Control-Expose-Headers"]["schema"]["const"] = function.EXPOSED_HEADERS
    get_receipt, list_receipts = paths[f"{EVENT.path}/{{id}}"]["get"], paths[EVENT.path]["get"]
    get_receipt["parameters"][0]["example"] = _BODY["id"]
    _json_content(get_receipt, "200")["example"] = _example()
    hours = round(lookup.LIST_PERIOD.total_seconds() / 3600)
    list_receipts["summary"] = (
        f"List the {EVENT.noun[1]} of the signed-in user that were received in the last {hours} hours, newest first."
    )
    receipts = {
        "type": "array",
        "maxItems": lookup.MAX_LIST_RECEIPTS,
        "items": {"$ref": "#/components/schemas/Receipt"},
    }
    _json_content(list_receipts, "200").update(
        schema={"type": "object", "required": [function.LIST_FIELD], "properties": {function.LIST_FIELD: receipts}},
        example={function.LIST_FIELD: [_example()]},
    )
    _json_content(get_receipt, "404")["example"]["message"] = function.NOT_FOUND_MESSAGE
    _json_content(list_receipts, "404")["example"]["message"] = function.NO_LIST_MESSAGE
    for operation in (get_receipt, list_receipts):
        _json_content(operation, "503")["example"]["message"] = function.UNAVAILABLE_MESSAGE
    return json.dumps(document, indent=2) + "\n"


def example_block() -> str:
    """Return a receipt as a fenced block."""
    return f"```json\n{json.dumps(_example(), ensure_ascii=False)}\n```"


def _example() -> dict[str, Any]:
    """Return the receipt of the documents' example."""
    row = parse(json.dumps(_BODY), UTC)
    instant = getattr(row, EVENT.instant).astimezone(UTC)
    received, written = (instant + timedelta(microseconds=after) for after in (1_234_000, 2_871_345))
    return lookup.to_json((row.id, EVENT.subject_id(row), instant, received, written))


def _schema() -> dict[str, Any]:
    """Return the fields of a receipt, as keywords of JSON Schema."""
    noun = EVENT.noun[0]
    subject, instant = (EVENT.fields[column] for column in (EVENT.subject, EVENT.instant))
    time = {"type": "string", "format": "date-time"}
    properties: dict[str, dict[str, Any]] = {
        "situacao": {"const": "gravada", "description": f"The {noun} is stored."},
        "id": {"type": "string", "format": "uuid", "description": f"The {noun}'s id, in lower case."},
        subject.name: {"type": "integer", "description": subject.kind.description},
        instant.name: {**time, "description": f"{instant.kind.description} In UTC."},
        "recebidaEm": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": f"When the {noun} was accepted, UTC; null if that is not known.",
        },
        "gravadaEm": {**time, "description": "When the row was written, UTC."},
    }
    return {"required": list(properties), "properties": properties}


def _json_content(operation: Any, status: str) -> Any:
    return operation["responses"][status]["content"]["application/json"]
