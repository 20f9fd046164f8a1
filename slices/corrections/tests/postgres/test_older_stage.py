"""`docs/operations.md`, *Copy the rows of an older stage*, followed for employees, punches and corrections."""

from pathlib import Path

import pytest

from tests.copying import copy_rows
from tests.database import Database
from tests.event.postgres.test_older_stage import PUNCHES
from tools.kit.project import ROOT

EMPLOYEES = """
create table funcionario (
    usuario_id bigint primary key, nome text, cpf text, fuso text, corte time, zona_mudou_em timestamptz
);
insert into funcionario values
    (1, 'Ana', null, 'Asia/Tokyo', '00:00', '2026-01-05 12:00Z'), (3, 'Caio', '52998224725', null, null, null);
"""
CORRECTIONS = """
create table correcao (
    id uuid primary key, usuario_id bigint, tipo text, ponto timestamptz, alvo uuid, motivo text, autor text,
    criada_em timestamptz
);
insert into correcao
select
    ('c0000000-0000-8000-8000-00000000000' || id)::uuid, usuario_id, tipo, ponto, alvo::uuid, motivo, 'maria', criada_em
from (
    values
        (4, 1, 'inclusao', timestamptz '2026-10-01 20:00Z', null, 'forgot', timestamptz '2026-10-03'),
        (3, 1, 'anulacao', null, 'c0000000-0000-8000-8000-000000000004', 'not her', '2026-10-04'),
        (2, 1, 'inclusao', '2026-10-01 20:00Z', null, 'forgot', '2026-10-05'),
        (1, 2, 'desconsideracao', null, '00000000-0000-8000-8000-000000000002', E'\\u3164\\u3164\\u3164', '2026-10-06'),
        (5, 3, 'inclusao', '2026-10-07 11:00Z', null, 'no tablet', '2026-10-08') -- of an employee without a punch
) as made (id, usuario_id, tipo, ponto, alvo, motivo, criada_em);
"""
PUNCHES_SECTION = ROOT / "docs" / "operations.md", "Recover missing rows"
EMPLOYEES_SECTION = ROOT / "slices" / "reports" / "README.md", "After a restore"
CORRECTIONS_SECTION = ROOT / "slices" / "corrections" / "README.md", "After a restore"


@pytest.fixture
def old_database(empty: Database) -> Database:
    """Return the database of an older stage."""
    empty.execute(PUNCHES + EMPLOYEES + CORRECTIONS)
    return empty


def test_rows_of_an_older_stage_are_copied_in_the_documented_order(
    old_database: Database, database: Database, tmp_path: Path
) -> None:
    for section in (EMPLOYEES_SECTION, PUNCHES_SECTION, CORRECTIONS_SECTION) * 2:
        copy_rows(*section, old_database, database, tmp_path)

    employees = "select usuario_id, nome, cpf, fuso, corte, zona_mudou_em from funcionario order by usuario_id"
    assert database.execute(employees) == old_database.execute(employees)
    corrections = "select id, usuario_id, tipo, ponto, alvo, motivo, autor, criada_em from correcao order by id"
    blank, *others = database.execute(corrections)
    old_blank, *old_others = old_database.execute(corrections)
    assert others == old_others
    assert [*blank[:5], *blank[6:]] == [*old_blank[:5], *old_blank[6:]]
    assert (blank[5], old_blank[5]) == ("blank in the older stage", "\u3164\u3164\u3164")
