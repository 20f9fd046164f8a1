"""What the function `schema` does."""

from pathlib import Path

from ponto.database_names import read_sql

SQL = {path.stem: read_sql(path, names_roles=True) for path in (Path(__file__).parent / "sql").glob("*.sql")}
"""Its statements, by name."""
