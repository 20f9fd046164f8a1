"""The function `read` on employees with corrections, and while a correction is uncommitted."""

import pytest

from slices.corrections.tests.correcting import CORRECTIONS_SQL
from slices.reports.tests.company import NUMBERED_PUNCHES, Run, shared_database
from slices.reports.tests.company import database as database
from slices.reports.tests.postgres.test_report_function import REPORTS, require_wait_for_writer
from slices.reports.tests.postgres.test_report_function import calls as calls
from slices.reports.tests.postgres.test_report_function import function as function
from slices.reports.tests.postgres.test_report_function import run as run

unchanged_database = shared_database(NUMBERED_PUNCHES, CORRECTIONS_SQL)

INSERT_LATE_CORRECTION = (
    "set constraints all immediate;"  # so that the deferred trigger does not see the time of the commit
    " insert into correcao (tipo, usuario_id, ponto, motivo) values ('inclusao', 101, '2026-11-03 21:00Z', 'late')"
)


@pytest.mark.parametrize("name", ["time_cards", "exceptions", "time_cards as of", "changes"])
def test_report_by_the_function_equals_that_by_a_connection(name: str, run: Run) -> None:
    words = (*REPORTS[name], "--format", "json")
    assert run(*words, "--stage", "local") == run(*words)


def test_earlier_instant_is_not_read_while_a_correction_is_uncommitted(database: str) -> None:
    require_wait_for_writer(database, "postgres", INSERT_LATE_CORRECTION)
