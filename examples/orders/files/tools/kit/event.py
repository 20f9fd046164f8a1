"""Examples of the event that `ponto/punch.py` declares, for the proof of a deploy, the load test and the tests."""

from datetime import UTC, datetime
from typing import Any

DISPLAYED_COLUMNS = ("loja", "criado", "pedido")
"""Columns that `make rows` shows beside the id."""


def body(subject: int, instant: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a valid event.

    Args:
        subject: number of the shop.
        instant: instant in ISO 8601.
        fields: other fields, by their names in JSON.
    """
    return {"pedido": "A-17", "loja": subject, "criado": instant, "totalCentavos": 1250, **fields}


OPTIONAL_FIELDS: dict[str, Any] = {}
"""Optional fields that are not compared: events with one id are the same with and without them."""

VALID: list[dict[str, Any]] = [
    body(5, "2026-11-24T08:00:00-03:00"),
    body(5, "2026-11-24T08:00"),
    body(2**53 - 1, "2999-12-31T23:59:59.999999-14:59", pedido="", totalCentavos=0),
    body(7, "2026-11-24T08:00:00.123456Z", id="0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", pedido='Café \U0001f600 "\\ %s'),
]
"""Valid events: with the required fields only, with all fields, and with values at the limits."""

INVALID: list[tuple[dict[str, Any], str]] = [
    ({"pedido": "A-17", "loja": 5, "totalCentavos": 1250}, "criado: required"),
    ({"loja": 5}, "pedido: required"),
    (body(5, "2026-11-24T08:00", usuarioId=7), "unknown field 'usuarioId'"),
    (body(5, "2026-11-24T08:00", totalCentavos=-1), "totalCentavos: must be an integer from 0 to 1000000000000"),
    (
        body(5, "2026-02-30T08:00"),
        "criado: must be a valid ISO 8601 date and time in the years 1900 to 2999, such as 2026-10-01T08:00:00-03:00",
    ),
]
"""Invalid events, and the detail with which each is refused."""

CONFLICTING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (body(5, "2026-11-24T08:00Z"), body(5, "2026-11-24T08:00Z", totalCentavos=9), "total_centavos"),
    (body(5, "2026-11-24T08:00Z"), body(6, "2026-11-24T08:00:00.000001Z", pedido="B-1"), "pedido and loja and criado"),
]
"""Pairs of events that conflict under one id, and the columns that differ."""

EQUIVALENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (body(5, "2026-11-24T08:00:00-03:00"), body(5, "2026-11-24T11:00Z")),
]
"""Pairs of events that are the same event, under one id and without an id."""


def new_event(id_: str, subject: int) -> dict[str, Any]:
    """Return the body of an event with an id and the current instant, which a deploy sends to prove a stage."""
    return body(subject, datetime.now(UTC).isoformat(), id=id_)
