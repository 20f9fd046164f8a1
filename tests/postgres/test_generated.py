"""The output of `make docs`, generated from the code and a migrated database, is up to date."""

from contextlib import closing

import psycopg2

from tools.develop.docs import files


def test_generated_documents_are_current(migrated_url: str) -> None:
    with closing(psycopg2.connect(migrated_url)) as connection:
        generated = files.generate(connection)

    assert [str(path) for path, text in generated.items() if path.read_text(encoding="utf-8") != text] == [], (
        "make docs"
    )
