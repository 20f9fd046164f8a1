"""Declaration of the event: the fields of a punch, its employee, the key by which two are compared, and its id.

The parser (`parser.py`), the gateway's schema and the documents' tables follow from it. docs/adapt.md replaces it.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from ponto.derived_id import derive_id
from ponto.fields import MAX_INTEGER, boolean, display_text, integer, number, timestamp, uuid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Punch(NamedTuple):
    """A punch of an employee: each field with its name on the wire, its rule and its description.

    The names are those of the columns of `batida`. Fields without a default come first.
    """

    id: Annotated[
        str,  # canonical: lower case
        uuid(
            "id",
            "Idempotency key made by the client: a UUIDv7, or any UUID but version 8, nil and max; random ones "
            "(version 4) slow the drain down as the table grows. When absent, it is derived from usuarioId and ponto.",
        ),
    ]
    usuario_id: Annotated[int, integer("usuarioId", 1, MAX_INTEGER, "The employee's number.", required=True)]
    ponto: Annotated[
        datetime,  # aware: UTC, or the offset that the device sent
        timestamp(
            "ponto",
            "When the employee punched: ISO 8601 date and time of a day that exists, to the microsecond, years 1900 to "
            "2999. With Z or an offset of up to 14:59; without either it is local time in the stage's time zone.",
            required=True,
        ),
    ]
    deslocamento: int | None = None  # the offset that came with ponto, minutes east of UTC; None: it came with none
    dispositivo: Annotated[
        str | None,
        display_text(
            "dispositivo",
            64,
            "The device: at most 64 characters, without control characters, line breaks or bidirectional controls.",
        ),
    ] = None
    offline: Annotated[bool | None, boolean("offline", "Whether the device was offline when the employee punched.")] = (
        None
    )
    enviado: Annotated[
        datetime | None,  # aware
        timestamp("enviado", "The device's clock when it sent this attempt, written like ponto."),
    ] = None
    latitude: Annotated[float | None, number("latitude", -90, 90, "Degrees north of the equator.")] = None
    longitude: Annotated[float | None, number("longitude", -180, 180, "Degrees east of Greenwich.")] = None
    precisao: Annotated[
        float | None,
        number(
            "precisao",
            0,
            20037508,  # half the Earth's circumference: no two points are farther apart
            "Radius in metres within which the position is certain.",
        ),
    ] = None
    sequencia: Annotated[
        int | None,
        integer(
            "sequencia",
            1,
            MAX_INTEGER,
            "The device's own running number of the punch: 1, 2, 3, ...",
        ),
    ] = None

    @property
    def employee_id(self) -> int:
        """Number of the employee, who must have signed in where the stage has a user pool."""
        return self.usuario_id

    @property
    def comparison_key(self) -> dict[str, int]:
        """Values that two punches with one id must share to be the same punch, by column, as in `sql/existing.sql`.

        An instant is in microseconds since the epoch, UTC.
        """
        return {"usuario_id": self.usuario_id, "ponto": (self.ponto - _EPOCH) // _MICROSECOND}


SUBJECT_COLUMN, INSTANT_COLUMN = "usuario_id", "ponto"
"""The columns of the employee's number and of the instant, by which people look for punches."""

TIME_COLUMNS = ("ponto", "enviado")
"""Columns whose times, sent without an offset, are local in the stage's time zone."""


def add_computed_fields(row: dict[str, Any]) -> None:
    """Add to a row, by column, what is computed from the values as they came: the offset of `ponto`."""
    offset = row["ponto"].utcoffset()
    if offset is not None:
        row["deslocamento"] = (86_400 * offset.days + offset.seconds) // 60


def derive_punch_id(row: dict[str, Any]) -> str:
    """Return the id of a row that came without one, the same whenever it is sent again."""
    return derive_id(row["usuario_id"], row["ponto"])
