"""The names of this intake on a PostgreSQL server, and the files of SQL that use them.

Two intakes can share a server, and a database, if these differ.
"""

import re
from pathlib import Path

SCHEMA = "ponto"
"""The schema that holds all tables, types, views and functions; files of SQL name it literally."""

ROLE_PREFIX = "ponto_"
"""How the names of the database's roles begin; files of SQL name it literally."""

_SCHEMA_IN_FILES = re.compile(r"\bponto(?=\.\w)|(?<=\bschema )ponto\b")
_ROLE_IN_FILES = re.compile(r"\bponto_(?=\w)")


def read_sql(path: Path, *, names_roles: bool = False) -> str:
    """Return the statements of a file, with the schema's name as it is here.

    Args:
        path: of the file.
        names_roles: whether names that begin with `ponto_` are those of roles. Elsewhere columns begin so too.
    """
    return with_names(path.read_text(encoding="utf-8"), names_roles=names_roles)


def with_names(statements: str, *, names_roles: bool = False) -> str:
    """Return statements with the names of this intake; arguments as of `read_sql`."""
    statements = _SCHEMA_IN_FILES.sub(SCHEMA, statements)
    return _ROLE_IN_FILES.sub(ROLE_PREFIX, statements) if names_roles else statements
