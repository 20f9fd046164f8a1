"""`ponto report` of employees with corrections: golden files, and details of each format.

    GOLDEN=write make test ARGS="slices/corrections/tests/postgres/test_report_command.py -k golden"

writes the golden files; look at the difference before committing it.
"""

from typing import Any

import pytest

from slices.corrections.tests.correcting import CORRECTIONS_SQL, GOLDEN
from slices.reports.tests.company import MONTH, NOVEMBER, Run, require_golden, shared_database
from slices.reports.tests.company import database as database
from slices.reports.tests.postgres.test_report import TOTALS
from slices.reports.tests.postgres.test_report import run as run

EXCEPTIONS = ("exceptions", *NOVEMBER, "--no-queue")
NIGHT = """
insert into funcionario (usuario_id, nome) values (111, 'Bia');
insert into batida (id, usuario_id, ponto, recebida_em)
values (gen_random_uuid(), 111, '2026-10-21 18:00-03', '2026-10-21 18:00-03');
insert into correcao (tipo, usuario_id, ponto, motivo) values ('inclusao', 111, '2026-10-22 02:02-03', 'no tablet')
"""

unchanged_database = shared_database(CORRECTIONS_SQL, NIGHT)


def test_time_card_equals_its_golden_file(run: Run) -> None:
    require_golden(GOLDEN / "time_card.en.txt", ("timecard", "--employee", "106", *MONTH), run)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--format", "text"), "Oct 22, 2026 02:02 added by postgres"),
        (("--format", "html", "--lang", "pt"), "22/10/2026 02:02 incluída por postgres"),
        (("--format", "csv"), "inclusao 2026-10-22T02:02 postgres"),
        (("--format", "json"), '"dia": "2026-10-21", "local": "2026-10-22T02:02"'),
    ],
    ids=lambda words: " ".join(words[1::2]) if isinstance(words, tuple) else "",
)
def test_correction_after_midnight_has_the_date_of_its_time(words: tuple[str, ...], expected: str, run: Run) -> None:
    text = run("timecard", "--employee", 111, "--month", "2026-10", *words).out

    assert expected in " ".join(text.split())


AS_OF = ("--as-of", "2026-11-26T20:00")  # before the corrections of that day


def test_report_as_of_an_instant_has_no_later_corrections(run: Run) -> None:
    def corrected_day(*words: object) -> dict[str, Any]:
        (day,) = run("timecard", "--employee", 106, *MONTH, "--format", "json", *words).json["dias"][25:26]
        return {name: day[name] for name in ("batidas", "minutos", "incluidas", "correcoes")}

    assert corrected_day(*AS_OF) == {"batidas": 4, "minutos": 5 * 60, "incluidas": [], "correcoes": []}
    assert corrected_day("--as-of", "2026-11-26T23:00Z") == corrected_day(*AS_OF)
    # The first correction was written at this instant.
    assert corrected_day("--as-of", "2026-11-27T09:00")["batidas"] == 5
    assert corrected_day()["minutos"] == 8 * 60

    minutes = {
        total["usuarioId"]: total["minutos"] for total in run(*TOTALS, *AS_OF, "--format", "json").json["totais"]
    }
    assert minutes[106] == 15 * 60 + 1
    assert "incluida" not in run(*EXCEPTIONS, *AS_OF, "--format", "json").json["totais"]
