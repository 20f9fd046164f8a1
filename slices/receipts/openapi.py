"""openapi.json: how receipts are asked for, in OpenAPI 3.1, by hand but for what the code says.

`python -m slices.receipts.openapi` writes it.
"""

import json
from typing import Any

from ponto import __version__
from slices.receipts import function, lookup
from tools.kit.project import ROOT

FILE = ROOT / "slices" / "receipts" / "openapi.json"


def text() -> str:
    """Return the description, with what follows from the code: limits and messages."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    document["info"]["version"] = __version__
    components, paths = document["components"], document["paths"]
    components["headers"]["Access-Control-Expose-Headers"]["schema"]["const"] = function.EXPOSED
    one, several = paths["/ponto/{id}"]["get"], paths["/ponto"]["get"]
    hours = round(lookup.LISTED.total_seconds() / 3600)
    several["summary"] = f"List an employee's own punches that were received in the last {hours} hours, newest first."
    _json(several, "200")["schema"]["properties"]["batidas"]["maxItems"] = lookup.MAX_LISTED
    _json(one, "404")["example"]["message"] = function.NOT_FOUND
    _json(several, "404")["example"]["message"] = function.NO_LIST
    for operation in (one, several):
        _json(operation, "503")["example"]["message"] = function.UNAVAILABLE
    return json.dumps(document, indent=2) + "\n"


def _json(operation: Any, status: str) -> Any:
    return operation["responses"][status]["content"]["application/json"]


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
