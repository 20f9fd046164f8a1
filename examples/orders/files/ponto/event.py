"""The one event that is taken: the fields of an order, whose it is, what makes two the same, and its id.

All else reads this: the parser (`punch.py`), the gateway's schema, the documents' tables.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from ponto.derived_id import derive_id
from ponto.fields import LARGEST, display_text, integer, timestamp, uuid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Punch(NamedTuple):
    """What a shop sold: the one declaration of the fields. The names here are the columns of the table."""

    id: Annotated[
        str,  # canonical: lower case
        uuid("id", "Idempotency key: any UUID but version 8, nil and max. When absent: of pedido, loja and criado."),
    ]
    pedido: Annotated[str, display_text("pedido", 64, "The order's name, as its shop says it.", required=True)]
    loja: Annotated[int, integer("loja", 1, LARGEST, "The shop's number.", required=True)]
    criado: Annotated[
        datetime,  # aware
        timestamp("criado", "When it was ordered; without Z or an offset local in the stage's zone.", required=True),
    ]
    total_centavos: Annotated[int, integer("totalCentavos", 0, 10**12, "What it comes to, in cents.", required=True)]

    @property
    def employee(self) -> int:
        """Whose order it is."""
        return self.loja

    @property
    def compared(self) -> dict[str, int | str]:
        """What is equal in two orders with one id that are the same, by column, as `sql/existing.sql` reads it."""
        return {
            "pedido": self.pedido,
            "loja": self.loja,
            "criado": (self.criado - _EPOCH) // _MICROSECOND,
            "total_centavos": self.total_centavos,
        }


WHOSE, WHEN = "loja", "criado"
"""The columns of whom it is of, a number, and of its instant: what people look for."""

TIMES = ("criado",)
"""Columns whose times, sent without an offset, are local in the stage's time zone."""

_ORDER, _SHOP, _CREATED = map(Punch._fields.index, ("pedido", "loja", "criado"))


def compute(row: list[Any]) -> None:
    """Add nothing to a row."""


def derived(row: list[Any]) -> str:
    """Give the id of a row that came without one, the same whenever it is sent again."""
    return derive_id(f"{row[_SHOP]}|{row[_ORDER]}", row[_CREATED])
