"""docs/schema.sql: the whole schema as a migrated database has it."""

from pathlib import Path

import psycopg2.extensions

from ponto.admin.migrations import SCHEMA
from tools.kit.project import ROOT

FILE = ROOT / "docs" / "schema.sql"

_CATALOG = (Path(__file__).parent / "catalog.sql").read_text(encoding="utf-8")
_HEAD = """\
-- The current schema in one file, but for the roles: tables as PostgreSQL's catalog has them after all migrations, then
-- the files of ponto/schema/views. Written by `make docs`, and held to the migrations by a test: change ponto/schema,
-- not this.
"""


def written(connection: psycopg2.extensions.connection) -> str:
    """Give the schema of a database, as statements that make it in an empty one."""
    with connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        cursor.execute(_CATALOG)
        tables = [f"{statement}\n" for (statement,) in cursor.fetchall()]
    views = [f"-- {path.name}\n{path.read_text(encoding='utf-8')}" for path in sorted(SCHEMA.glob("views/*.sql"))]
    return "\n".join([_HEAD, *tables, *views])
