"""What docs/openapi.json says of receipts, by the code."""

from typing import Any

from slices.receipts import lookup


def fill(document: Any) -> None:
    """Write anew what follows from the code: limits and messages."""
    components, paths = document["components"], document["paths"]
    components["headers"]["Access-Control-Expose-Headers"]["schema"]["const"] = lookup.EXPOSED
    one, several = paths["/ponto/{id}"]["get"], paths["/ponto"]["get"]
    hours = round(lookup.LISTED.total_seconds() / 3600)
    several["summary"] = f"List an employee's own punches that were received in the last {hours} hours, newest first."
    _json(several, "200")["schema"]["properties"]["batidas"]["maxItems"] = lookup.MOST
    _json(one, "404")["example"]["message"] = lookup.NOT_FOUND
    _json(several, "404")["example"]["message"] = lookup.NO_LIST
    for operation in (one, several):
        _json(operation, "503")["example"]["message"] = lookup.UNAVAILABLE


def _json(operation: Any, status: str) -> Any:
    return operation["responses"][status]["content"]["application/json"]
