"""`make fields`: writes what follows from the fields of a punch, which `ponto/punch.py` declares.

That is `ponto/punch.schema.json`, the gateway's model, and the table of fields in README.md.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from ponto.punch import WIRE

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "ponto" / "punch.schema.json"
README = ROOT / "README.md"

_TABLE = re.compile(r"(?<=<!-- from ponto/punch.schema.json -->\n).*?(?=\n<!-- end -->)", re.DOTALL)


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a body, draft 4, which API Gateway speaks."""
    return {
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


def table() -> str:
    """Give the README's table."""
    rows = ["| field | type | |", "|---|---|---|"]
    for field in WIRE:
        kind = field.type + (", required" if field.required else "")
        limits = f" From {field.limits['minimum']} to {field.limits['maximum']}." if "minimum" in field.limits else ""
        rows.append(f"| `{field.name}` | {kind} | {field.description}{limits} |")
    return "\n".join(rows)


def files() -> dict[Path, str]:
    """Give the files as they are to be, by path."""
    readme = README.read_text(encoding="utf-8")
    return {
        SCHEMA: json.dumps(schema(), indent=2) + "\n",
        README: _TABLE.sub(lambda _: table(), readme),
    }


def main() -> int:
    """Write the files, and name those that changed."""
    argparse.ArgumentParser(prog="python -m tools.fields", description=__doc__).parse_args()
    for path, text in files().items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
