"""The function `schema`, which runs as the owner of the database."""

import re
from pathlib import Path

from ponto.database_names import read_sql

SQL: dict[str, str] = {}
"""Its statements, by the names in the files: a line `-- name: NAME` above each."""

for path in (Path(__file__).parent / "sql").glob("*.sql"):
    _, *parts = re.split(r"^-- name: (\w+)\n", read_sql(path, names_roles=True), flags=re.MULTILINE)
    SQL |= zip(parts[::2], parts[1::2], strict=True)
