"""docs/openapi.json: how to punch, for authors of clients, in OpenAPI 3.1, by hand but for what the code says."""

import json
from typing import Any

from ponto import __version__
from tools.develop.docs import fields
from tools.kit.project import ROOT

FILE = ROOT / "docs" / "openapi.json"


def openapi() -> str:
    """Give the description of the API, with anew what follows from the code: a punch's fields, limits, messages."""
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    document["info"]["version"] = __version__
    # Draft 4, which API Gateway speaks, and 2020-12, which OpenAPI 3.1 speaks, say the same in the words used.
    document["components"]["schemas"]["Punch"] = json.loads(fields.schema())
    del document["components"]["schemas"]["Punch"]["$schema"]
    return json.dumps(document, indent=2) + "\n"
