"""The SQL statements of the slice's documents, run on a real database."""

import psycopg2
import pytest

from tests.database import execute
from tests.documents import erasure_statement
from tests.postgres.storing import add_punch
from tools.kit.project import ROOT

PAGE = ROOT / "slices" / "corrections" / "README.md"


def test_only_the_employees_corrections_are_erased(migrated_url: str) -> None:
    for employee_id in (123, 124, 123):
        add_punch(migrated_url, employee_id)
    execute(migrated_url, "insert into correcao (tipo, alvo, motivo) select 'desconsideracao', id, 'twice' from batida")

    execute(migrated_url, erasure_statement(PAGE, "correcao"))

    assert execute(migrated_url, "select usuario_id from correcao") == [(124,)]
    with pytest.raises(psycopg2.errors.RaiseException, match="DELETE refused"):
        execute(migrated_url, "delete from correcao")


def test_missing_corrections_are_inserted_back_unchanged(migrated_url: str) -> None:
    for employee_id in (123, 124):
        add_punch(migrated_url, employee_id)
    for given in (
        "tipo, usuario_id, ponto, motivo) values ('inclusao', 124, '2026-11-24T18:00Z', 'stays')",
        "tipo, usuario_id, ponto, motivo) values ('inclusao', 123, '2026-11-24T18:00Z', 'forgotten')",
        "tipo, alvo, motivo) select 'desconsideracao', id, 'twice' from batida where usuario_id = 123",
        "tipo, alvo, motivo) select 'anulacao', id, 'was right' from correcao where tipo = 'desconsideracao'",
    ):
        execute(migrated_url, f"insert into correcao ({given}")
    before = execute(migrated_url, "select * from correcao order by criada_em")
    execute(migrated_url, "create table kept as select * from correcao; create table punches as select * from batida")
    execute(migrated_url, erasure_statement(ROOT / "docs" / "personal-data.md", "batida"))
    execute(migrated_url, erasure_statement(PAGE, "correcao"))
    assert len(execute(migrated_url, "select id from correcao")) == 1
    execute(migrated_url, "insert into batida select * from punches on conflict do nothing")
    insert = (PAGE.parent / "insert_back.sql").read_text(encoding="utf-8")

    for _ in range(2):
        execute(migrated_url, f"create temp table back as select * from kept order by criada_em desc; {insert}")
        assert execute(migrated_url, "select * from correcao order by criada_em") == before
