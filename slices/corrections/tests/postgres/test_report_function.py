"""Reports as of an earlier instant while a correction is uncommitted."""

from slices.corrections.tests.correcting import CORRECTIONS_SQL
from slices.reports.tests.company import NUMBERED_PUNCHES, Run, shared_database
from slices.reports.tests.company import database as database
from slices.reports.tests.postgres.test_report_function import function as function
from slices.reports.tests.postgres.test_report_function import require_refusal_while_uncommitted
from slices.reports.tests.postgres.test_report_function import run as run
from tests.functions import Functions

unchanged_database = shared_database(NUMBERED_PUNCHES, CORRECTIONS_SQL)

INSERT_LATE_CORRECTION = (
    "set constraints all immediate;"  # so that the deferred trigger does not see the time of the commit
    " insert into correcao (tipo, usuario_id, ponto, motivo) values ('inclusao', 101, '2026-11-03 21:00Z', 'late')"
)


def test_report_of_an_earlier_instant_is_refused_while_a_correction_is_uncommitted(
    run: Run, function: Functions, database: str
) -> None:
    require_refusal_while_uncommitted(run, function, database, INSERT_LATE_CORRECTION)
