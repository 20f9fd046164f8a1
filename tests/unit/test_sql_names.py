"""The replacement of the schema's name in statements."""

import pytest

from ponto import sql_names


def test_table_with_the_name_of_the_schema_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_names, "SCHEMA", "scans")

    statement = sql_names.substitute_names("select ponto.ponto.id from ponto.ponto")

    assert statement == "select scans.ponto.id from scans.ponto"
