"""The view of punches in local time has what a punch has."""

from ponto.punch import Punch
from tests.database import Database


def test_the_view_has_every_field_of_a_punch(database: Database) -> None:
    columns = database.ask("select attname from pg_attribute where attrelid = 'batida_local'::regclass and attnum > 0")

    assert {name for (name,) in columns} >= set(Punch._fields)
