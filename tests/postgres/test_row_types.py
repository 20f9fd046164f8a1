"""Row types of the statements that commands run, including those of slices, compared with a real database."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

import psycopg2
import pytest

from ponto.reader import parameter_types as types
from slices import enabled
from tools.kit import rows
from tools.kit.reader import Statement

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
CATALOGUE = enabled.statements()
SLICE_ROW_MODULES = [
    import_module(f"slices.{name}.rows") for name in enabled.names() if (enabled.FOLDER / name / "rows.py").exists()
]
DECLARED: dict[str, Statement[Any]] = {
    statement.name: statement
    for module in [rows, *SLICE_ROW_MODULES]
    for statement in vars(module).values()
    if isinstance(statement, Statement)
}


@pytest.mark.parametrize("name", sorted(CATALOGUE.parameters))
def test_fields_of_a_row_type_are_the_columns_of_its_statement(name: str, migrated_url: str) -> None:
    values = {parameter: VALUES[parse] for parameter, parse in CATALOGUE.parameters[name].items()}

    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as cursor:
        cursor.execute(CATALOGUE.sql[name], values)
        columns = [column.name for column in cursor.description or ()]

    assert list(DECLARED[name].row_type._fields) == columns
