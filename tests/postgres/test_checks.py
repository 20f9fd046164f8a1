"""Check constraints of table `batida`: every valid punch is stored, and values just beyond the limits are refused."""

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2.errors
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812  a class

from ponto.drain.parser import InvalidPunchError, parse
from ponto.drain.store import Entry, Store
from ponto.punch import EVENT, Punch
from tests.database import Database
from tests.events import RECEIVED_MS
from tests.postgres.storing import STORED, add_punch
from tests.strategies import FIELDS, good_bodies, values_beyond_limits
from tools.kit.event import VALID

GOOD = VALID[0]
MAX_TEXT_LENGTHS = {
    column: field.kind.keywords["maxLength"]
    for column, field in EVENT.fields.items()
    if field.kind.name == "display_text"
}
"""Maximum number of characters of each column with a text to display."""


@pytest.fixture
def function(database: Database) -> Iterator[Connection]:
    """Yield a connection as the function's role, for statements that the function would not run."""
    with closing(database.connect(user="ponto_drain")) as connection:
        connection.autocommit = True
        yield connection


def entry(punch: Punch) -> Entry:
    return Entry(punch._replace(id=str(uuid.uuid4())), str(uuid.uuid4()), RECEIVED_MS)


@given(good_bodies(), st.integers(0, 4_102_444_800_000))  # to the year 2100
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_punch_is_stored_unchanged(store: Store, database: Database, body: dict[str, Any], ms: int) -> None:
    any_punch = entry(parse(json.dumps(body), ZoneInfo("America/Sao_Paulo")))._replace(received_ms=ms, api_key_id="k4r")
    before = datetime.now(UTC)

    assert store.save([any_punch]) == [STORED]

    columns = ", ".join([*Punch._fields, "mensagem_id", "chave", "recebida_em", "gravada_em"])
    [row] = database.execute(f"select {columns} from batida where id = %s", any_punch.punch.id)
    received_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert row[:-1] == (*any_punch.punch, any_punch.message_id, "k4r", received_at)
    assert before <= row[-1] <= datetime.now(UTC)


BAD_INSTANTS = ("3000-01-02T00:00Z", "infinity", "-infinity", "0044-03-15 BC")
VALUES_BEYOND_LIMITS: list[tuple[str, Any]] = [
    *((column, instant) for column in EVENT.time_columns for instant in ("1899-12-30T23:59:59.999999Z", *BAD_INSTANTS)),
    *(("recebida_em", instant) for instant in ("1969-12-31T23:59:59.999Z", "33658-09-27T01:46:39Z", *BAD_INSTANTS)),
    *(
        (column, value)
        for column, field in EVENT.fields.items()
        if field.kind.name in ("integer", "number", "display_text")
        for value in values_beyond_limits(FIELDS[field.name])
        if value != "\0"
    ),
    *(
        (column, text)
        for column, field in EVENT.fields.items()
        if field.kind.name in ("text", "enumeration")
        for text in ("\n", "\u202e", "x" * (field.kind.keywords.get("maxLength", 64) + 1))
    ),
    *(
        (column, value)
        for column, field in EVENT.fields.items()
        if field.kind.name == "decimal" and field.kind.limits
        for value in (field.kind.limits[0] - 1, field.kind.limits[1] + 1, "NaN", "Infinity", "-Infinity")
    ),
    *(
        (column, value)
        for column, field in EVENT.fields.items()
        if field.kind.type == "number"
        for value in ("NaN", "Infinity", "-Infinity")
    ),
    *((column, text) for column in ("mensagem_id", "chave") for text in ("", "x" * 101)),
]


def find_refused_column(function: Connection, column: str, value: Any) -> str | None:
    """Insert a row with this value; return the column whose check or type refused it, or None if the row was stored."""
    columns: dict[str, Any] = {column: value}
    try:
        add_punch(function, **columns)
    except psycopg2.errors.NumericValueOutOfRange:  # names no column
        return column
    except psycopg2.errors.CheckViolation as error:
        with function.cursor() as cursor:
            cursor.execute(_COLUMN_OF_CHECK, [error.diag.constraint_name])
            [(refused,)] = cursor
        return str(refused)
    return None


_COLUMN_OF_CHECK = """
select attname from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any(conkey)
where conrelid = 'ponto.batida'::regclass and conname = %s
"""


def test_values_beyond_the_limits_are_refused(function: Connection) -> None:
    refused = [(column, find_refused_column(function, column, value)) for column, value in VALUES_BEYOND_LIMITS]
    assert refused == [(column, column) for column, _ in VALUES_BEYOND_LIMITS]


@pytest.mark.parametrize(("column", "max_length"), MAX_TEXT_LENGTHS.items())
def test_database_and_parser_admit_the_same_characters_in_names(
    function: Connection, store: Store, column: str, max_length: int
) -> None:
    admitted, refused = [], []
    for character in map(chr, [*range(1, 0xD800), *range(0xE000, 0x1_0000), 0x1F600, 0x10FFFF]):
        try:
            parse(json.dumps(GOOD | {EVENT.fields[column].name: character}), UTC)
            admitted.append(character)
        except InvalidPunchError:
            refused.append(character)

    punch = parse(json.dumps(GOOD), UTC)
    names = ["".join(admitted[start : start + max_length]) for start in range(0, len(admitted), max_length)]
    texts: list[dict[str, Any]] = [{column: text} for text in names]
    entries = [entry(punch._replace(**columns)) for columns in texts]
    assert store.save(entries) == [STORED] * len(names)
    assert len(refused) > 60
    assert {find_refused_column(function, column, f"a{character}b") for character in refused} == {column}


@pytest.mark.parametrize("value", ["2020-01-01", None])
def test_function_cannot_set_the_time_of_writing(function: Connection, value: object) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        add_punch(function, gravada_em=value)
