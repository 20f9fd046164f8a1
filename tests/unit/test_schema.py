"""The JSON Schema that API Gateway enforces, and its agreement with the drain's parser."""

import json
import re
from datetime import UTC, date, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ponto.drain.parser import InvalidPunchError, Reason, parse
from ponto.punch import EVENT
from ponto.shared import fields
from tests.strategies import (
    BAD_VALUES,
    FIELDS,
    SCHEMA,
    TEXT_FIELDS,
    TIMESTAMP_FIELDS,
    compile_ecma_pattern,
    edited_bodies,
    good_bodies,
    is_admitted,
    json_values,
)
from tools.kit.event import VALID

GOOD = VALID[0]
PATTERNS = {name: rule["pattern"] for name, rule in FIELDS.items() if "pattern" in rule}
TIMESTAMP_PATTERN = fields.timestamp("").keywords["pattern"]
TIMESTAMP = compile_ecma_pattern(TIMESTAMP_PATTERN)


def is_parsed(body: str) -> bool:
    try:
        parse(body, UTC)
    except InvalidPunchError as error:
        # The schema cannot refuse lone surrogates in a text.
        return error.detail.endswith(": contains a lone surrogate")
    return True


def test_schema_is_valid_draft_4_and_refuses_unknown_fields() -> None:
    jsonschema.Draft4Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert SCHEMA["additionalProperties"] is False
    assert SCHEMA["required"] == [field.name for field in EVENT.fields_required_first if field.required]


@pytest.mark.parametrize("pattern", sorted(set(PATTERNS.values())))
def test_patterns_use_only_portable_syntax(pattern: str) -> None:
    assert re.fullmatch(r"\^[^$]+\$", pattern), "anchored, and without `${...}`, which osls would replace"
    assert not re.search(r"\\[dDsSwWbBpP]|\(\?<|\(\?[a-z]", pattern), "ASCII classes, no look-behind, no flags"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029"], ids=ascii)
def test_pattern_does_not_match_before_a_last_line_break(end: str) -> None:
    values = {"id": "0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b"} | dict.fromkeys(TEXT_FIELDS, "a")
    for name, value in (values | dict.fromkeys(TIMESTAMP_FIELDS, "2026-10-01T08:00Z")).items():
        # Python's `$` also matches before a last newline, Java's before any line break.
        for dollar in (r"(?=\n?\Z)", r"(?=(?:\r\n|[\n\r\u0085\u2028\u2029])?\Z)"):
            pattern = PATTERNS[name][:-1] + dollar
            assert re.search(pattern, value)
            assert not re.search(pattern, value + end)


@pytest.mark.parametrize(("name", "values"), BAD_VALUES.items(), ids=BAD_VALUES)
def test_schema_refuses_every_bad_value_that_the_parser_refuses(name: str, values: list[Any]) -> None:
    assert [value for value in values if is_admitted(json.dumps(GOOD | {name: value}))] == []


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(good_bodies())
def test_parser_admits_what_the_schema_admits(body: dict[str, Any]) -> None:
    assert is_admitted(json.dumps(body))
    parse(json.dumps(body), UTC)


@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(edited_bodies(), st.booleans())
def test_parser_and_schema_agree_one_edit_away_from_good(body: dict[str, Any], escape: bool) -> None:
    text = json.dumps(body, ensure_ascii=escape)
    assert is_parsed(text) == is_admitted(text)


@given(st.text() | json_values().map(json.dumps))
@example("")
@example("\ufeff{}")
@example("[" * 100_000)
def test_parser_and_schema_agree_on_any_text(text: str) -> None:
    assert is_parsed(text) == is_admitted(text)


def test_timestamp_admits_exactly_the_days_that_exist_from_1900_to_2999() -> None:
    written = (
        f"{year:04}-{month:02}-{day:02}" for year in range(1890, 3010) for month in range(14) for day in range(33)
    )
    admitted = {day for day in written if TIMESTAMP.search(day + "T00:00")}
    days = (date(2999, 12, 31) - date(1900, 1, 1)).days + 1
    assert admitted == {(date(1900, 1, 1) + timedelta(days=n)).isoformat() for n in range(days)}


@pytest.mark.parametrize("name", TEXT_FIELDS)
def test_lone_surrogate_is_admitted_by_the_schema_and_refused_by_the_parser(name: str) -> None:
    text = json.dumps(GOOD | {name: "\ud800"})
    assert is_admitted(text)
    with pytest.raises(InvalidPunchError) as refusal:
        parse(text, UTC)
    assert refusal.value.reason is Reason.MALFORMED
