"""The function `schema`, which runs as the owner of the database."""

import re
from pathlib import Path

from ponto.database_names import read_sql

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def _read_statements(path: Path) -> dict[str, str]:
    """Return the statements of a file by their names, which stand in lines of their own: `-- name: NAME`."""
    _, *parts = _NAME.split(read_sql(path, names_roles=True))
    return dict(zip(parts[::2], parts[1::2], strict=True))


SQL = {
    name: statement
    for path in (Path(__file__).parent / "sql").glob("*.sql")
    for name, statement in _read_statements(path).items()
}
"""Its statements, by name."""
