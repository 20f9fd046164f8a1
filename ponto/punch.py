"""Declaration of a punch: its fields, employee, comparison key and derived id.

The parser (`parser.py`), the gateway's schema and the tables of the documents are built from it. A fork that records
other events replaces this file: docs/adapt.md.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from ponto.derived_id import derive_id
from ponto.fields import MAX_SAFE_INTEGER, boolean, display_text, integer, number, timestamp, uuid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Punch(NamedTuple):
    """A punch of an employee. Fields are named like the columns of `batida`; annotations declare the JSON fields."""

    id: Annotated[
        str,  # lower case
        uuid(
            "id",
            "Idempotency key created by the client: a UUIDv7, or any UUID except version 8, nil and max. Random UUIDs "
            "(version 4) slow inserts down as the table grows. If absent, the id is derived from usuarioId and ponto.",
        ),
    ]
    usuario_id: Annotated[int, integer("usuarioId", 1, MAX_SAFE_INTEGER, "The employee's number.", required=True)]
    ponto: Annotated[
        datetime,  # aware, with the offset that the device sent, or UTC
        timestamp(
            "ponto",
            "When the employee punched: a valid ISO 8601 date and time in the years 1900 to 2999, with up to six "
            "decimals. With Z or an offset of up to 14:59; without either it is local time in the stage's time zone.",
            required=True,
        ),
    ]
    deslocamento: int | None = None  # the offset that was sent with ponto, minutes east of UTC; None if there was none
    dispositivo: Annotated[
        str | None,
        display_text(
            "dispositivo",
            64,
            "Name of the device, of at most 64 characters, without control characters, line breaks or bidirectional "
            "controls.",
        ),
    ] = None
    offline: Annotated[bool | None, boolean("offline", "Whether the device was offline when the employee punched.")] = (
        None
    )
    enviado: Annotated[
        datetime | None,  # aware
        timestamp("enviado", "The device's clock when it sent this attempt, in the format of ponto."),
    ] = None
    latitude: Annotated[float | None, number("latitude", -90, 90, "Degrees north of the equator.")] = None
    longitude: Annotated[float | None, number("longitude", -180, 180, "Degrees east of Greenwich.")] = None
    precisao: Annotated[
        float | None,
        number(
            "precisao",
            0,
            20037508,  # half the Earth's circumference: no two points are farther apart
            "Accuracy of the position: a radius in metres.",
        ),
    ] = None
    sequencia: Annotated[
        int | None,
        integer(
            "sequencia",
            1,
            MAX_SAFE_INTEGER,
            "The device's sequence number of the punch: 1, 2, 3, ...",
        ),
    ] = None

    @property
    def employee_id(self) -> int:
        """Id of the employee. If the stage has a user pool, it must be the signed-in employee's."""
        return self.usuario_id

    @property
    def comparison_key(self) -> dict[str, int]:
        """Values, by column, that a punch must share with a stored punch of the same id; otherwise the ids conflict.

        `sql/existing.sql` returns the same values. Instants are in microseconds since the epoch.
        """
        return {"usuario_id": self.usuario_id, "ponto": (self.ponto - _EPOCH) // _MICROSECOND}


SUBJECT_COLUMN, INSTANT_COLUMN = "usuario_id", "ponto"
"""Columns of the employee id and of the instant, by which people search for punches."""

TIME_COLUMNS = ("ponto", "enviado")
"""Columns with times. Times that were sent without an offset are local in the stage's time zone."""


def add_computed_fields(row: dict[str, Any]) -> None:
    """Set `deslocamento`, from the offset that was sent with `ponto`."""
    offset = row["ponto"].utcoffset()
    if offset is not None:
        row["deslocamento"] = (86_400 * offset.days + offset.seconds) // 60


def derive_punch_id(row: dict[str, Any]) -> str:
    """Return the id of a row that was sent without one. Every retry gets the same id."""
    return derive_id(row["usuario_id"], row["ponto"])
