"""Declaration of the event: an order of a shop."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, NamedTuple

from ponto.shared.event import Event
from ponto.shared.fields import decimal, display_text, enumeration, text, timestamp, uuid


class Order(NamedTuple):
    """An order of a shop."""

    id: Annotated[str, uuid("Idempotency key created by the client.")]
    loja: Annotated[str, text(10, "[A-Z]{2,3}-[0-9]{6}", "Code of the shop.")]
    pedido: Annotated[str, display_text(64, "Name that the shop gives to the order.", min_length=1)]
    criado: Annotated[datetime, timestamp("When it was ordered.")]
    total: Annotated[Decimal, decimal(10, 2, "Total in reais.")]
    canal: Annotated[str | None, enumeration(("site", "app", "loja"), "Where it was ordered.")] = None


EVENT = Event(
    row=Order,
    noun=("order", "orders"),
    subject_noun=("shop", "shops"),
    plural_pt="pedidos",
    service="shop-orders",
    path="/orders",
    table="pedidos",
    subject="loja",
    reserved_subject="ZZZ-999999",
    instant="criado",
    same=("loja", "pedido", "criado", "total"),
    derived_id=("loja", "pedido"),
    examples=(
        {"loja": "SP-000005", "pedido": "A-17", "criado": "2026-11-24T08:00:00-03:00", "total": "12.50"},
        {"loja": "SP-000005", "pedido": "A-18", "criado": "2026-11-24T08:01:00-03:00", "total": "7.00", "canal": "app"},
    ),
    conflicting=(
        {"loja": "SP-000005", "pedido": "A-17", "criado": "2026-11-24T08:00Z", "total": "12.50"},
        {"loja": "SP-000005", "pedido": "A-17", "criado": "2026-11-24T08:00Z", "total": "13.50"},
    ),
)
