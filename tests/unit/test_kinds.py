"""Agreement of parser and schema on every kind of field, and what an event's declaration yields."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponto.drain.parser import InvalidPunchError, create_parser
from ponto.drain.store import Entry, Store
from ponto.shared.connection import Session
from ponto.shared.derived_id import derive_id
from ponto.shared.fields import Kind, decimal, display_text, enumeration, parse_any_uuid, text
from tests.measurement import EVENT, Measurement
from tests.strategies import edited_bodies, good_bodies, is_admitted
from tools.develop.docs.schema import json_schema
from tools.kit.values import invalid_value, limit_values

SCHEMA = json_schema(EVENT)
GOOD = dict(EVENT.examples[0])
parse = create_parser(EVENT)


def read(**fields: Any) -> Measurement:
    measurement: Measurement = parse(json.dumps(GOOD | fields), ZoneInfo("America/Sao_Paulo"))
    return measurement


def is_parsed(body: str) -> bool:
    try:
        parse(body, UTC)
    except InvalidPunchError as error:
        return error.detail.endswith(": contains a lone surrogate")
    return True


def accepts(kind: Kind, value: object) -> bool:
    try:
        kind.parse(value)
    except ValueError:
        return False
    return True


# Parser and schema


@pytest.mark.parametrize("validator", [jsonschema.Draft4Validator, jsonschema.Draft202012Validator])
def test_schema_is_valid_in_draft_4_and_in_the_draft_of_openapi(validator: Any) -> None:
    validator.check_schema({key: value for key, value in SCHEMA.items() if key != "$schema"})


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(good_bodies(SCHEMA))
def test_parser_admits_what_the_schema_of_any_kind_admits(body: dict[str, Any]) -> None:
    assert is_admitted(json.dumps(body), SCHEMA)
    assert is_parsed(json.dumps(body))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(edited_bodies(SCHEMA))
def test_parser_and_schema_agree_on_any_kind_one_edit_away_from_good(body: dict[str, Any]) -> None:
    assert is_parsed(json.dumps(body)) == is_admitted(json.dumps(body), SCHEMA)


@pytest.mark.parametrize("column", EVENT.fields)
def test_limit_values_are_valid_and_the_invalid_value_is_not(column: str) -> None:
    field = EVENT.fields[column]
    for value in limit_values(field.kind):
        assert is_admitted(json.dumps(GOOD | {field.name: value}), SCHEMA)
        assert is_parsed(json.dumps(GOOD | {field.name: value}))
    invalid = json.dumps(GOOD | {field.name: invalid_value(field.kind)})
    assert not is_admitted(invalid, SCHEMA)
    assert not is_parsed(invalid)


@given(st.decimals(-99999, 99999, places=3))
def test_decimal_is_parsed_without_loss_within_its_digits(value: Decimal) -> None:
    kind = decimal(4, 3, "", signed=True)
    assert accepts(kind, f"{value:f}") == (abs(value) < 10_000)
    if abs(value) < 10_000:
        assert kind.parse(f"{value:f}") == value


@pytest.mark.parametrize(
    ("name", "value", "is_valid"),
    [
        *(("channel", value, is_valid) for value, is_valid in (("A1", True), ("xA1\n", False), ("A-123456", False))),
        *(("label", value, is_valid) for value, is_valid in (("é", False), ("éé", True), ("x" * 13, False))),
        *(("price", value, is_valid) for value, is_valid in (("0.5", True), ("-0.5", False))),
    ],
)
def test_text_matches_its_pattern_and_lengths_as_a_whole(name: str, value: str, is_valid: bool) -> None:
    body = json.dumps(GOOD | {name: value})
    assert (is_parsed(body), is_admitted(body, SCHEMA)) == (is_valid, is_valid)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (enumeration(("°C", "°F"), ""), "must be one of °C, °F"),
        (enumeration([f"value {number}" for number in range(50)], ""), "must be one of the 50 texts in the schema"),
        (text(9, "[0-9]{9}", ""), "must be a string of at most 9 characters that matches [0-9]{9}"),
        (text(99, "a" * 101, ""), "must be a string of at most 99 characters that matches the pattern in the schema"),
        (decimal(3, 2, ""), 'must be a string with a number from 0.00 to 999.99, such as "1.50"'),
        (
            display_text(9, "", min_length=1),
            "must be a string of 1 to 9 characters without control characters, line breaks or bidirectional controls",
        ),
    ],
)
def test_error_message_states_the_rule(kind: Kind, error: str) -> None:
    assert kind.error == error


# What follows from the declaration


def test_name_on_the_wire_is_the_column_in_camel_case() -> None:
    assert EVENT.fields["sensor_id"].name == "sensorId"
    assert EVENT.fields["is_manual"].name == "isManual"
    assert "utc_offset" not in EVENT.fields


def test_field_is_required_if_it_has_no_default_and_is_not_derived() -> None:
    required = [column for column, field in EVENT.fields.items() if field.required]
    assert required == ["sensor_id", "channel", "unit", "value", "taken_at", "label"]


def test_offset_is_that_of_the_instant() -> None:
    assert read().utc_offset == -180
    assert read(takenAt="2026-10-01T08:00", sentAt="2026-10-01T08:00Z").utc_offset is None


def test_equal_events_have_the_same_comparison_key() -> None:
    first = read()
    second = read(value="-1.50", takenAt="2026-10-01T11:00Z", quality=1)
    assert EVENT.comparison_key(first) == {
        "sensor_id": 7,
        "channel": "A1",
        "taken_at": datetime(2026, 10, 1, 11, tzinfo=UTC).timestamp() * 1_000_000,
        "value": "-1.500",
        "unit": "°C",
        "label": "N1",
    }
    assert EVENT.comparison_key(second) == EVENT.comparison_key(first)
    assert EVENT.comparison_key(read(value="-1.501")) != EVENT.comparison_key(first)


@pytest.mark.parametrize("label", ["N1", "\ud800"], ids=["orjson", "json"])
def test_decimal_is_sent_to_postgresql_as_text(label: str) -> None:
    sent: list[Mapping[str, Any]] = []

    class RecordingSession(Session):
        def execute(self, statement: str, parameters: Mapping[str, Any], deadline: float) -> list[Any]:
            del statement, deadline
            sent.append(parameters)
            return [("",)]

    measurement: Any = read()._replace(value=Decimal("0E-8"), label=label)
    Store(dict, create_session=RecordingSession).save([Entry(measurement, "message", 0)])

    [row] = json.loads(sent[0]["entries"])
    assert row[Measurement._fields.index("value")] == "0.00000000"


def test_id_is_derived_from_all_columns_that_are_declared_and_the_instant() -> None:
    instant = datetime(2026, 10, 1, 8, tzinfo=timezone(timedelta(hours=-3)))
    assert read().id == derive_id("7|A1|N1", instant)


def test_enumeration_of_one_text_instead_of_a_tuple_is_refused() -> None:
    with pytest.raises(TypeError, match=r"a tuple of values, with a comma if it is one: \('site',\)"):
        enumeration(("site"), "")


def test_enumeration_does_not_change_with_the_list_of_its_values() -> None:
    values = ["site", "app"]
    kind = enumeration(values, "")

    values.append("shop")

    assert not accepts(kind, "shop")


UUID = "0199a1f2-7c1e-8b52-9d1f-6b1f0a4c2d3e"


@pytest.mark.parametrize("value", [UUID[:-1], f"{{{UUID}}}", UUID.replace("-", ""), f"{UUID}\n", f"{UUID[:-1]}é", 1])
def test_uuid_of_any_version_is_read_as_lower_case_and_other_forms_are_refused(value: object) -> None:
    assert parse_any_uuid(UUID.upper()) == UUID
    with pytest.raises(ValueError, match="not a UUID"):
        parse_any_uuid(value)
