"""SQL statements of the function `read`, and the values that they accept."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from ponto import enabled_slices
from ponto.read import parameter_types
from ponto.read.punch_statements import STATEMENTS
from ponto.read.statements import InvalidRequestError, to_json_values
from tools.kit import event
from tools.kit.project import ROOT

PATHS = [
    *(ROOT / "ponto" / "read" / "sql").glob("*.sql"),
    *(path for name in enabled_slices.names() for path in (enabled_slices.FOLDER / name / "reads").glob("*.sql")),
]
FILES = {path.stem: path for path in PATHS}


def test_every_file_is_a_statement_whose_placeholders_are_its_parameters() -> None:
    catalogue = enabled_slices.statements()
    # The function itself runs `open_writers`, which callers cannot request.
    assert sorted(path.stem for path in PATHS) == sorted([*catalogue.statements, "open_writers"])
    for name, statement in catalogue.statements.items():
        assert set(re.findall(r"%\((\w+)\)s", statement.sql)) == set(statement.parameters), name


def test_duplicate_statement_names_are_refused() -> None:
    """Otherwise a slice could replace a statement of the base."""
    with pytest.raises(ValueError, match=r"^message\.sql: another statement already has this name"):
        STATEMENTS.combine([STATEMENTS])


PUNCHES_VALUES: dict[str, Any] = {
    "employee_id": event.subject(7),
    "de": datetime(2026, 11, 23, 8, tzinfo=UTC),
    "ate": datetime(2026, 11, 24, 8, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("zone", {}),
        ("punch", {"id": "0190163d-8694-739b-aea5-966c26f8ad91"}),
        ("punches", PUNCHES_VALUES),
        ("message", {"message_id": "5fea7756-0ea4-451a-a703-a558b933e274", "since": PUNCHES_VALUES["de"]}),
    ],
)
def test_values_survive_conversion_to_json_and_parsing(name: str, values: dict[str, Any]) -> None:
    assert STATEMENTS.parse_values(name, to_json_values(values)) == values


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("open_writers", {"tables": []}, "unknown statement"),
        ("punches", {"employee_id": 7}, "expected parameters: employee_id, de, ate"),
        ("punches", to_json_values(PUNCHES_VALUES | {"employee_id": 2**63}), "employee_id has the wrong type"),
        ("punches", to_json_values(PUNCHES_VALUES) | {"de": "2026-11-23T08:00"}, "de has the wrong type"),
        ("punches", to_json_values(PUNCHES_VALUES | {"ate": datetime(2028, 1, 1, tzinfo=UTC)}), "more than a year"),
        ("punch", {"id": "november"}, "id has the wrong type"),
    ],
)
def test_invalid_values_are_refused_without_quoting_them(name: str, values: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        STATEMENTS.parse_values(name, values)
    assert reason in str(error.value)
    assert "november" not in str(error.value)


@pytest.mark.parametrize("value", ["gate", ["a\0"], [1]])
def test_invalid_list_of_texts_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        parameter_types.texts(value)
