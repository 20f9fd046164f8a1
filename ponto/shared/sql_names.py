"""The schema name and role prefix of this project, and the loading of SQL files that use them.

Two stages can share a server if their role prefixes differ, and two copies of the project a database if their schema
names differ too.
"""

import os
import re
from pathlib import Path

SCHEMA = "ponto"
"""The schema of all tables, types, views and functions. SQL files contain it literally; `read_sql` replaces it."""

ROLE_PREFIX = os.environ.get("ROLE_PREFIX", "ponto_")
"""Prefix of the database roles' names. SQL files contain `ponto_` literally; `read_sql` can replace it."""

_SCHEMA_PATTERN = re.compile(r"(?<!\.)\bponto(?=\.\w)|(?<=\bschema )ponto\b")
_ROLE_PREFIX_PATTERN = re.compile(r"\bponto_(?=\w)")


def read_sql(path: Path, *, replace_roles: bool = False) -> str:
    """Return the statements of a file, with the schema name replaced by `SCHEMA`.

    Args:
        path: path of the file.
        replace_roles: whether to replace the role prefix too. Leave it off for files in which names of columns begin
            with `ponto_`.
    """
    return substitute_names(path.read_text(encoding="utf-8"), replace_roles=replace_roles)


def substitute_names(statements: str, *, replace_roles: bool = False) -> str:
    """Return SQL statements with the names of this project; see `read_sql`."""
    statements = _SCHEMA_PATTERN.sub(SCHEMA, statements)
    return _ROLE_PREFIX_PATTERN.sub(ROLE_PREFIX, statements) if replace_roles else statements
