"""Updates of openapi.json, the OpenAPI 3.1 description of receipts.

The file is written by hand, except for its version, limits and messages: `python -m slices.receipts.openapi` copies
these from the code.
"""

import json
from typing import Any

from ponto import __version__
from slices.receipts import function, lookup
from tools.kit.project import ROOT

FILE = ROOT / "slices" / "receipts" / "openapi.json"


def build_text() -> str:
    """Return the text of openapi.json with the version, limits and messages of the code."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    document["info"]["version"] = __version__
    components, paths = document["components"], document["paths"]
    components["headers"]["Access-Control-Expose-Headers"]["schema"]["const"] = function.EXPOSED_HEADERS
    get_receipt, list_receipts = paths["/ponto/{id}"]["get"], paths["/ponto"]["get"]
    hours = round(lookup.LIST_PERIOD.total_seconds() / 3600)
    list_receipts["summary"] = (
        f"List an employee's own punches that were received in the last {hours} hours, newest first."
    )
    _json_content(list_receipts, "200")["schema"]["properties"]["batidas"]["maxItems"] = lookup.MAX_LIST_RECEIPTS
    _json_content(get_receipt, "404")["example"]["message"] = function.NOT_FOUND_MESSAGE
    _json_content(list_receipts, "404")["example"]["message"] = function.NO_LIST_MESSAGE
    for operation in (get_receipt, list_receipts):
        _json_content(operation, "503")["example"]["message"] = function.UNAVAILABLE_MESSAGE
    return json.dumps(document, indent=2) + "\n"


def _json_content(operation: Any, status: str) -> Any:
    return operation["responses"][status]["content"]["application/json"]


if __name__ == "__main__":
    FILE.write_text(build_text(), encoding="utf-8")
