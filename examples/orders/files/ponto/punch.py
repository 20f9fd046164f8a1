"""Declaration of an order: its fields, shop, comparison key and derived id.

The parser (`parser.py`), the gateway's schema and the tables of the documents are built from it.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from ponto.derived_id import derive_id
from ponto.fields import MAX_SAFE_INTEGER, display_text, integer, timestamp, uuid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Punch(NamedTuple):
    """An order of a shop. Fields are named like the columns of `batida`; annotations declare the JSON fields."""

    id: Annotated[
        str,  # lower case
        uuid(
            "id",
            "Idempotency key: any UUID but version 8, nil and max. When absent, derived from pedido, loja and criado.",
        ),
    ]
    pedido: Annotated[str, display_text("pedido", 64, "Name that the shop gives to the order.", required=True)]
    loja: Annotated[int, integer("loja", 1, MAX_SAFE_INTEGER, "Number of the shop.", required=True)]
    criado: Annotated[
        datetime,  # aware
        timestamp(
            "criado",
            "When it was ordered. Without Z or an offset it is local time in the stage's time zone.",
            required=True,
        ),
    ]
    total_centavos: Annotated[int, integer("totalCentavos", 0, 10**12, "Total in cents.", required=True)]

    @property
    def employee_id(self) -> int:
        """Number of the shop."""
        return self.loja

    @property
    def comparison_key(self) -> dict[str, int | str]:
        """Values, by column, that an order must share with a stored order of the same id; otherwise the ids conflict.

        `sql/existing.sql` returns the same values. Instants are in microseconds since the epoch.
        """
        return {
            "pedido": self.pedido,
            "loja": self.loja,
            "criado": (self.criado - _EPOCH) // _MICROSECOND,
            "total_centavos": self.total_centavos,
        }


SUBJECT_COLUMN, INSTANT_COLUMN = "loja", "criado"
"""Columns of the shop's number and of the instant, by which people search for orders."""

TIME_COLUMNS = ("criado",)
"""Columns with times. Times that were sent without an offset are local in the stage's time zone."""


def add_computed_fields(row: dict[str, Any]) -> None:
    """Do nothing, because orders have no computed columns."""


def derive_punch_id(row: dict[str, Any]) -> str:
    """Return the id of a row that was sent without one. Every retry gets the same id."""
    return derive_id(f"{row['loja']}|{row['pedido']}", row["criado"])
