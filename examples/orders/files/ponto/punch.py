"""Declaration of the event: the fields of an order, its shop, the key by which two are compared, and its id.

The parser (`parser.py`), the gateway's schema and the documents' tables follow from it.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from ponto.derived_id import derive_id
from ponto.fields import MAX_SAFE_INTEGER, display_text, integer, timestamp, uuid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Punch(NamedTuple):
    """What a shop sold: the one declaration of the fields. The names here are the columns of the table."""

    id: Annotated[
        str,  # canonical: lower case
        uuid("id", "Idempotency key: any UUID but version 8, nil and max. When absent: of pedido, loja and criado."),
    ]
    pedido: Annotated[str, display_text("pedido", 64, "The order's name, as its shop says it.", required=True)]
    loja: Annotated[int, integer("loja", 1, MAX_SAFE_INTEGER, "The shop's number.", required=True)]
    criado: Annotated[
        datetime,  # aware
        timestamp("criado", "When it was ordered; without Z or an offset local in the stage's zone.", required=True),
    ]
    total_centavos: Annotated[int, integer("totalCentavos", 0, 10**12, "What it comes to, in cents.", required=True)]

    @property
    def employee_id(self) -> int:
        """Number of the shop."""
        return self.loja

    @property
    def comparison_key(self) -> dict[str, int | str]:
        """Values that two orders with one id must share to be the same order, by column, as in `sql/existing.sql`."""
        return {
            "pedido": self.pedido,
            "loja": self.loja,
            "criado": (self.criado - _EPOCH) // _MICROSECOND,
            "total_centavos": self.total_centavos,
        }


SUBJECT_COLUMN, INSTANT_COLUMN = "loja", "criado"
"""The columns of the shop's number and of the instant, by which people look for orders."""

TIME_COLUMNS = ("criado",)
"""Columns whose times, sent without an offset, are local in the stage's time zone."""


def add_computed_fields(row: dict[str, Any]) -> None:
    """Add nothing to a row."""


def derive_punch_id(row: dict[str, Any]) -> str:
    """Return the id of a row that came without one, the same whenever it is sent again."""
    return derive_id(f"{row['loja']}|{row['pedido']}", row["criado"])
