"""The commands of docs/operations.md, *Copy the rows of an older stage*, for punches."""

from pathlib import Path

from tests.copying import copy_rows
from tests.database import Database
from tools.kit.project import ROOT

PUNCHES = """
create table batida (
    id uuid primary key, usuario_id bigint, ponto timestamptz, deslocamento smallint, dispositivo text, offline boolean,
    enviado timestamptz, latitude double precision, longitude double precision, precisao double precision,
    recebida_em timestamptz, gravada_em timestamptz, mensagem_id text, chave text, sequencia bigint
);
insert into batida values
    (
        '00000000-0000-4000-8000-000000000001', 1, '2026-10-01 11:00Z', -180, 'gate', true, '2026-10-02 11:00Z',
        1.5, 2.5, 3, '2026-10-02 11:00:01Z', '2026-10-02 11:00:02Z', 'm1', 'k1', 7
    ),
    (
        '00000000-0000-8000-8000-000000000002', 2, '2020-01-01 11:00Z', null, null, null, null, null, null, null,
        null, '2026-01-01 00:00Z', null, null, null
    );
"""
"""The table of an older stage, with two punches of employees 1 and 2."""


def test_punches_of_an_older_stage_are_copied_completely_and_once(
    empty: Database, database: Database, tmp_path: Path
) -> None:
    columns = "id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao"
    rows = f"select {columns}, recebida_em, gravada_em, mensagem_id, chave from batida order by id"
    empty.execute(PUNCHES)
    empty.execute("alter table batida drop column sequencia")  # simulates a stage older than this column

    for _ in range(2):
        copy_rows(ROOT / "docs" / "operations.md", "Recover missing rows", empty, database, tmp_path)

    assert database.execute(rows) == empty.execute(rows)
    assert database.execute("select sequencia from batida") == [(None,), (None,)]
