"""SQL of the base and of slices on a real database; `make check` runs these tests, too."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import psycopg2
import pytest

from ponto import enabled_slices
from ponto.read import parameter_types as types
from tests.database import Database
from tools.kit import event

VALUES: dict[types.ParameterType, object] = {
    types.boolean: True,
    types.day: date(2026, 11, 3),
    types.duration: timedelta(hours=1),
    types.instant: datetime(2026, 11, 3, tzinfo=UTC),
    types.integer: 1,
    types.integers: [1],
    types.subject: event.subject(1),
    types.texts: ["0190163d-8694-739b-aea5-966c26f8ad91"],
    types.uuid: "0190163d-8694-739b-aea5-966c26f8ad91",
}
CATALOGUE = enabled_slices.statements()
WITHOUT_COMMENT = """
with objects (class, id, number, schema) as (
    select 'pg_class'::regclass, oid, 0, relnamespace
    from pg_class
    where relkind in ('r', 'v') and relname !~ '^migracao'
    union all
    select 'pg_class'::regclass, attrelid, attnum, relnamespace
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relkind in ('r', 'v', 'c') and relname !~ '^migracao' and attnum > 0 and not attisdropped
    union all
    select 'pg_type'::regclass, pg_type.oid, 0, typnamespace
    from pg_type join pg_class on pg_class.oid = typrelid
    where relkind = 'c'
    union all
    select 'pg_proc'::regclass, oid, 0, pronamespace from pg_proc
)
select (pg_identify_object(class, id, number)).type, (pg_identify_object(class, id, number)).identity
from objects left join pg_description on classoid = class and objoid = id and objsubid = number
where schema = 'ponto'::regnamespace and description is null
"""


@pytest.mark.parametrize("name", sorted(CATALOGUE.statements))
def test_fields_of_a_row_type_are_the_columns_of_its_statement(name: str, migrated_url: str) -> None:
    statement = CATALOGUE.statements[name]
    values = {parameter: VALUES[parse] for parameter, parse in statement.parameters.items()}

    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement.sql, values)  # KeyError: statements.py lacks a parameter of the SQL
        columns = [column.name for column in cursor.description or ()]

    assert list(statement.row_type._fields) == columns


def test_each_table_view_column_and_function_has_a_comment(database: Database) -> None:
    assert database.execute(WITHOUT_COMMENT) == [], "add a comment by `comment on`"
