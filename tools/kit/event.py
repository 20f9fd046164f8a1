"""Examples of the event that `ponto/punch.py` declares, for the check after a deploy, the load test and the tests."""

import uuid
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from ponto.punch import EVENT
from ponto.shared.event import Subject
from tools.kit.values import invalid_value, limit_values, nth_subject

_NAMES = {column: field.name for column, field in EVENT.fields.items()}  # on the wire
_REQUIRED = [field.name for field in EVENT.fields.values() if field.required]
_SUBJECT, _INSTANT = _NAMES[EVENT.subject], _NAMES[EVENT.instant]
_DECLARED = (*EVENT.examples, *EVENT.conflicting)

_other_columns = [column for column in EVENT.fields if column not in ("id", EVENT.subject, EVENT.instant)]
_text_columns = [column for column in _other_columns if EVENT.fields[column].kind.name in ("text", "display_text")]

EXAMPLE_SUBJECT: Subject = EVENT.examples[0][_SUBJECT]
"""The employee of the first example."""

DISPLAYED_COLUMNS = (EVENT.subject, EVENT.instant, *(_text_columns or _other_columns)[:1])
"""Columns that `make rows` shows after the id."""


def subject(number: int) -> Subject:
    """Return the employee of a number, or another subject; see `nth_subject`."""
    return nth_subject(EVENT.fields[EVENT.subject].kind, number)


def body(employee: Subject, instant: str, /, **fields: Any) -> dict[str, Any]:
    """Return the body of a valid event, with the required fields of the first example.

    Args:
        employee: an employee, or another subject; an integer is the number of one, see `subject`.
        instant: time of the event, ISO 8601.
        fields: other fields, by their names on the wire.
    """
    required = {name: EVENT.examples[0][name] for name in _REQUIRED}
    if EVENT.derived_id is None:  # equal events have the same id, as if it were derived
        required["id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{employee} {instant}"))
    value = subject(employee) if isinstance(employee, int) else employee
    return required | {_SUBJECT: value, _INSTANT: instant} | fields


def _values(column: str) -> list[Any]:
    """Return different valid values of a column: those at the limits, or those that the declaration shows."""
    name = _NAMES[column]
    declared = dict.fromkeys(example[name] for example in _DECLARED if name in example)
    return limit_values(EVENT.fields[column].kind) or list(declared)


_GOOD = body(1, "2026-10-01T08:00:00-03:00")
_EXAMPLE: dict[str, Any] = dict(chain.from_iterable(example.items() for example in EVENT.examples))

OPTIONAL_FIELDS: dict[str, Any] = {
    name: _EXAMPLE.get(name, values[-1])
    for column, name in _NAMES.items()
    if name not in _REQUIRED and column != "id" and (values := _values(column))
}
"""Optional fields, which are not compared: two events with the same id may differ in them."""

VALID: list[dict[str, Any]] = [
    _GOOD,
    body(1, "2026-10-01T08:00"),
    *map(dict, EVENT.examples),
    *({_NAMES[column]: values[at] for column in _NAMES if (values := _values(column))} for at in (0, -1)),
]
"""Valid events: with the required fields only, as declared, and with all fields at their limits."""

INVALID: list[tuple[dict[str, Any], str]] = [
    *(
        ({key: value for key, value in _GOOD.items() if key != name}, f"{name}: required")
        for name in sorted(_REQUIRED, key=lambda name: name != _INSTANT)
    ),
    (_GOOD | {"unknownField": "x"}, "unknown field 'unknownField'"),
    *(
        (_GOOD | {field.name: invalid_value(field.kind)}, f"{field.name}: {field.kind.error}")
        for field in EVENT.fields.values()
    ),
]
"""Invalid events, each with its error message. The first lacks the instant, the second another required field."""


def example_body(instant: str, id_: str) -> dict[str, Any]:
    """Return the body of the first declared example with another instant and id, to try a stack by hand."""
    return {"id": id_} | body(EXAMPLE_SUBJECT, instant, id=id_)


def new_event(id_: str) -> dict[str, Any]:
    """Return the body of an event of the reserved subject that happens now, which a deploy sends to check a stage."""
    return body(EVENT.reserved_subject, datetime.now(UTC).isoformat(), id=id_)
