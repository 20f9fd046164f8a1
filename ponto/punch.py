"""Declaration of the event: a punch of an employee. `docs/adapt.md` explains declarations."""

from datetime import datetime
from typing import Annotated, NamedTuple

from ponto.shared.event import Event
from ponto.shared.fields import MAX_SAFE_INTEGER, boolean, display_text, integer, number, timestamp, uuid


class Punch(NamedTuple):
    """A punch of an employee."""

    id: Annotated[
        str,
        uuid(
            "Idempotency key created by the client, best a UUIDv7: random UUIDs (version 4) slow inserts down as the "
            "table grows."
        ),
    ]
    usuario_id: Annotated[int, integer(1, MAX_SAFE_INTEGER, "The employee's number.")]
    ponto: Annotated[datetime, timestamp("When the employee punched.")]
    deslocamento: int | None = None
    dispositivo: Annotated[str | None, display_text(64, "Name of the device.")] = None
    offline: Annotated[bool | None, boolean("Whether the device was offline when the employee punched.")] = None
    enviado: Annotated[datetime | None, timestamp("The device's clock when it sent this attempt.")] = None
    latitude: Annotated[float | None, number(-90, 90, "Degrees north of the equator.")] = None
    longitude: Annotated[float | None, number(-180, 180, "Degrees east of Greenwich.")] = None
    precisao: Annotated[  # at most half the Earth's circumference: no two points are farther apart
        float | None, number(0, 20037508, "Accuracy of the position: a radius in metres.")
    ] = None
    sequencia: Annotated[
        int | None, integer(1, MAX_SAFE_INTEGER, "The device's sequence number of the punch: 1, 2, 3, ...")
    ] = None


EVENT = Event(
    row=Punch,
    noun=("punch", "punches"),
    subject_noun=("employee", "employees"),
    plural_pt="batidas",
    service="batida-ponto",
    path="/ponto",
    table="batida",
    subject="usuario_id",
    reserved_subject=MAX_SAFE_INTEGER,
    instant="ponto",
    device="dispositivo",
    offset="deslocamento",
    same=("usuario_id", "ponto"),
    derived_id=("usuario_id",),
    examples=(
        {"usuarioId": 123, "ponto": "2026-10-01T08:00:00-03:00"},
        {"usuarioId": 123, "ponto": "2026-10-01T12:00:00-03:00", "dispositivo": "portão", "latitude": -23.5},
    ),
    conflicting=({"usuarioId": 1, "ponto": "2026-10-01T08:00Z"}, {"usuarioId": 2, "ponto": "2026-10-01T08:00Z"}),
)
