"""docs/schema.sql: what the migrations come to, in one file."""

from contextlib import closing

import psycopg2
from psycopg2.extensions import parse_dsn

from tests.schema import FILE, written


def test_the_file_is_what_the_migrations_make(migrated_url: str) -> None:
    assert FILE.read_text(encoding="utf-8") == written(parse_dsn(migrated_url)), "write it: python -m tests.schema"


def test_the_file_makes_the_same_in_an_empty_database(database_url: str, template_database: str) -> None:
    assert template_database, "its migrations make the roles, which are the server's"
    text = FILE.read_text(encoding="utf-8")
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(text)
        connection.commit()

    assert written(parse_dsn(database_url)) == text
