"""The values of the reports' statements."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ponto.read.statements import InvalidRequestError, to_json_values
from slices.reports.statements import STATEMENTS

EXCEPTIONS: dict[str, Any] = {
    "de": date(2026, 11, 1),
    "ate": date(2026, 11, 30),
    "momento": datetime(2026, 11, 20, tzinfo=UTC),
    "employee_ids": [101, 102],
    "somadas": True,
    "dias": 3,
    **dict.fromkeys(("jornada_maxima", "proximas", "atraso", "futuro", "desvio", "redefinicao"), timedelta(hours=10)),
}


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("totals", {"mes": "2026-11-01"}, "expected parameters: mes, employee_ids, momento"),
        ("totals", {"mes": "november", "employee_ids": None, "momento": None}, "totals: mes has the wrong type"),
        ("totals", {"mes": "2026-11-01", "employee_ids": [2**63], "momento": None}, "employee_ids has the wrong type"),
        ("exceptions", to_json_values(EXCEPTIONS | {"dias": True}), "dias has the wrong type"),
        ("exceptions", to_json_values(EXCEPTIONS) | {"atraso": "10h"}, "atraso has the wrong type"),
        ("exceptions", to_json_values(EXCEPTIONS | {"de": date(1900, 1, 1)}), "more than a year"),
        ("exceptions", to_json_values(EXCEPTIONS | {"de": None}), "more than a year"),
    ],
)
def test_invalid_value_is_refused_without_quoting_it(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        STATEMENTS.parse_values(name, values)
    assert message in str(error.value)
    assert "november" not in str(error.value)
