"""`ponto person` of an employee whose punches were corrected."""

import json

import pytest

from slices.corrections.tests.correcting import CORRECTIONS_SQL
from slices.reports.tests.company import database as database
from slices.reports.tests.company import shared_database
from slices.reports.tests.postgres.test_person import EMPLOYEE_106_ROWS, Stage, require_same_files
from slices.reports.tests.postgres.test_person import dev as dev

# Additions in a month without punches
MORE_CORRECTIONS = """
insert into correcao (usuario_id, tipo, ponto, motivo) values
    (106, 'inclusao', '2025-05-05T00:00Z', 'forgotten'),
    (101, 'inclusao', '2025-05-05T00:00Z', 'of 101');
"""


unchanged_database = shared_database(EMPLOYEE_106_ROWS, CORRECTIONS_SQL, MORE_CORRECTIONS)


def test_person_has_all_corrections_of_the_employee_only(dev: Stage) -> None:
    result = dev.run(106, "--json")

    found = json.loads(dev.text())
    assert (result.status, result.json["corrections"], result.json["timeCards"]) == (0, 5, 3)
    assert [each["id"] for each in found["correcoes"]] == dev.execute(
        "select id::text from correcao where usuario_id = 106 order by criada_em"
    )
    assert set(found["correcoes"][0]) == dev.fields("correcao")
    assert [each["mes"] for each in found["espelhos"]] == ["2024-12", "2025-05", "2026-11"]
    assert [sum(day["batidas"] for day in each["dias"]) for each in found["espelhos"]] == [1, 1, 6]
    page = dev.text("html")
    assert "of 101" not in dev.text() + page
    assert "&lt;b&gt;Tapped twice" in page
    assert page.count('<article class="sheet time-card">') == 3


def test_function_and_connection_return_the_same(dev: Stage) -> None:
    require_same_files(dev)


def test_no_reason_is_printed_or_logged(dev: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "ponto")

    result = dev.run()

    logged = dev.functions.log.getvalue() + caplog.text + result.out + result.err
    assert "person_corrections" in logged
    assert "Tapped" not in logged
