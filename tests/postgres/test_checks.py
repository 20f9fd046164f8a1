"""The checks of table `batida`: all that the wire can deliver is stored, and nothing just beyond."""

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2.errors
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  a class

from ponto.punch import FIELDS, NotAPunch, Punch, parse
from ponto.store import Entry, Store
from tests.database import Database
from tests.events import RECEIVED_MS
from tests.postgres.storing import STORED
from tests.strategies import LIMITS, good_bodies

GOOD = {"usuarioId": 123, "ponto": "2026-10-01T08:00:00-03:00"}
EARLIEST, LATEST = "1900-01-01T00:00+14:59", "2999-12-31T23:59:59.999999-14:59"
EDGES = [
    *LIMITS,
    *({name: instant} for name in ("ponto", "enviado") for instant in (EARLIEST, LATEST)),
    {"ponto": "2026-10-01T08:00+14:59"},
    {"ponto": "2026-10-01T08:00-14:59"},
]


@pytest.fixture
def function(database: Database) -> Iterator[Connection]:
    """Give a session of the function's role, for statements that its code would not send."""
    with closing(database.connect(user="ponto_function")) as connection:
        connection.autocommit = True
        yield connection


def entry(punch: Punch) -> Entry:
    return Entry(punch._replace(id=str(uuid.uuid4())), str(uuid.uuid4()), RECEIVED_MS)


def insert(connection: Connection, **columns: object) -> None:
    row = {"id": str(uuid.uuid4()), "usuario_id": 1, "ponto": "2026-10-01T11:00Z"} | columns
    statement = sql.SQL("insert into batida ({}) values ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, list(row.values()))


@pytest.mark.parametrize("fields", EDGES, ids=lambda fields: ascii(fields)[:60])
def test_what_the_wire_delivers_at_its_edges_is_stored(store: Store, fields: dict[str, Any]) -> None:
    punch = parse(json.dumps(GOOD | fields), UTC)

    assert store.save([entry(punch)]) == [STORED]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Manila", "America/Juneau", "Pacific/Apia"])
@pytest.mark.parametrize("instant", ["1900-01-01T00:00", "2999-12-31T23:59:59.999999"])
def test_local_times_at_the_wires_edges_are_stored_whatever_the_stages_zone(
    store: Store, zone: str, instant: str
) -> None:
    punch = parse(json.dumps(GOOD | {"ponto": instant, "enviado": instant}), ZoneInfo(zone))

    assert store.save([entry(punch)]) == [STORED]


@given(good_bodies())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_punch_is_stored_as_it_is(store: Store, database: Database, body: dict[str, Any]) -> None:
    any_punch = entry(parse(json.dumps(body), ZoneInfo("America/Sao_Paulo")))

    assert store.save([any_punch]) == [STORED]

    columns = ", ".join(Punch._fields)
    found = database.ask(f"select {columns} from batida where id = %s", any_punch.punch.id)  # noqa: S608
    assert found == [any_punch.punch]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("usuario_id", number) for number in (0, -1, 2**53)),
        *(
            (column, instant)
            for column in ("ponto", "enviado")
            for instant in (
                "1899-12-30T23:59:59.999999Z",
                "3000-01-02T00:00Z",
                "infinity",
                "-infinity",
                "0044-03-15 BC",
            )
        ),
        *(("recebida_em", instant) for instant in ("1969-12-31T23:59:59.999Z", "3000-01-02T00:00Z", "infinity")),
        *(("recebida_em", instant) for instant in ("-infinity", "33658-09-27T01:46:39Z")),
        *(("deslocamento", minutes) for minutes in (-900, 900)),
        *(("dispositivo", text) for text in ("\U0001f600" * 65, "a\nb", "\x9b31m", "a\u202eb")),
        *(("latitude", degrees) for degrees in (-90.00000001, 90.00000001, "NaN", "Infinity")),
        *(("longitude", degrees) for degrees in (-180.0000001, 180.0000001, "NaN", "-Infinity")),
        *(("precisao", metres) for metres in (-1e-9, 20037508.01, "NaN", "Infinity")),
        *(
            (column, beyond)
            for column, field in FIELDS.items()
            if "minimum" in field.limits
            for beyond in (field.limits["minimum"] - 1, field.limits["maximum"] + 1)
        ),
        *(
            (column, "x" * (field.limits["maxLength"] + 1))
            for column, field in FIELDS.items()
            if "maxLength" in field.limits
        ),
        *((column, text) for column in ("mensagem_id", "chave") for text in ("", "x" * 101)),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_just_beyond_the_wire_is_refused_by_the_database_itself(
    function: Connection, column: str, value: object
) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match=f"batida_{column}_check"):
        insert(function, **{column: value})


def test_the_database_admits_the_same_characters_in_a_devices_name_as_the_parser(
    function: Connection, store: Store
) -> None:
    admitted, refused = [], []
    for character in map(chr, [*range(1, 0xD800), *range(0xE000, 0x1_0000), 0x1F600, 0x10FFFF]):
        try:
            parse(json.dumps(GOOD | {"dispositivo": character}), UTC)
            admitted.append(character)
        except NotAPunch:
            refused.append(character)

    punch = parse(json.dumps(GOOD), UTC)
    names = ["".join(admitted[start : start + 64]) for start in range(0, len(admitted), 64)]
    entries = [entry(punch._replace(dispositivo=name)) for name in names]
    assert store.save(entries) == [STORED] * len(names)
    assert len(refused) > 60
    for character in refused:
        with pytest.raises(psycopg2.errors.CheckViolation, match="batida_dispositivo_check"):
            insert(function, dispositivo=f"a{character}b")


@pytest.mark.parametrize("value", ["2020-01-01", None])
def test_nobody_but_the_database_says_when_a_row_was_written(function: Connection, value: object) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        insert(function, gravada_em=value)
