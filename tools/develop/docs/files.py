"""All files of which something follows from the code, as they are to be."""

from pathlib import Path

import psycopg2.extensions

from tools.develop.docs import fields, figures, marks, openapi, versions
from tools.kit.project import DOCUMENTS


def document(path: Path) -> str:
    """Give a document with everything that needs no database written anew."""
    text = marks.filled(path.read_text(encoding="utf-8"))
    figures_of = figures.DOCUMENTS.get(path)
    return figures_of(text) if figures_of else text


def from_code() -> dict[Path, str]:
    """Give the files that need no database."""
    return {
        fields.SCHEMA: fields.schema(),
        openapi.FILE: openapi.openapi(),
        **versions.files(),
        **{path: document(path) for path in DOCUMENTS},
    }


def from_database(connection: psycopg2.extensions.connection) -> dict[Path, str]:
    """Give the files that a database with all migrations is read for."""
    return {path: marks.filled_from(connection, path.read_text(encoding="utf-8")) for path in DOCUMENTS}
