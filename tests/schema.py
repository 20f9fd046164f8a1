"""`python -m tests.schema` writes docs/schema.sql: the whole schema as a migrated database has it."""

import argparse
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from ponto.migrations import SCHEMA, migrate
from tools.local import postgres

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "schema.sql"
ZONE = "America/Sao_Paulo"

_CATALOG = (Path(__file__).parent / "catalog.sql").read_text(encoding="utf-8")
_HEAD = """\
-- The current schema in one file, but for the roles: tables as PostgreSQL's catalog has them after all migrations, then
-- the files of ponto/schema/views. Written by `python -m tests.schema`, and held to the migrations by a test: change
-- ponto/schema, not this.
"""


def written(parameters: dict[str, Any]) -> str:
    """Give the schema of a database, as statements that make it in an empty one.

    Args:
        parameters: keyword arguments of `psycopg2.connect`.
    """
    with closing(psycopg2.connect(**parameters)) as connection, connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        cursor.execute(_CATALOG)
        tables = [f"{statement}\n" for (statement,) in cursor.fetchall()]
    views = [f"-- {path.name}\n{path.read_text(encoding='utf-8')}" for path in sorted(SCHEMA.glob("views/*.sql"))]
    return "\n".join([_HEAD, *tables, *views])


def main() -> None:
    """Write the file, from a PostgreSQL of its own."""
    argparse.ArgumentParser(prog="python -m tests.schema", description="Write docs/schema.sql anew.").parse_args()
    with tempfile.TemporaryDirectory(prefix="ponto-") as folder:
        server = postgres.start(Path(folder) / "postgres", postgres.UNSAFE)
        try:
            parameters = {"host": server.host, "dbname": "postgres", "user": postgres.USER}
            migrate(parameters, ZONE)
            FILE.write_text(written(parameters), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
