"""The function `schema`, which runs as the owner of the database."""

import re
from pathlib import Path

from ponto.shared.sql_names import read_sql

SQL: dict[str, str] = {}
"""Statements of the files in `sql/`, by name; a line `-- name: NAME` precedes each."""

for path in (Path(__file__).parent / "sql").glob("*.sql"):
    _, *parts = re.split(r"^-- name: (\w+)\n", read_sql(path, replace_roles=True), flags=re.MULTILINE)
    SQL |= zip(parts[::2], parts[1::2], strict=True)
