"""The correction for the fictitious company of `ponto demo`."""

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from slices.corrections.demo import add_forgotten_punch
from slices.corrections.tests.correcting import CorrectionsDatabase
from slices.corrections.tests.correcting import database as database
from slices.reports.tests.postgres.test_demo import Demo, Execute
from slices.reports.tests.postgres.test_demo import execute as execute
from slices.reports.tests.postgres.test_demo import run as run


@pytest.mark.parametrize("until", ["2026-10", "2018-11"])
def test_demo_corrects_one_incomplete_day(until: str, run: Demo, execute: Execute) -> None:
    counts = run("--employees", "60", "--months", "2", "--until", until, "--json").json["counts"]

    assert counts["corrected"] == 1
    found: dict[str, int] = dict(
        execute("select tipo, count(*) from excecoes(%s, %s) group by tipo", "2018-10-01", "2026-10-31")
    )
    assert (found["incluida"], found["incompleta"]) == (1, counts["oddDays"])


def test_forgotten_end_of_a_night_is_added_after_its_last_punch(database: CorrectionsDatabase) -> None:
    database.employ(1, ZoneInfo("America/Rio_Branco"), cutoff=time(12))
    database.punch(1, "2026-10-06 22:00 26:00 27:30")  # the last is at 08:30Z, and the added one at 12:30Z

    with database.session.cursor() as cursor:
        assert add_forgotten_punch(cursor, (1, 1), date(2026, 10, 31)) == 1
    assert database.card(1, "2026-10") == ["2026-10-06 22:00 02:00 03:30 07:30 = 480, 330"]
