"""Declaration of an event with a field of each kind: a measurement of a sensor."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, NamedTuple

from ponto.shared.event import Event
from ponto.shared.fields import (
    MAX_SAFE_INTEGER,
    boolean,
    decimal,
    display_text,
    enumeration,
    integer,
    number,
    text,
    timestamp,
    uuid,
)


class Measurement(NamedTuple):
    """A measurement of a sensor."""

    id: Annotated[str, uuid("Idempotency key created by the client.")]
    sensor_id: Annotated[int, integer(1, MAX_SAFE_INTEGER, "Number of the sensor.")]
    channel: Annotated[str, text(7, "[A-C]-?[0-9a-z]{1,6}", "Channel of the sensor.")]
    unit: Annotated[str, enumeration(("°C", "kWh", "m³"), "Unit of the value.")]
    value: Annotated[Decimal, decimal(4, 3, "Measured value.", signed=True)]
    taken_at: Annotated[datetime, timestamp("When the sensor measured.")]
    label: Annotated[str, display_text(12, "Label that the operator gave to the measurement.", min_length=2)]
    utc_offset: int | None = None
    price: Annotated[Decimal | None, decimal(1, 1, "Price of a unit.")] = None
    quality: Annotated[float | None, number(0, 1, "Estimated quality.")] = None
    is_manual: Annotated[bool | None, boolean("Whether a person read the sensor.")] = None
    sent_at: Annotated[datetime | None, timestamp("When the sensor sent the measurement.")] = None
    batch: Annotated[str | None, uuid("Batch of measurements.")] = None


_BODY = {"sensorId": 7, "channel": "A1", "unit": "°C", "value": "-1.5", "takenAt": "2026-10-01T08:00-03", "label": "N1"}

EVENT = Event(
    row=Measurement,
    noun=("measurement", "measurements"),
    subject_noun=("sensor", "sensors"),
    service="sensor-values",
    path="/measurements",
    table="measurement",
    subject="sensor_id",
    reserved_subject=MAX_SAFE_INTEGER,
    instant="taken_at",
    offset="utc_offset",
    same=("sensor_id", "channel", "taken_at", "value", "unit", "label"),
    derived_id=("sensor_id", "channel", "label"),
    examples=(_BODY, {**_BODY, "channel": "B-x"}),
    conflicting=(_BODY, {**_BODY, "value": "2"}),
)
