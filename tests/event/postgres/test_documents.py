"""The documents' SQL statements with a real database."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from ponto.punch import Punch
from ponto.store import Entry, Status, Store
from tests.database import execute
from tests.documents import blocks
from tools.kit.project import ROOT

PERSONAL = ROOT / "docs" / "personal-data.md"


def get_erasure_statement(document: Path, table: str) -> str:
    """Return the statement of a document that erases employee 123 from a table."""
    statements = [block.text for block in blocks(document) if block.language == "sql"]
    [statement] = [statement for statement in statements if re.search(rf"delete from ponto\.{table}\s", statement)]
    assert "123;" in statement
    return statement


@pytest.fixture
def erasure() -> str:
    return get_erasure_statement(PERSONAL, "batida")


def add_punches(url: str, *employee_ids: int) -> None:
    start = datetime(2026, 11, 24, 8, tzinfo=UTC)
    entries = [
        Entry(
            Punch(f"0199a1f2-0000-7000-8000-{index:012}", employee_id, start + timedelta(minutes=index), *(None,) * 7),
            message_id=f"m{index}",
            received_ms=1_795_000_000_000,
        )
        for index, employee_id in enumerate(employee_ids)
    ]
    store = Store(lambda: {"dsn": url})
    assert {outcome.status for outcome in store.save(entries)} == {Status.STORED}
    store.close()


def test_erasure_deletes_only_the_employees_rows(migrated_url: str, erasure: str) -> None:
    add_punches(migrated_url, 123, 124, 123)

    execute(migrated_url, erasure)

    assert execute(migrated_url, "select usuario_id from batida") == [(124,)]
    with pytest.raises(psycopg2.errors.RaiseException, match="DELETE refused"):
        execute(migrated_url, "delete from batida")


def test_erasure_also_deletes_rows_of_the_first_versions_table(migrated_url: str, erasure: str) -> None:
    execute(
        migrated_url,
        "create table public.batida (usuario_id bigint); insert into public.batida values (123), (124)",
    )

    execute(migrated_url, erasure)

    assert execute(migrated_url, "select usuario_id from public.batida") == [(124,)]


def test_an_erasure_that_fails_leaves_rows_and_trigger(migrated_url: str, erasure: str) -> None:
    add_punches(migrated_url, 123)
    execute(migrated_url, "create view public.batida as select usuario_id from ponto.batida group by usuario_id")

    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        execute(migrated_url, erasure)

    assert execute(migrated_url, "select usuario_id from batida") == [(123,)]
    with pytest.raises(psycopg2.errors.RaiseException, match="DELETE refused"):
        execute(migrated_url, "delete from batida")


def test_an_erasure_needs_the_owner(migrated_url: str, erasure: str) -> None:
    add_punches(migrated_url, 123)

    for role in ("ponto_function", "ponto_reader"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(migrated_url, f"set role {role}; {erasure}")

    assert execute(migrated_url, "select usuario_id from batida") == [(123,)]


def test_analyst_reads_only_the_documented_figures(migrated_url: str) -> None:
    add_punches(migrated_url, 123)
    [figures] = [block.text for block in blocks(ROOT / "docs" / "operations.md") if "schema figures" in block.text]
    try:
        execute(migrated_url, figures)

        assert execute(migrated_url, "set role analyst; select usuario_id from figures.punches") == [(123,)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(migrated_url, "set role analyst; select usuario_id from ponto.batida")
    finally:
        execute(migrated_url, "drop owned by analyst; drop role analyst")
