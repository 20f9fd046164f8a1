"""The statements in the documents, on a real database."""

import re
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from ponto.punch import Punch
from ponto.store import Entry, Store
from tests.documents import blocks
from tools.kit.project import ROOT

OPERATING = ROOT / "docs" / "operations.md"
PERSONAL = ROOT / "docs" / "personal-data.md"


@pytest.fixture
def erasure() -> str:
    """Give the statement that erases employee 123."""
    statements = [block.text for block in blocks(PERSONAL) if block.language == "sql"]
    [statement] = [statement for statement in statements if "delete from batida" in statement]
    assert "bigint := 123;" in statement
    return statement


def punch(url: str, *employees: int) -> None:
    begin = datetime(2026, 11, 24, 8, tzinfo=UTC)
    entries = [
        Entry(
            Punch(f"0199a1f2-0000-7000-8000-{number:012}", employee, begin + timedelta(minutes=number), *(None,) * 7),
            message_id=f"m{number}",
            received_ms=1_795_000_000_000,
        )
        for number, employee in enumerate(employees)
    ]
    store = Store(lambda: {"dsn": url})
    assert {outcome.status for outcome in store.save(entries)} == {"stored"}
    store.close()


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_an_employee_is_erased_and_nobody_else(migrated_url: str, erasure: str) -> None:
    punch(migrated_url, 123, 124, 123)
    query(
        migrated_url,
        "insert into correcao (tipo, alvo, motivo) select 'desconsideracao', id, 'twice' from batida",
    )

    query(migrated_url, erasure)

    assert query(migrated_url, "select usuario_id from batida") == [(124,)]
    assert query(migrated_url, "select usuario_id from correcao") == [(124,)]
    with pytest.raises(psycopg2.errors.RaiseException, match="DELETE refused"):
        query(migrated_url, "delete from batida")


def test_an_employee_is_erased_from_the_originals_table_and_from_the_names_too(migrated_url: str, erasure: str) -> None:
    for table in ("batida_original", "funcionario"):
        query(migrated_url, f"create table if not exists {table} (usuario_id bigint, nome text)")
        query(migrated_url, f"insert into {table} (usuario_id, nome) values (123, 'a'), (124, 'b')")  # noqa: S608

    query(migrated_url, erasure)

    for table in ("batida_original", "funcionario"):
        assert query(migrated_url, f"select usuario_id from {table}") == [(124,)]  # noqa: S608


def test_an_erasure_that_fails_leaves_rows_and_trigger(migrated_url: str, erasure: str) -> None:
    punch(migrated_url, 123)
    query(migrated_url, "create view batida_original as select usuario_id from batida group by usuario_id")

    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        query(migrated_url, erasure)

    assert query(migrated_url, "select usuario_id from batida") == [(123,)]
    with pytest.raises(psycopg2.errors.RaiseException, match="DELETE refused"):
        query(migrated_url, "delete from batida")


def test_an_erasure_needs_the_owner(migrated_url: str, erasure: str) -> None:
    punch(migrated_url, 123)

    for role in ("ponto_function", "ponto_reports"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            query(migrated_url, f"set role {role}; {erasure}")

    assert query(migrated_url, "select usuario_id from batida") == [(123,)]


def test_rows_are_brought_back_over_what_is_there(migrated_url: str) -> None:
    punch(migrated_url, 123, 124)
    [block] = [b.text for b in blocks(OPERATING) if "create temp table back" in b.text]
    create, copy, insert = re.findall(r'-c "(.*?)"', block)[1:]
    assert copy == r"\copy back from batida.copy"

    lost = query(migrated_url, "select * from batida where usuario_id = 124")
    assert len(lost) == 1
    fill = "insert into back select * from batida; update back set id = gen_random_uuid() where usuario_id = 124"
    query(migrated_url, f"{create}; {fill}; {insert}")

    assert sorted(query(migrated_url, "select usuario_id from batida")) == [(123,), (124,), (124,)]
