"""The made-up company of `demo.sql`."""

import psycopg2
import pytest

from tests.database import Database
from tools.kit.project import ROOT

DEMO = (ROOT / "slices" / "reports" / "demo.sql").read_text(encoding="utf-8").rpartition("vacuum")[0]


def test_made_up_company_has_every_exception_and_gap(database: Database) -> None:
    database.execute(DEMO)

    found = dict(database.execute("select tipo, count(*) from excecoes('2026-08-01', '2026-10-31') group by tipo"))
    assert found.keys() == {"incompleta", "proxima", "futura", "atrasada", "reaberta", "relogio", "redefinida"}
    assert {state for (state,) in database.execute("select situacao from lacunas")} == {"faltam"}
    [(employees, punches)] = database.execute("select count(distinct usuario_id), count(*) from batida")
    assert (employees, 40_000 < punches < 52_000) == (200, True)

    with pytest.raises(psycopg2.errors.UniqueViolation, match="funcionario"):
        database.execute(DEMO)
