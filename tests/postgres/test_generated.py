"""What `make docs` writes, from the code and a database with all migrations."""

from contextlib import closing

import psycopg2

from tools.develop.docs import files


def test_what_follows_from_code_and_database_is_current(migrated_url: str) -> None:
    with closing(psycopg2.connect(migrated_url)) as connection:
        written = files.generate(connection)

    assert [str(path) for path, text in written.items() if path.read_text(encoding="utf-8") != text] == [], "make docs"
