"""The correction of the company that `ponto demo` makes up."""

import pytest

from slices.reports.tests.postgres.test_demo import Ask, Demo
from slices.reports.tests.postgres.test_demo import ask as ask
from slices.reports.tests.postgres.test_demo import run as run


@pytest.mark.parametrize("until", ["2026-10", "2018-11"])
def test_one_day_is_corrected_and_odd_no_more(until: str, run: Demo, ask: Ask) -> None:
    counts = run("--employees", "60", "--months", "2", "--until", until, "--json").json["counts"]

    assert counts["corrected"] == 1
    found: dict[str, int] = dict(
        ask("select tipo, count(*) from excecoes(%s, %s) group by tipo", "2018-10-01", "2026-10-31")
    )
    assert (found["incluida"], found["incompleta"]) == (1, counts["oddDays"])
