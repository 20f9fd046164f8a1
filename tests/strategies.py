"""Bodies of `POST /ponto` for property tests: valid ones, valid ones with one edit, and any JSON."""

import json
import math
import re
from functools import cache
from typing import Any

import jsonschema
from hypothesis import strategies as st

from ponto.punch import EVENT
from tools.kit.project import ROOT

Body = dict[str, Any]

SCHEMA: dict[str, Any] = json.loads((ROOT / "ponto/punch.schema.json").read_text())
FIELDS: dict[str, dict[str, Any]] = SCHEMA["properties"]
TEXT_FIELDS = [field.name for field in EVENT.fields.values() if field.kind.name == "display_text"]
"""Fields of text to display."""
TIMESTAMP_FIELDS = [EVENT.fields[column].name for column in EVENT.time_columns]
"""Fields with a date and time."""


def fill_text_fields(text: str) -> Body:
    """Return a body with a text of up to 64 characters in each field that accepts it; another event may have none."""
    return {name: text for name in TEXT_FIELDS if FIELDS[name]["maxLength"] >= 64}


# Dates that do not exist are in tests/unit/test_schema.py.
_timestamps: list[Any] = [
    *(None, 0, True, [], "", "now", "9" * 65_536, "\ud800"),
    # other forms of ISO 8601, and similar texts
    *("2026-10-01", "08:00", "20261001T080000Z", "2026-W40-4T08:00", "2026-274T08:00", "2026-10-01 08:00"),
    *("2026-10-01t08:00", "2026-10-01T08:00z", "2026-10-01T08", "2026-10-01T0800", "2026-10-01T08:00Z[UTC]"),
    *("2026-10-01T08:00:00.", "2026-10-01T08:00:00.1234567Z", "2026-10-01T08:00.5", "2026-10-01T08:00:00,5Z"),
    *("2026-10-01T24:00", "2026-10-01T08:60", "2016-12-31T23:59:60Z"),
    # offsets
    *("2026-10-01T08:00+15", "2026-10-01T08:00+15:00", "2026-10-01T08:00-03:60", "2026-10-01T08:00-3"),
    *("2026-10-01T08:00-03:00:00", "2026-10-01T08:00\u221203:00"),
    # further characters, and digits that are not ASCII
    *("2026-10-01T08:00Z\n", " 2026-10-01T08:00", "2026-10-01T08:00\x00", "202\u0666-10-01T08:00"),
]

# Values that every field of a type refuses.
_BAD_VALUES_BY_TYPE: dict[str, list[Any]] = {
    "integer": [None, True, 1.0, 1.5, "123", [1], {}, 10**400, -(10**400)],
    "number": [None, True, "1", [1], {}, 10**400, -(10**400)],
    "boolean": [None, 0, 1, "true", []],
    "string": [None, 1, True, [], {}],
}


