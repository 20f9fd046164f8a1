"""Examples of the event that `ponto/punch.py` declares, for the check after a deploy, the load test and the tests.

A fork for another event replaces this file, `ponto/punch.py`, the migration and the statements (docs/adapt.md).
"""

from datetime import UTC, datetime
from typing import Any

DISPLAYED_COLUMNS = ("usuario_id", "ponto", "dispositivo")
"""Columns that `make rows` shows after the id."""


def body(subject: int, instant: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a valid event.

    Args:
        subject: number of the employee, or of another subject.
        instant: time of the event, ISO 8601.
        fields: other fields, by their names on the wire.
    """
    return {"usuarioId": subject, "ponto": instant, **fields}


OPTIONAL_FIELDS: dict[str, Any] = {"dispositivo": "portão", "offline": True, "latitude": -23.5, "longitude": -46.6}
"""Optional fields that are not compared: two events with the same id may differ in them."""

VALID: list[dict[str, Any]] = [
    body(1, "2026-10-01T08:00:00-03:00"),
    body(1, "2026-10-01T08:00"),
    body(2**53 - 1, "2999-12-31T23:59:59.999999-14:59"),
    body(
        7,
        "2026-10-01T08:00:00.123456-03:00",
        id="0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b",
        dispositivo='Relógio 日 \U0001f600 "\\ %s',
        offline=True,
        enviado="2026-10-01T11:30Z",
        latitude=-23.550520123456789,
        longitude=1e-300,
        precisao=12.5,
        sequencia=41,
    ),
]
"""Valid events: with the required fields only, with all fields, and at the limits."""

INVALID: list[tuple[dict[str, Any], str]] = [
    ({"usuarioId": 1}, "ponto: required"),
    ({"ponto": "2026-10-01T08:00"}, "usuarioId: required"),
    (body(1, "2026-10-01T08:00", nome="x"), "unknown field 'nome'"),
    (body(0, "2026-10-01T08:00"), "usuarioId: must be an integer from 1 to 9007199254740991"),
    (
        body(1, "2026-02-30T08:00"),
        "ponto: must be a valid ISO 8601 date and time in the years 1900 to 2999, such as 2026-10-01T08:00:00-03:00",
    ),
]
"""Invalid events, each with its error message."""

CONFLICTING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (body(1, "2026-10-01T08:00Z"), body(2, "2026-10-01T08:00Z"), "usuario_id"),
    (body(1, "2026-10-01T08:00Z"), body(1, "2026-10-01T08:00:00.000001Z"), "ponto"),
    (body(1, "2026-10-01T08:00Z"), body(2, "2026-10-02T08:00Z"), "usuario_id and ponto"),
]
"""Pairs of events that conflict if they have the same id, and the columns in which they differ."""

EQUIVALENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (body(1, "2026-10-01T08:00:00-03:00"), body(1, "2026-10-01T11:00Z", dispositivo="another")),
]
"""Pairs that count as one event, with the same id or without ids."""


def new_event(id_: str, subject: int) -> dict[str, Any]:
    """Return the body of an event that happens now, which a deploy sends to check that a stage works."""
    return body(subject, datetime.now(UTC).isoformat(), id=id_)
