"""What the function `schema` does."""

from pathlib import Path

SQL = {path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "sql").glob("*.sql")}
"""Its statements, by name."""