_REFUSED_TEXTS = [
    *("\u0000", "a\tb", "a\n", "\x1f", "\x7f", "\x80", "\x85", "\x9f"),
    # line breaks, and marks that change the direction of text
    *("\u2028", "\u2029", "\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "a\u202eb"),
]


def values_beyond_limits(rule: dict[str, Any]) -> list[Any]:
    """Return values outside the limits of a field."""
    if "maxLength" in rule:
        shortest = ["x" * (rule["minLength"] - 1)] if "minLength" in rule else []
        return [*shortest, "x" * (rule["maxLength"] + 1), "x" * 65_536, *_REFUSED_TEXTS]
    if rule["type"] == "string":
        return ["", "a\nb"]
    if "minimum" not in rule:
        return []
    low, high = rule["minimum"], rule["maximum"]
    nearest = [] if rule["type"] == "integer" else [math.nextafter(low, -math.inf), math.nextafter(high, math.inf)]
    return [low - 1, high + 1, *nearest]


def _texts_at_limits(rule: dict[str, Any]) -> list[str]:
    shortest, longest = rule.get("minLength", 0), rule["maxLength"]
    unusual = " ~\u00a0\u061b\u061d\u200d\u2010\u2027\u202f\u2065\u206a"
    texts = ["x" * shortest, "x" * longest, "\U0001f600" * longest, unusual[:longest]]
    return [text for text in texts if len(text) >= shortest]


# Invalid values of each field.
BAD_VALUES: dict[str, list[Any]] = {
    name: _BAD_VALUES_BY_TYPE[rule["type"]] + values_beyond_limits(rule) for name, rule in FIELDS.items()
} | {
    **dict.fromkeys(TIMESTAMP_FIELDS, _timestamps),
    "id": [
        *(None, 1, [], "", "00000000-0000-0000-0000-000000000000", "0199a0b1c2d37e4f8a5b6c7d8e9f0a1b"),
        *("{0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b}", "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"),
        *("0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1", "0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1g"),
        *("03a34e43-8380-81c5-aca7-a6486aae4a60", "0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b\n"),  # version 8: derived
    ],
}

# Valid bodies with one field at a limit of its range.
BOUNDARY_VALUES: list[Body] = [
    *({name: rule[limit]} for name, rule in FIELDS.items() for limit in ("minimum", "maximum") if limit in rule),
    *({name: text} for name in TEXT_FIELDS for text in _texts_at_limits(FIELDS[name])),
    {"id": "00000000-0000-0000-0000-000000000001"},
    {"id": "ffffffff-ffff-ffff-ffff-fffffffffffe"},
    {"id": "88888888-8888-7888-8888-888888888888"},
    {"id": "88888888-8888-9888-8888-888888888888"},
    *(
        {name: value}
        for name, rule in FIELDS.items()
        if rule["type"] == "number"
        for value in (float(rule["minimum"]), float(rule["maximum"]), 1e-300, -0.0)
        if rule["minimum"] <= value <= rule["maximum"]
    ),
]


def compile_ecma_pattern(pattern: str) -> re.Pattern[str]:
    """Compile an anchored pattern with the meaning of ECMAScript: `$` matches only at the end of the text."""
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    return re.compile(pattern[:-1] + r"\Z")


def _ecma_pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Any:
    if isinstance(instance, str) and not compile_ecma_pattern(pattern).search(instance):
        yield jsonschema.ValidationError("does not match")


_extend: Any = jsonschema.validators.extend  # jsonschema has no types
_Validator = _extend(jsonschema.Draft4Validator, {"pattern": _ecma_pattern})


def is_admitted(text: str, schema: dict[str, Any] = SCHEMA) -> bool:
    """Return whether a text is JSON (RFC 8259, so without NaN) that a schema admits by the rules of draft 4."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return bool(_Validator(schema).is_valid(json.loads(text, parse_constant=refuse)))
    except (ValueError, RecursionError):
        return False


def _good_value(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    low, high = rule.get("minimum"), rule.get("maximum")
    match rule["type"]:
        case "integer":
            return st.integers(low, high)
        case "number":
            return st.integers(low, high) | st.floats(low, high)
        case "boolean":
            return st.booleans()
    if "enum" in rule:
        return st.sampled_from(rule["enum"])
    text = st.from_regex(compile_ecma_pattern(rule["pattern"]), fullmatch=True, alphabet=st.characters(codec="utf-8"))
    return text.filter(lambda value: rule.get("minLength", 0) <= len(value) <= rule.get("maxLength", 64))


_MISSPELT = [*(name.capitalize() for name in SCHEMA["required"]), *(name[:-1] + name[-1].upper() for name in FIELDS)]


def good_bodies(schema: dict[str, Any] = SCHEMA) -> st.SearchStrategy[Body]:
    """Return a strategy for bodies that a schema admits, generated from the schema."""
    return _good_bodies(json.dumps(schema))


@cache  # `edited_bodies` needs the strategy for each example
def _good_bodies(schema_text: str) -> st.SearchStrategy[Body]:
    schema = json.loads(schema_text)
    values = {name: _good_value(rule) for name, rule in schema["properties"].items()}
    required = {name: values[name] for name in schema["required"]}
    optional = {name: value for name, value in values.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


_scalars: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())  # lone surrogates too
    | st.sampled_from(["", 0, -1, 1.0, 1e3, float("inf"), 10**400, "1", "true", "\u0000"])
)


def json_values() -> st.SearchStrategy[Any]:
    """Return a strategy for all values that `json.dumps` can write; field names are more frequent than by chance."""
    names = st.sampled_from(sorted(FIELDS)) | st.text(max_size=10)
    return st.recursive(
        _scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    )


@st.composite
def edited_bodies(draw: st.DrawFn, schema: dict[str, Any] = SCHEMA) -> Body:
    """Return a valid body with one edit, after which it may still be valid."""
    fields = schema["properties"]
    body = draw(good_bodies(schema))
    name = draw(st.sampled_from(sorted(body)))
    value = body[name]
    edit = draw(st.sampled_from(["drop", "add", "rename", "replace", "change"]))
    if edit == "drop":
        del body[name]
    elif edit == "add":
        body[draw(st.sampled_from([*_MISSPELT, "nome", ""]) | st.text(max_size=100))] = draw(_scalars)
    elif edit == "rename":
        body[draw(st.sampled_from(sorted(fields)) | st.just(name.upper()))] = body.pop(name)
    elif edit == "replace":
        body[name] = draw(json_values())
    elif isinstance(value, str):
        body[name] = draw(_change_one_character(value))
    elif not isinstance(value, bool):
        bound = fields[name][draw(st.sampled_from(["minimum", "maximum"]))]
        body[name] = bound + draw(st.sampled_from([-1, 0, 1, -1e-9, 1e-9, 0.0]))
    return body


def _change_one_character(value: str) -> st.SearchStrategy[str]:
    # Characters that the patterns mention, a newline, and a digit that is not ASCII.
    characters = st.sampled_from([*"0123456789abgAGTtZz+-:. \n\x00\x7f\x9f\u202e", "\u0663", "\ud800", ""])
    return st.builds(
        lambda at, width, new: value[:at] + new + value[at + width :],
        st.integers(0, len(value)),
        st.integers(0, 1),
        characters,
    )
