"""The row types of all statements that commands run, the slices' too, on a real database."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from ponto.reader import statements
from tools.kit import rows, slices
from tools.kit.reader import Statement

# Parameter type -> a value.
VALUES: dict[str, object] = {
    "day": date(2026, 11, 3),
    "flag": True,
    "instant": datetime(2026, 11, 3, tzinfo=UTC),
    "number": 1,
    "numbers": [1],
    "span": timedelta(hours=1),
    "texts": ["0190163d-8694-739b-aea5-966c26f8ad91"],
    "uuid": "0190163d-8694-739b-aea5-966c26f8ad91",
}
DECLARED: dict[str, Statement[Any]] = {
    statement.name: statement
    for module in [rows, *slices.modules("rows")]
    for statement in vars(module).values()
    if isinstance(statement, Statement)
}


@pytest.mark.parametrize("name", sorted(statements.PARAMETERS))
def test_fields_of_a_row_type_are_the_columns_of_its_statement(name: str, migrated_url: str) -> None:
    values = {parameter: VALUES[kind.__name__] for parameter, kind in statements.PARAMETERS[name].items()}

    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as cursor:
        cursor.execute(statements.sql_of(name), values)
        columns = [column.name for column in cursor.description or ()]

    assert list(DECLARED[name].row_type._fields) == columns
