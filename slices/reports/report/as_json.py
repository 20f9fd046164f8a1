"""Reports as JSON: the database's names in camelCase, as on the wire, and ISO 8601, whatever the language."""

import json
from collections.abc import Mapping
from typing import IO, Any

from slices.reports.report.table import Report, plain
from tools.kit.output import camel_case


def write(out: IO[str], report: Report) -> None:
    """Write a report as one document; a list that may be long in the end, an element a line, as they come."""
    head = document(report.head)
    if not report.listed:
        out.write(f"{head}\n")
        return
    name, table = report.listed
    out.write(f'{head[:-2]},\n  "{name}": [')
    comma = ""
    for row in table.records():
        out.write(f"{comma}\n    {document(row, indent=None)}")
        comma = ","
    out.write("\n  ]\n}\n" if comma else "]\n}\n")


def document(fields: Mapping[str, Any], indent: int | None = 2) -> str:
    """Give a document; without `indent` on one line."""
    return json.dumps(camel_case(plain(dict(fields))), indent=indent, ensure_ascii=False)
