"""What a database with all migrations gives: the documents' tables of columns."""

from contextlib import closing

import psycopg2

from tools.develop.docs import files, marks


def test_what_follows_from_the_database_is_current(migrated_url: str) -> None:
    with closing(psycopg2.connect(migrated_url)) as connection:
        written = files.from_database(connection)

    assert {path for path, text in written.items() if path.read_text(encoding="utf-8") != text} == set(), "make docs"


def test_a_table_of_columns_has_the_comments_of_the_database(migrated_url: str) -> None:
    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as cursor:
        cursor.execute("comment on column batida.chave is 'Another'")

        written = marks.filled_from(connection, "<!-- columns: batida -->\n<!-- end -->\n")

    assert "\n| `chave` | text | Another |\n" in written
