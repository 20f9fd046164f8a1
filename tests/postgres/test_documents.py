"""The documents' SQL statements with a real database."""

import psycopg2
import pytest

from tests.database import execute
from tests.documents import blocks, erasure_statement
from tests.postgres.storing import add_punch
from tools.kit.event import EXAMPLE_SUBJECT, subject
from tools.kit.project import ROOT


@pytest.fixture
def erasure() -> str:
    return erasure_statement(ROOT / "docs" / "personal-data.md", "batida")


def test_erasure_deletes_only_the_employees_rows(migrated_url: str, erasure: str) -> None:
    other = next(filter(EXAMPLE_SUBJECT.__ne__, map(subject, (1, 2))))
    for employee_id in (EXAMPLE_SUBJECT, other, EXAMPLE_SUBJECT):
        add_punch(migrated_url, employee_id)

    execute(migrated_url, erasure)

    assert execute(migrated_url, "select usuario_id from batida") == [(other,)]
    with pytest.raises(psycopg2.errors.RaiseException, match="DELETE refused"):
        execute(migrated_url, "delete from batida")


def test_analyst_reads_only_the_documented_figures(migrated_url: str) -> None:
    add_punch(migrated_url, 1)
    [figures] = [block.text for block in blocks(ROOT / "docs" / "operations.md") if "schema figures" in block.text]
    try:
        execute(migrated_url, figures)

        assert execute(migrated_url, "set role analyst; select usuario_id from figures.punches") == [(subject(1),)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(migrated_url, "set role analyst; select usuario_id from ponto.batida")
    finally:
        execute(migrated_url, "drop owned by analyst; drop role analyst")
