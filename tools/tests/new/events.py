"""Declarations of events, for the tests of the generator."""

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


class Order(NamedTuple):
    """An order of a shop."""

    id: Annotated[str, uuid("Idempotency key. If absent, derived from loja, pedido and criado.")]
    loja: Annotated[str, text(9, "[A-Z]{2}-[0-9]{1,6}", "Code of the shop.")]
    pedido: Annotated[str, display_text(64, "Name that the shop's till gives to the order.", min_length=1)]
    criado: Annotated[datetime, timestamp("When it was ordered.")]
    total: Annotated[Decimal, decimal(10, 2, "Total in reais.")]
    canal: Annotated[str, enumeration(("site", "app", "l'app"), "Where it was ordered.")]
    codigo: Annotated[str | None, text(20, r"[A-Z]{2}-\(?[\[\]\\'/x0-9-]{1,9}\)?", "Code of a discount.")] = None
    saldo: Annotated[Decimal | None, decimal(18, 10, "Balance of the shop afterwards.", signed=True)] = None
    deslocamento: int | None = None
    device: Annotated[str | None, display_text(200, "Name of the till.")] = None
    cartao: Annotated[str | None, uuid("Card of the customer.")] = None
    pago: Annotated[bool | None, boolean("Whether it is paid.")] = None
    peso: Annotated[float | None, number(0, 1000, "Weight in kilograms.")] = None
    entrega: Annotated[datetime | None, timestamp("When it shall be delivered.")] = None


ORDER = Event(
    row=Order,
    noun=("order", "orders"),
    subject_noun=("shop", "shops"),
    service="shop-orders",
    path="/orders",
    table="pedido",
    subject="loja",
    reserved_subject="ZZ-999999",
    instant="criado",
    device="device",
    offset="deslocamento",
    same=("loja", "pedido", "criado", "total", "canal"),
    derived_id=("loja", "pedido"),
    examples=(
        {"loja": "SP-5", "pedido": "A-17", "criado": "2026-11-24T08:00:00-03:00", "total": "12.5", "canal": "site"},
        {
            "loja": "SP-6",
            "pedido": 'Äpfel 日 \U0001f600 "\\ %s',
            "criado": "2026-11-24T08:00:00.123456Z",
            "total": "9999999999.99",
            "canal": "l'app",
            "codigo": "AB-(x)",
            "saldo": "-0.0000000001",
            "device": "till 2",
            "cartao": "0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b",
            "pago": True,
            "peso": 0.1,
            "entrega": "2026-11-25T08:00+14:00",
        },
    ),
    conflicting=(
        {"loja": "SP-5", "pedido": "A-17", "criado": "2026-11-24T08:00Z", "total": "1", "canal": "site"},
        {"loja": "SP-5", "pedido": "A-17", "criado": "2026-11-24T08:00Z", "total": "2", "canal": "site"},
    ),
)


class Measurement(NamedTuple):
    """A temperature measurement: all names are as long as they may be."""

    id: Annotated[str, uuid("Idempotency key.")]
    numero_da_estacao_meteorologica_que_mediu_a_temperatura_do_ar: Annotated[
        int, integer(1, MAX_SAFE_INTEGER, "Number of the station.")
    ]
    instante_em_que_a_estacao_meteorologica_mediu_a_temperatura_do: Annotated[
        datetime, timestamp("When the station measured it; its clock may be wrong, as the station's owner says. " * 3)
    ]
    temperatura_do_ar_medida_a_sombra_a_dois_metros_acima_do_solo: Annotated[
        Decimal, decimal(2, 1, "Degrees Celsius.", signed=True)
    ]
    observacoes_do_observador_sobre_as_condicoes_do_tempo_e_o_ceu: Annotated[
        str | None, display_text(1000, "Remarks.")
    ] = None


MEASUREMENT = Event(
    row=Measurement,
    noun=("temperaturemeasurementfromfiel", "temperaturemeasurementsinfield"),
    subject_noun=("meteorologicalstationintheland", "meteorologicalstationsinthelan"),
    service="temperature-measurements-field",
    path="/measurements",
    table="medicao_da_temperatura_do_ar_por_estacao",
    subject=Measurement._fields[1],
    reserved_subject=MAX_SAFE_INTEGER,
    instant=Measurement._fields[2],
    device=Measurement._fields[4],
    same=Measurement._fields[1:4],
    derived_id=(Measurement._fields[1],),
    examples=tuple(
        {
            "numeroDaEstacaoMeteorologicaQueMediuATemperaturaDoAr": 7,
            "instanteEmQueAEstacaoMeteorologicaMediuATemperaturaDo": "2026-11-24T08:00Z",
            "temperaturaDoArMedidaASombraADoisMetrosAcimaDoSolo": degrees,
        }
        for degrees in ("-0.0", "21.5")
    ),
    conflicting=tuple(
        {
            "numeroDaEstacaoMeteorologicaQueMediuATemperaturaDoAr": number,
            "instanteEmQueAEstacaoMeteorologicaMediuATemperaturaDo": "2026-11-24T08:00Z",
            "temperaturaDoArMedidaASombraADoisMetrosAcimaDoSolo": "1",
        }
        for number in (1, 2)
    ),  # type: ignore[arg-type]
)
