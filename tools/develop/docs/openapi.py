"""docs/openapi.json: the whole API for authors of clients, in OpenAPI 3.1, by hand but for what the code says."""

import json
import tomllib
from typing import Any

from ponto import receipt
from tools.develop.docs import fields
from tools.kit.project import ROOT

FILE = ROOT / "docs" / "openapi.json"


def openapi() -> str:
    """Give the description of the API, with anew what follows from the code: a punch's fields, limits, messages."""
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    document["info"]["version"] = project["version"]
    components = document["components"]
    components["headers"]["Access-Control-Expose-Headers"]["schema"]["const"] = receipt.EXPOSED
    # Draft 4, which API Gateway speaks, and 2020-12, which OpenAPI 3.1 speaks, say the same in the words used.
    components["schemas"]["Punch"] = json.loads(fields.schema())
    del components["schemas"]["Punch"]["$schema"]

    one, several = document["paths"]["/ponto/{id}"]["get"], document["paths"]["/ponto"]["get"]
    hours = round(receipt.LISTED.total_seconds() / 3600)
    several["summary"] = f"List an employee's own punches that were received in the last {hours} hours, newest first."
    _json(several, "200")["schema"]["properties"]["batidas"]["maxItems"] = receipt.MOST
    _json(one, "404")["example"]["message"] = receipt.NOT_FOUND
    _json(several, "404")["example"]["message"] = receipt.NO_LIST
    for operation in (one, several):
        _json(operation, "503")["example"]["message"] = receipt.UNAVAILABLE
    return json.dumps(document, indent=2) + "\n"


def _json(operation: Any, status: str) -> Any:
    return operation["responses"][status]["content"]["application/json"]
