"""docs/openapi.json: how to punch, for authors of clients, in OpenAPI 3.1, by hand but for what the code says."""

import json
from typing import Any

from ponto import __version__
from tools.develop.docs import fields
from tools.kit import event
from tools.kit.project import ROOT

FILE = ROOT / "docs" / "openapi.json"


def openapi() -> str:
    """Give the description of the API, with anew what follows from the code: version, a punch's fields, an example."""
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    document["info"]["version"] = __version__
    # Draft 4, which API Gateway speaks, and 2020-12, which OpenAPI 3.1 speaks, say the same in the words used.
    document["components"]["schemas"]["Punch"] = json.loads(fields.schema())
    del document["components"]["schemas"]["Punch"]["$schema"]
    body = document["paths"]["/ponto"]["post"]["requestBody"]["content"]["application/json"]
    sent = event.body(123, "2026-10-01T08:00:00-03:00")
    body["example"] = {"id": "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e", **sent}
    return json.dumps(document, indent=2) + "\n"
