"""SQL of the reference and of slices on a real database; `make check` runs these tests, too."""

import re
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import psycopg2
import pytest

from ponto import enabled_slices
from ponto.reader import parameter_types as types
from tests.database import Database
from tools.kit.project import ROOT

VALUES: dict[types.ParameterType, object] = {
    types.boolean: True,
    types.day: date(2026, 11, 3),
    types.duration: timedelta(hours=1),
    types.instant: datetime(2026, 11, 3, tzinfo=UTC),
    types.integer: 1,
    types.integers: [1],
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


FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("ponto", *(f"slices/{name}" for name in enabled_slices.names()))
    for path in sorted((ROOT / folder).rglob("*.sql"))
}


def find_statement_file(name: str) -> str:
    return next(file for file in FILES if file.endswith((f"/reads/{name}.sql", f"/reader/sql/{name}.sql")))


@pytest.mark.parametrize("name", sorted(CATALOGUE.statements))
def test_fields_of_a_row_type_are_the_columns_of_its_statement(name: str, migrated_url: str) -> None:
    file, statement = find_statement_file(name), CATALOGUE.statements[name]
    values = {parameter: VALUES[parse] for parameter, parse in statement.parameters.items()}

    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(statement.sql, values)
        except KeyError as error:
            pytest.fail(f"{file}: its statement in statements.py lacks the parameter {error}. Add it.", pytrace=False)
        except psycopg2.Error as error:
            pytest.fail(f"{file}: {error.diag.message_primary}. Correct it, or add a migration.", pytrace=False)
        columns = [column.name for column in cursor.description or ()]

    fields = list(statement.row_type._fields)
    if fields != columns:
        pytest.fail(f"{file} has the columns {columns}, and its row type {fields}. Correct one.", pytrace=False)


def test_each_table_view_column_and_function_has_a_comment(database: Database) -> None:
    for kind, identity in database.execute(WITHOUT_COMMENT):
        words = {*re.findall(r"\w+", identity.partition("(")[0])}
        file = next(file for file, text in FILES.items() if "/schema/" in file and words <= {*re.findall(r"\w+", text)})
        pytest.fail(f"{file}: the {kind} {identity} has no comment. Add one by `comment on`.", pytrace=False)
